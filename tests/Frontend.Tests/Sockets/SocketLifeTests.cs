using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Frontend.Turns;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Sockets;

namespace Evergrain.Frontend.Tests.Sockets;

/// <summary>How a connection lives and ends: keepalives, leases, faults behind it, its lifetime, a drain.</summary>
public sealed class SocketLifeTests
{
    private const string Hello = """[{"say":"hello"}]""";
    private const string Long = """[{"say":"late","delay_ms":60000}]""";
    private const string Slow = """[{"say":"late","delay_ms":2000}]""";
    private const string Keepalive = "evergrain:keepalive";
    private const string Unstored = ",\"store\":false";

    private readonly ScriptedConversations _conversations = new();

    [Theory]
    [InlineData("originator", "codex_exec")]
    [InlineData("User-Agent", "codex_cli_rs/0.169.0")]
    [InlineData("x-codex-window-id", "a:1")]
    [InlineData("evergrain-keepalive", "1")]
    public async Task Wait_SilentForWhoAsked_SendsKeepalives(string header, string value)
    {
        await using var server = await TestServer.StartAsync(_conversations, ("KeepaliveInterval", "00:00:00.1"));
        using var client = await WireClient.ConnectAsync(server, (header, value));

        var events = await client.RunAsync(WireClient.Create(Slow));

        Assert.Contains(events, e => e.TypeOf() == Keepalive && !e.TryGetProperty("sequence_number", out _));
        Assert.Equal("response.completed", events[^1].TypeOf());
    }

    [Theory]
    [InlineData("User-Agent", "OpenAI/JS 7.57.0")]
    [InlineData("evergrain-keepalive", "0")]
    public async Task Wait_SilentForOthers_StaysSilent(string header, string value)
    {
        await using var server = await TestServer.StartAsync(_conversations, ("KeepaliveInterval", "00:00:00.1"));
        using var client = await WireClient.ConnectAsync(server, (header, value));

        Assert.DoesNotContain(await client.RunAsync(WireClient.Create(Slow)), e => e.TypeOf() == Keepalive);
    }

