using System.Net;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;

namespace Evergrain.Frontend.Tests.Admission;

/// <summary>The bounds of <c>POST /v1/responses</c>, over <c>POST /v1/chat/completions</c>.</summary>
public sealed class CompletionBoundsTests : IDisposable
{
    private const string Hello = """[{"say":"hello"}]""";

    // One permit lets one turn start.
    private readonly SemaphoreSlim _started = new(0);
    private readonly ScriptedConversations _conversations;

    public CompletionBoundsTests() => _conversations = new ScriptedConversations
    {
        OnStart = async _ => Assert.True(await _started.WaitAsync(TestServer.Patience)),
    };

    public void Dispose() => _started.Dispose();

    [Theory]
    [InlineData("Admission:RunningTurnsMax", 503, "server_is_overloaded", "")]
    [InlineData("Tenants:default:RunningTurnsMax", 429, "rate_limit_exceeded", ",\"stream\":true")]
    public async Task Request_ThatFoundNoPlaceInTime_IsRefusedWithATimeToComeBack(
        string setting, int status, string code, string more)
    {
        await using var server = await TestServer.StartAsync(
            _conversations, (setting, "1"), ("Admission:QueueTimeout", "00:00:00.2"));
        using var http = HttpTurns.Connect(server);
        var first = http.PostChatAsync(ChatRequests.Of(Hello));
        await _conversations.HearAsync("start");

        using var answer = await http.PostChatAsync(ChatRequests.Of(Hello, more));

        Assert.Equal("true", answer.Headers.GetValues("x-should-retry").Single());
        (await HttpTurns.ReadAsync(answer)).AssertRefused(status, code, null);
        _started.Release();
        Assert.Equal(HttpStatusCode.OK, (await first).StatusCode);
        Assert.Equal(0L, server.Get<ByteBudget>().Held);
    }

    [Fact]
    public async Task Request_AndItsCreate_AreChargedUntilItsTurnHasStarted()
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);
        var padding = $"{{\"role\":\"system\",\"content\":\"{new string('x', 1_000_000)}\"}}";

        var posting = http.PostChatAsync(ChatRequests.With($"{ChatRequests.User(Hello)},{padding}"));
        await _conversations.HearAsync("start");

        // Both are rented in powers of two; the body's memory is back, and its charge goes with that of the create.
        Assert.InRange(server.Get<ByteBudget>().Held, 2 << 20, 4 << 20);
        _started.Release();
        Assert.Equal(HttpStatusCode.OK, (await posting).StatusCode);
        Assert.Equal(0L, server.Get<ByteBudget>().Held);
    }

    [Theory]
    [InlineData(8192, 200)]
    [InlineData(8193, 413)]
    public async Task Body_TooLong_IsRefused(int length, int status)
    {
        await using var server = await TestServer.StartAsync(_conversations, ("BodyBytesMax", "8192"));
        using var http = HttpTurns.Connect(server);
        _started.Release();
        var request = ChatRequests.Of(Hello, ",\"x\":\"\"");
        request = request.Insert(request.Length - 2, new string('x', length - request.Length));

        using var answer = await http.PostChatAsync(request);

        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Fact]
    public async Task Messages_LongerAsItemsThanABodyMayBe_AreRefused()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("BodyBytesMax", "8192"));
        using var http = HttpTurns.Connect(server);

        // A thought of one letter becomes an item of a hundred bytes.
        var thoughts = string.Join(',', Enumerable.Repeat("""{"role":"assistant","reasoning":"x"}""", 200));
        var refused = await http.RefusedChatAsync(ChatRequests.With(thoughts));

        refused.AssertRefused(413, "request_too_large", "messages");
        Assert.Equal(0L, server.Get<ByteBudget>().Held);
    }
}
