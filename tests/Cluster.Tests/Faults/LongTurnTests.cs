using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Evergrain.Suites.Crash;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>A turn that is longer than a rolling restart of everything.</summary>
[Trait("Needs", "Postgres")]
[Trait("Needs", "HAProxy")]
[Collection(nameof(FaultRound))]
public sealed class LongTurnTests(FaultFixture fixture, ITestOutputHelper output) : IDisposable
{
    private const int ServiceRestart = 1012;
    private const int Pieces = 20;
    private const int StartsInATurn = 8;
    private static readonly bool IsLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };
    private static readonly TimeSpan TurnTime = TimeSpan.FromSeconds(IsLong ? 600 : 40);
    private static readonly TimeSpan TurnTimeMax = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _patience = new(TurnTimeMax + TimeSpan.FromMinutes(10));

    // What the turn takes: the slower the machine is, the longer, so that the turn outlives the replacements.
    private TimeSpan _turnTime = TurnTime;

    private CancellationToken Token => _patience.Token;

    public void Dispose() => _patience.Dispose();

    [Fact]
    public async Task Turn_WhileAllSilosAndFrontendsAreReplaced_GoesOnOnItsSocket()
    {
        var begun = TimeProvider.System.GetTimestamp();
        await using var cluster = await ClusterProcesses.StartAsync(
            fixture.Postgres, silos: 2, IPAddress.Loopback, Token);
        var start = TimeProvider.System.GetElapsedTime(begun);
        _turnTime = TimeSpan.FromTicks(Math.Clamp(start.Ticks * StartsInATurn, TurnTime.Ticks, TurnTimeMax.Ticks));
        try
        {
            await RunAsync(cluster);
        }
        catch
        {
            output.WriteLine(cluster.Story);
            throw;
        }
    }

    private async Task RunAsync(ClusterProcesses cluster)
    {
        using var socket = await TurnSocket.ConnectAsync(cluster.Socket, "a session", Token, ClusterProcess.ClientKey);
        await socket.SendAsync(Create(Script(), null), Token);
        var created = await socket.ReceiveAsync(Token);
        var id = created.GetProperty("response").GetProperty("id").GetString();
        var reading = ReadAsync(socket);

        // The silos, both at once: the one that runs the turn stays for it.
        await cluster.AddSiloAsync(Token);
        await cluster.AddSiloAsync(Token);
        await Task.WhenAll(cluster.Silos.Take(2).Select(silo => silo.SignalAsync("TERM", Token)));
        await UntilAsync(() => cluster.Silos.Take(2).Count(static silo => silo.HasExited) == 1);

        // The frontends: the one that has the socket keeps it, and clients that come now go to the other.
        var holder = await HeldAsync(cluster.Frontends[0]) > 0 ? 0 : 1;
        await cluster.Frontends[1 - holder].SignalAsync("TERM", Token);
        Assert.Equal(0, await cluster.Frontends[1 - holder].ExitAsync(Token));
        await cluster.RestartFrontendAsync(1 - holder, Token);
        await cluster.Frontends[holder].SignalAsync("TERM", Token);
        await UntilDownAsync(cluster.Frontends[holder]);
        using (var other = await TurnSocket.ConnectAsync(cluster.Socket, "a session", Token, ClusterProcess.ClientKey))
        {
            await other.SendAsync(Create("""[{"say":"hi"}]""", null), Token);
            Assert.Equal("response.completed", await TerminalAsync(other));
            await other.SendAsync(Create("""[{"say":"too early"}]""", id), Token);
            Assert.Equal("error", await TerminalAsync(other));
        }

        Assert.False(reading.IsCompleted);
        Assert.Single(cluster.Silos.Take(2), static silo => !silo.HasExited);
        Assert.False(cluster.Frontends[holder].HasExited);

        Assert.Equal(string.Concat(Enumerable.Range(0, Pieces).Select(Piece)), await reading);
        await Assert.ThrowsAsync<WebSocketException>(() => socket.ReceiveAsync(Token));
        Assert.Equal(ServiceRestart, socket.CloseStatus);
        Assert.Equal(0, await cluster.Frontends[holder].ExitAsync(Token));
        foreach (var silo in cluster.Silos.Take(2))
        {
            Assert.Equal(0, await silo.ExitAsync(Token));
        }

        await GoesOnAsync(cluster, id!);
    }

    /// <summary>The client's one change of sockets: its next turn begins warm on a new silo.</summary>
    private async Task GoesOnAsync(ClusterProcesses cluster, string id)
    {
        using var next = await TurnSocket.ConnectAsync(cluster.Socket, "a session", Token, ClusterProcess.ClientKey);
        await next.SendAsync(Create("""[{"say":"and on"}]""", id), Token);
        Assert.Equal("response.completed", await TerminalAsync(next));
        var metrics = await Task.WhenAll(cluster.Silos.Skip(2).Select(silo => silo.ReadMetricsAsync(Token)));
        Assert.Equal(0, metrics.Sum(static silo => silo["evergrain.items.recovered"]));
        Assert.NotEqual(0, metrics.Sum(static silo => silo["evergrain.conversations.rehydrated"]));
    }

    private static string Piece(int number) => string.Create(CultureInfo.InvariantCulture, $"piece {number} ");

    private string Script()
    {
        var pieces = Enumerable.Range(0, Pieces).Select(number => new
        {
            say = Piece(number),
            delay_ms = (int)(_turnTime / Pieces).TotalMilliseconds,
        });
        return JsonSerializer.Serialize(new[] { new { parallel = pieces } });
    }

    private static byte[] Create(string script, string? previous) => JsonSerializer.SerializeToUtf8Bytes(new
    {
        type = "response.create",
        model = "demo",
        input = "@@script " + script,
        previous_response_id = previous,
    });

    private async Task<string> ReadAsync(TurnSocket socket)
    {
        var text = new StringBuilder();
        while (true)
        {
            var frame = await socket.ReceiveAsync(Token);
            switch (TypeOf(frame))
            {
                case "response.output_text.delta":
                    text.Append(frame.GetProperty("delta").GetString());
                    break;
                case "response.completed":
                    return text.ToString();
                case "response.failed" or "response.incomplete" or "error":
                    Assert.Fail(frame.ToString());
                    break;
            }
        }
    }

    private async Task<string> TerminalAsync(TurnSocket socket)
    {
        string type;
        do
        {
            type = TypeOf(await socket.ReceiveAsync(Token));
        }
        while (type is not ("response.completed" or "response.failed" or "response.incomplete" or "error"));

        return type;
    }

    private static string TypeOf(JsonElement frame) => frame.GetProperty("type").GetString()!;

    private async Task<double> HeldAsync(ClusterProcess frontend) =>
        (await frontend.ReadMetricsAsync(Token))["evergrain.connections.held"];

    private async Task UntilDownAsync(ClusterProcess frontend)
    {
        while (true)
        {
            using var answer = await frontend.Http.GetAsync(new Uri("/health/ready", UriKind.Relative), Token);
            if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
            {
                // As long as HAProxy may take to hear it too: a connection that comes before gets 503.
                await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System, Token);
                return;
            }

            await Task.Delay(Look, TimeProvider.System, Token);
        }
    }

    private async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(Look, TimeProvider.System, Token);
        }
    }
}
