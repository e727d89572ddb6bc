using System.Diagnostics;
using Evergrain.Grains;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests.Moving;

/// <summary>Two silos are well, and what one sends the other gets lost.</summary>
public sealed class SiloConnectionTests
{
    // Two exchanges without an answer within a second, then what Orleans asks again after 5 s: 7 s on a quiet machine,
    // and --long runs on one. On a connection that is not made anew, a call is refused when its router has asked for
    // as long as it may.
    private static readonly TimeSpan GoOnMax = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 }
        ? TimeSpan.FromSeconds(25)
        : Waits.Patience;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    [Fact]
    public async Task Connection_OnWhichNothingArrives_IsMadeAnewAndConversationsGoOn()
    {
        const int conversations = 60;
        await using var host = await ClusterHost.StartAloneAsync(
            new TestWorld(), count: 3, options: new() { RetryTime = Waits.Patience });
        var client = new ContractClient(host, "default", lease: 1);
        var ids = await Task.WhenAll(Enumerable.Range(0, conversations).Select(i => client.TellAsync($"hello {i}")));
        var (one, other) = (host.Silos.Cluster.Silos[0], host.Silos.Cluster.Silos[1]);
        var silenced = host.Silos.Connections.Silence(one.Name, other.SiloAddress.Endpoint) +
            host.Silos.Connections.Silence(other.Name, one.SiloAddress.Endpoint);
        Assert.NotEqual(0, silenced);

        var lost = Stopwatch.GetTimestamp();
        using var rounds = new CancellationTokenSource();
        var exchanging = ExchangeAsync(host, rounds.Token);
        await Task.WhenAll([
            .. ids.Select(id => client.TellAsync("next", id)),

            // Where these are, nobody has asked yet.
            .. Enumerable.Range(0, conversations).Select(i => client.TellAsync($"new {i}")),
        ]);
        var took = Stopwatch.GetElapsedTime(lost);
        await rounds.CancelAsync();
        await exchanging;

        Assert.InRange(took, TimeSpan.Zero, GoOnMax);
        Assert.Contains(host.World.Text.Lines,
            static line => line.Contains("so that they are made anew", StringComparison.Ordinal));
        Assert.Equal(3, host.Silos.Cluster.Silos.Count(static silo => silo.IsActive));
    }

    private static async Task ExchangeAsync(ClusterHost host, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            host.Advance(new ConversationClusterOptions().ShareInterval);
            await Task.Delay(Pause, TimeProvider.System, CancellationToken.None);
        }
    }
}