    [Fact]
    public async Task Peer_GoneDuringKeepalives_EndsTheReading()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("KeepaliveInterval", "00:00:00.1"));
        var client = await WireClient.ConnectAsync(server, ("evergrain-keepalive", "1"));
        await client.SendAsync(WireClient.Create(Long, Unstored));
        await client.ReceiveAsync();
        await client.ReceiveAsync();

        client.Dispose();

        await _conversations.HearAsync("release");
    }

    [Fact]
    public async Task Start_Unavailable_IsAnErrorAndTheSocketStays()
    {
        _conversations.OnStart = static _ => throw ConversationException.Of(RefusalKind.Unavailable, "Moving.");
        await using var server = await TestServer.StartAsync(_conversations);
        using var client = await WireClient.ConnectAsync(server);

        var error = Assert.Single(await client.RunAsync(WireClient.Create(Hello)));
        _conversations.OnStart = static _ => ValueTask.CompletedTask;

        Assert.Equal((503, "server_error"), (error.StatusOf(), error.CodeOf()));
        Assert.Single(_conversations.Calls, call => call.Verb == "start");
        Assert.Equal("response.completed", (await client.RunAsync(WireClient.Create(Hello)))[^1].TypeOf());
    }

    [Fact]
    public async Task Start_Fault_IsMaskedWithAnIdThatTheLogHolds()
    {
        _conversations.OnStart = static _ => throw new InvalidOperationException("secret");
        await using var server = await TestServer.StartAsync(_conversations);
        server.ExpectsErrors = true;
        using var client = await WireClient.ConnectAsync(server);

        var error = Assert.Single(await client.RunAsync(WireClient.Create(Hello)));
        _conversations.OnStart = static _ => ValueTask.CompletedTask;

        Assert.Equal((500, "server_error"), (error.StatusOf(), error.CodeOf()));
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
        var id = error.GetProperty("error").GetProperty("message").GetString()!.TrimEnd('.').Split(' ')[^1];
        Assert.Contains(server.Warnings, line => line.Contains(id, StringComparison.Ordinal) &&
            line.Contains("secret", StringComparison.Ordinal));
        Assert.Equal("response.completed", (await client.RunAsync(WireClient.Create(Hello)))[^1].TypeOf());
    }

    [Fact]
    public async Task Lease_OfUnstoredTurns_IsRenewedAndReleasedWithTheConnection()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("LeaseInterval", "00:00:00.1"));
        using var client = await WireClient.ConnectAsync(server);

        await client.RunAsync(WireClient.Create(Hello, Unstored));
        await _conversations.HearAsync("hold");
        await _conversations.HearAsync("hold");
        Assert.DoesNotContain(_conversations.Calls, call => call.Verb == "release");
        await client.CloseAsync();
        await _conversations.HearAsync("release");

        Assert.Single(_conversations.Calls.Select(call => (call.Key, call.Lease)).Distinct());
    }

    [Fact]
    public async Task Lease_OfStoredTurns_IsNotHeld()
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using (var client = await WireClient.ConnectAsync(server))
        {
            await client.RunAsync(WireClient.Create(Hello));
            await client.CloseAsync();
        }

        await server.StopAsync();
        Assert.DoesNotContain(_conversations.Calls, call => call.Verb is "hold" or "release");
    }

    [Fact]
    public async Task Lease_OfTooManyConversations_ReleasesTheOldest()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("LeasesMax", "2"));
        using var client = await WireClient.ConnectAsync(server);

        for (var i = 0; i < 3; i++)
        {
            await client.RunAsync(WireClient.Create(Hello, Unstored));
        }

        var released = Assert.Single(_conversations.Calls, call => call.Verb == "release");
        Assert.Equal(_conversations.Calls.First(call => call.Verb == "start").Key, released.Key);
    }

    [Fact]
    public async Task Lifetime_OverWhileIdle_SaysSoAndClosesWith1001()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("ConnectionLifetime", "00:00:01"));
        using var client = await WireClient.ConnectAsync(server);

        var error = await client.ReceiveAsync();

        Assert.Equal((400, "websocket_connection_limit_reached"), (error.StatusOf(), error.CodeOf()));
        Assert.Equal(1001, await client.ReadCloseAsync());
    }

    [Fact]
    public async Task Lifetime_OverDuringATurn_EndsTheTurnFirst()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("ConnectionLifetime", "00:00:03"));
        using var client = await WireClient.ConnectAsync(server);

        var events = await client.RunAsync(WireClient.Create("""[{"say":"late","delay_ms":4500}]"""));

        Assert.Equal("response.completed", events[^1].TypeOf());
        Assert.Equal("websocket_connection_limit_reached", (await client.ReceiveAsync()).CodeOf());
        Assert.Equal(1001, await client.ReadCloseAsync());
    }

    [Fact]
    public async Task Drain_IdleAndBusy_ClosesThemWith1012AfterTheTurn()
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var idle = await WireClient.ConnectAsync(server);
        using var busy = await WireClient.ConnectAsync(server);
        await busy.SendAsync(WireClient.Create(Slow));
        await busy.ReceiveAsync();

        var stopping = server.StopAsync();

        Assert.Equal(1012, await idle.ReadCloseAsync());
        await idle.CloseAsync();
        Assert.Equal("response.completed", (await busy.ReadTurnAsync())[^1].TypeOf());
        Assert.Equal(1012, await busy.ReadCloseAsync());
        await busy.CloseAsync();
        await stopping;
    }

    [Fact]
    public async Task Drain_OverItsDeadline_ClosesWith1012Anyway()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("DrainTimeout", "00:00:00.2"),
            ("CloseTimeout", "00:00:02"));
        using var busy = await WireClient.ConnectAsync(server);
        await busy.SendAsync(WireClient.Create(Long));
        await busy.ReceiveAsync();

        var stopping = server.StopAsync();

        Assert.Equal(1012, await busy.ReadCloseAsync());
        await stopping;
    }

    [Fact]
    public async Task Drain_OverWhileTurnsStart_IsNoFault()
    {
        const int clients = 16;
        await using var server = await TestServer.StartAsync(_conversations, ("DrainTimeout", "00:00:00.2"),
            ("CloseTimeout", "00:00:02"));
        var over = server.Get<ServerDrain>().Over;
        _conversations.OnStart = async _ =>
        {
            // What follows runs within the cancellation, for most before it has reached their sockets.
            var cut = new TaskCompletionSource();
            over.Register(cut.SetCanceled);
            await cut.Task;
        };
        var waiting = await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => WireClient.ConnectAsync(server)));
        await Task.WhenAll(waiting.Select(client => client.SendAsync(WireClient.Create(Hello))));
        for (var i = 0; i < clients; i++)
        {
            await _conversations.HearAsync("start");
        }

        var stopping = server.StopAsync();

        // Whether one still hears that the server restarts is a matter of time; nobody hears of a mistake.
        foreach (var client in waiting)
        {
            Assert.Equal(1012, await client.ReadCloseAsync());
            client.Dispose();
        }

        await stopping;
    }
}
