using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;

namespace Evergrain.Frontend.Tests.Http;

/// <summary>When an event stream begins and waits, and how one ends that cannot go on.</summary>
public sealed class EventStreamTests
{
    private const string Hello = """[{"say":"hello"}]""";
    private const string Slow = """[{"say":"late","delay_ms":2000}]""";
    private const string Long = """[{"say":"late","delay_ms":60000}]""";

    private readonly ScriptedConversations _conversations = new();

    [Fact]
    public async Task Events_FirstOne_ComesWhileTheTurnRuns()
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);

        using var stream = await EventStreamReader.OpenAsync(
            await http.PostCreateAsync(Creates.Of(Long, ",\"stream\":true,\"store\":false")));

        Assert.Equal("response.created", (await stream.ReadAsync())!.Value.TypeOf());
    }

    [Fact]
    public async Task Wait_Silent_IsBrokenByComments()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("KeepaliveInterval", "00:00:00.1"));
        using var http = HttpTurns.Connect(server);

        using var stream = await EventStreamReader.OpenAsync(
            await http.PostCreateAsync(Creates.Of(Slow, ",\"stream\":true")));
        var events = await stream.ReadToEndAsync();

        Assert.True(stream.Comments > 1);
        Assert.All(events, static e => Assert.True(e.TryGetProperty("sequence_number", out _)));
        Assert.Equal("response.completed", events[^1].TypeOf());
    }

    [Theory]
    [InlineData("originator", "codex_cli_rs", false)]
    [InlineData("User-Agent", "codex_exec/0.169.0", false)]
    [InlineData("x-codex-window-id", "a:1", false)]
    [InlineData("evergrain-keepalive", "1", false)]
    [InlineData("evergrain-keepalive", "1", true)]
    public async Task Wait_SilentForWhoCountsEvents_IsBrokenByEventsWithoutANumber(string header, string value,
        bool isBackground)
    {
        await using var server = await TestServer.StartAsync(_conversations, ("KeepaliveInterval", "00:00:00.1"));
        using var http = HttpTurns.Connect(server);
        http.DefaultRequestHeaders.TryAddWithoutValidation(header, value);
        var more = isBackground ? ",\"stream\":true,\"background\":true" : ",\"stream\":true";

        using var stream = await EventStreamReader.OpenAsync(await http.PostCreateAsync(Creates.Of(Slow, more)));
        var events = await stream.ReadToEndAsync();

        Assert.Equal(0, stream.Comments);
        Assert.True(events.Count(static e => e.TypeOf() == "keepalive") > 1);
        var numbered = events.Where(static e => e.TryGetProperty("sequence_number", out _)).ToList();
        Assert.Equal(Enumerable.Range(0, numbered.Count),
            numbered.Select(static e => e.GetProperty("sequence_number").GetInt32()));
        Assert.Equal("response.completed", events[^1].TypeOf());
    }

    [Fact]
    public async Task Wait_SilentInAStreamThatIsReadAgain_IsBrokenByEvents()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("KeepaliveInterval", "00:00:00.1"));
        using var http = HttpTurns.Connect(server);
        http.DefaultRequestHeaders.Add("evergrain-keepalive", "1");
        var begun = await http.AnswerAsync(Creates.Of(Slow, ",\"background\":true"));

        using var stream = await http.GetStreamAsyncOf($"/v1/responses/{begun.Id}?stream=true&starting_after=0");
        var events = await stream.ReadToEndAsync();

        Assert.Contains(events, static e => e.TypeOf() == "keepalive");
        Assert.Equal("response.completed", events[^1].TypeOf());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Failure_AfterTheFirstEvent_IsAnErrorEvent(bool isExpected)
    {
        _conversations.OnEnd = _ => throw (isExpected
            ? ConversationException.Of(RefusalKind.Unavailable, "It moved.", "here")
            : new InvalidOperationException("secret"));
        await using var server = await TestServer.StartAsync(_conversations);
        server.ExpectsErrors = !isExpected;
        using var http = HttpTurns.Connect(server);

        using var stream = await EventStreamReader.OpenAsync(
            await http.PostCreateAsync(Creates.Of(Hello, ",\"stream\":true")));
        var events = await stream.ReadToEndAsync();

        Assert.Equal(2, events.Count);
        Assert.Equal("type sequence_number code message param",
            string.Join(' ', events[1].EnumerateObject().Select(static member => member.Name)));
        Assert.Equal(("error", "server_error", 1), (events[1].TypeOf(), events[1].GetProperty("code").GetString(),
            events[1].GetProperty("sequence_number").GetInt32()));
        Assert.Equal(isExpected ? "here" : null, events[1].GetProperty("param").GetString());
        Assert.DoesNotContain("secret", events[1].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reader_ThatDoesNotRead_LosesItsConnection()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("SendTimeout", "00:00:00.2"));
        using var raw = await RawSocket.ConnectAsync(server);

        await raw.PostAsync(Creates.Of($$"""[{"say":"{{new string('x', 15 << 20)}}"}]""",
            ",\"stream\":true,\"store\":false"));

        await _conversations.HearAsync("release");
    }

    [Fact]
    public async Task Drain_RunningTurn_EndsItsStreamFirst()
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);
        using var stream = await EventStreamReader.OpenAsync(
            await http.PostCreateAsync(Creates.Of(Slow, ",\"stream\":true")));
        await stream.ReadAsync();

        var stopping = server.StopAsync();

        Assert.Equal("response.completed", (await stream.ReadToEndAsync())[^1].TypeOf());
        await stopping;
    }

    [Fact]
    public async Task Drain_OverItsDeadline_EndsTheStreamWithAnError()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("DrainTimeout", "00:00:00.2"),
            ("CloseTimeout", "00:00:02"));
        using var http = HttpTurns.Connect(server);
        using var stream = await EventStreamReader.OpenAsync(
            await http.PostCreateAsync(Creates.Of(Long, ",\"stream\":true")));
        await stream.ReadAsync();
        using var waiting = HttpTurns.Connect(server);
        var answer = waiting.AnswerAsync(Creates.Of(Long));
        await _conversations.HearAsync("read");
        await _conversations.HearAsync("read");

        await server.StopAsync();

        Assert.Equal("error", Assert.Single(await stream.ReadToEndAsync()).TypeOf());
        (await answer).AssertRefused(503, "server_error", null);
    }

    [Theory]
    [InlineData("?stream=yes", 400, "stream")]
    [InlineData("?stream=true&starting_after=x", 400, "starting_after")]
    [InlineData("?stream=true&starting_after=-1", 400, "starting_after")]
    [InlineData("?stream=true&starting_after=2147483647", 400, "starting_after")]
    [InlineData("?stream=true&starting_after=99999999999", 400, "starting_after")]
    [InlineData("?stream=false&include_obfuscation=false", 200, null)]
    public async Task Stream_Query_IsChecked(string query, int status, string? param)
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);
        var id = (await http.AnswerAsync(Creates.Of(Hello))).Id;

        using var answer = await http.GetAsync($"/v1/responses/{id}{query}");

        Assert.Equal(status, (int)answer.StatusCode);
        if (param is not null)
        {
            Assert.Equal(param, JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.ParamOf());
        }
    }
}
