using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Transports;

namespace Evergrain.Frontend.Tests.Http;

/// <summary>How a live stream ends, and what it costs its conversation.</summary>
public sealed class LiveStreamTests
{
    private const string Path = "/evergrain/conversations/conv_0000000000000000000000/live";

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    [Fact]
    public async Task Stream_AfterItsTime_EndsAndSaysSo()
    {
        var time = new ManualTime();
        var conversations = new ScriptedConversations { Time = time };
        await using var server = await TestServer.StartAsync(conversations);
        using var http = HttpTurns.Connect(server);
        var looked = time.ArmedAsync(Interval);
        using var stream = await http.GetStreamAsyncOf(Path);
        await looked;

        time.Advance(TimeSpan.FromMinutes(10));

        Assert.Empty(await stream.ReadToEndAsync());
    }

    [Fact]
    public async Task Stream_OfAServerThatStops_EndsAndHoldsNothingUp()
    {
        var server = await TestServer.StartAsync(new ScriptedConversations());
        using var http = HttpTurns.Connect(server);
        using var stream = await http.GetStreamAsyncOf(Path);

        var stopping = server.StopAsync();

        Assert.Empty(await stream.ReadToEndAsync());
        await stopping.WaitAsync(TestServer.Patience);
        await server.DisposeAsync();
    }

    [Fact]
    public async Task Stream_WhoseClientLeft_LooksNoMore()
    {
        var time = new ManualTime();
        var conversations = new ScriptedConversations { Time = time };
        await using var server = await TestServer.StartAsync(conversations);
        using var http = HttpTurns.Connect(server);
        var looked = time.ArmedAsync(Interval);
        var stream = await http.GetStreamAsyncOf(Path);
        await looked;
        await conversations.HearAsync("live");
        time.Advance(Interval);
        await conversations.HearAsync("live");

        stream.Dispose();
        using var patience = new CancellationTokenSource(TestServer.Patience);
        for (var quiet = 0; quiet < 5; quiet++)
        {
            // The server may look some times more before it sees that the client has gone.
            var before = conversations.Calls.Count;
            time.Advance(Interval);
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, patience.Token);
            quiet = conversations.Calls.Count == before ? quiet : -1;
        }
    }

    [Fact]
    public async Task Stream_OfAConversationThatGoes_EndsWithTheReason()
    {
        var conversations = new ScriptedConversations();
        await using var server = await TestServer.StartAsync(conversations);
        using var http = HttpTurns.Connect(server);
        using var stream = await http.GetStreamAsyncOf(Path);

        conversations.OnLive = static () => throw ConversationException.Of(RefusalKind.NotFound, "It is gone.");

        var error = Assert.Single(await stream.ReadToEndAsync());
        Assert.Equal(("error", "not_found", "It is gone."), (error.TypeOf(),
            error.GetProperty("code").GetString(), error.GetProperty("message").GetString()));
    }
}
