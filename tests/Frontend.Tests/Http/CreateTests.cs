using System.Net;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;

namespace Evergrain.Frontend.Tests.Http;

/// <summary>
/// What <c>POST /v1/responses</c> does that a socket does otherwise or not at all; over real conversations in
/// <see cref="Suites.Http.RealCreateSuite"/>.
/// </summary>
public sealed class CreateTests
{
    private const string Hello = """[{"say":"hello"}]""";
    private const string Long = """[{"say":"late","delay_ms":60000}]""";
    private const string Slow = """[{"say":"late","delay_ms":600}]""";
    private const string Unstored = ",\"store\":false";

    private readonly ScriptedConversations _conversations = new();

    [Theory]
    [InlineData("""{"model":"demo","input":"x","stream":"yes"}""", "stream")]
    [InlineData("""{"model":"demo","input":"x","stream":1}""", "stream")]
    [InlineData("""{"model":"demo","input":"x","background":"yes"}""", "background")]
    [InlineData("""{"model":"demo","input":"x","background":true,"store":false}""", "background")]
    [InlineData("""{"model":"demo","input":"x","background":true,"store":false,"stream":true}""", "background")]
    [InlineData("", null)]
    [InlineData("[]", null)]
    [InlineData("\"x\"", null)]
    [InlineData("{} {}", null)]
    public async Task Create_Wrong_IsAnErrorThatIsNotRetried(string create, string? param)
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);

        using var answer = await http.PostCreateAsync(create);

        Assert.Equal("false", answer.Headers.GetValues("x-should-retry").Single());
        Assert.StartsWith("req_", answer.Headers.GetValues("x-request-id").Single(), StringComparison.Ordinal);
        (await HttpTurns.ReadAsync(answer)).AssertRefused(400, "invalid_value", param);
        Assert.Empty(_conversations.Calls);
    }

    [Theory]
    [InlineData("")]
    [InlineData("long")]
    public async Task IdempotencyKey_OfTheWrongLength_IsRefused(string key)
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);
        http.DefaultRequestHeaders.Add("Idempotency-Key", key == "long" ? new string('k', 256) : key);

        using var answer = await http.PostCreateAsync(Creates.Of(Hello));

        (await HttpTurns.ReadAsync(answer)).AssertRefused(400, "invalid_value", "idempotency_key");
    }

    [Fact]
    public async Task Background_RunningAtADrain_IsWaitedFor()
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);
        await http.AnswerAsync(Creates.Of(Slow, ",\"background\":true"));
        var isOver = false;
        _conversations.OnEnd = _ =>
        {
            isOver = true;
            return ValueTask.CompletedTask;
        };

        await server.StopAsync();

        Assert.True(isOver);
    }

    [Theory]
    [InlineData(RefusalKind.Unavailable, null, 503, "1", "1000", "true")]
    [InlineData(RefusalKind.Unavailable, 250, 503, "1", "250", "true")]
    [InlineData(RefusalKind.Overloaded, 2500, 503, "3", "2500", "true")]
    [InlineData(RefusalKind.TooManyRequests, null, 429, "1", "1000", "true")]
    [InlineData(RefusalKind.TooManyRequests, 61_000, 429, "61", "61000", "true")]
    [InlineData(RefusalKind.Internal, null, 500, null, null, "true")]
    [InlineData(RefusalKind.InputRefused, null, 400, null, null, "false")]
    [InlineData(RefusalKind.TooLarge, null, 413, null, null, "false")]
    public async Task Refusal_OfAKind_SaysWhetherAndWhenToTryAgain(
        RefusalKind kind, int? delay, int status, string? seconds, string? milliseconds, string shouldRetry)
    {
        _conversations.OnStart = _ => throw new ConversationException(new Refusal(kind, "No.")
        {
            RetryAfter = delay is { } ms ? TimeSpan.FromMilliseconds(ms) : null,
        });
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);

        using var answer = await http.PostCreateAsync(Creates.Of(Hello, ",\"stream\":true"));

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal((seconds, milliseconds, shouldRetry),
            (Header(answer, "Retry-After"), Header(answer, "retry-after-ms"), Header(answer, "x-should-retry")));
        Assert.Equal("No.", (await HttpTurns.ReadAsync(answer)).Refused?.Error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Start_Fault_IsMasked()
    {
        _conversations.OnStart = static _ => throw new InvalidOperationException("secret");
        await using var server = await TestServer.StartAsync(_conversations);
        server.ExpectsErrors = true;
        using var http = HttpTurns.Connect(server);

        var turn = await http.AnswerAsync(Creates.Of(Hello));

        turn.AssertRefused(500, "server_error", null);
        Assert.DoesNotContain("secret", $"{turn.Refused}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"stream\":true")]
    public async Task Lease_OfAnUnstoredTurn_IsHeldAndReleasedWithItsRequest(string more)
    {
        await using var server = await TestServer.StartAsync(_conversations, ("LeaseInterval", "00:00:00.1"));
        using var http = HttpTurns.Connect(server);

        using var answer = await http.PostCreateAsync(Creates.Of(Slow, Unstored + more));
        await _conversations.HearAsync("hold");
        await answer.Content.ReadAsStringAsync();
        await _conversations.HearAsync("release");

        Assert.Single(_conversations.Calls.Select(call => (call.Key, call.Lease)).Distinct());
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"stream\":true")]
    public async Task Client_GoneDuringAnUnstoredTurn_ReleasesIt(string more)
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using (var raw = await RawSocket.ConnectAsync(server))
        {
            await raw.PostAsync(Creates.Of(Long, Unstored + more));
            await _conversations.HearAsync("read");
        }

        await _conversations.HearAsync("release");
    }

    [Fact]
    public async Task Lease_OfAStoredTurn_IsNotHeld()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("LeaseInterval", "00:00:00.1"));
        using var http = HttpTurns.Connect(server);

        await http.AnswerAsync(Creates.Of(Slow));

        Assert.DoesNotContain(_conversations.Calls, call => call.Verb is "hold" or "release");
    }

    [Fact]
    public async Task Cancel_TurnThatTakesLongToEnd_IsAnsweredInTime()
    {
        var never = new TaskCompletionSource();
        _conversations.OnEnd = _ => new ValueTask(never.Task);
        await using var server = await TestServer.StartAsync(_conversations,
            ("CancelTimeout", "00:00:00.1"), ("DrainTimeout", "00:00:00.1"));
        using var http = HttpTurns.Connect(server);
        var begun = await http.AnswerAsync(Creates.Of(Long, ",\"background\":true"));

        Assert.Equal("in_progress", (await http.CancelAsync(begun.Id)).GetProperty("status").GetString());
    }

    private static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? values.Single() : null;
}
