using Evergrain.Conversations.Lifetimes;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;

namespace Evergrain.Cluster.Tests;

/// <summary>Of all silos one sweeps, and when it dies another one does.</summary>
public sealed class SweeperTests
{
    private static readonly TimeSpan LookPause = TimeSpan.FromMilliseconds(20);

    [Fact]
    public async Task Sweeper_IsOneSilo_AndAnotherOnceItIsDead()
    {
        await using var host = await ClusterHost.StartAloneAsync(new TestWorld(), count: 3);
        var silos = host.Silos.Cluster.Silos.ToList();
        await UntilAsync(() => silos.Count(IsSweeper) == 1);
        var sweeper = silos.Single(IsSweeper);
        await host.Silos.KillAsync(sweeper);
        silos.Remove(sweeper);
        await UntilAsync(() => silos.Count(IsSweeper) == 1);
    }

    private static bool IsSweeper(InProcessSiloHandle silo) =>
        silo.ServiceProvider.GetRequiredService<WarmCalls>().IsSweeper();

    private static async Task UntilAsync(Func<bool> isSo)
    {
        using var patience = new CancellationTokenSource(Waits.Patience);
        while (!isSo())
        {
            await Task.Delay(LookPause, TimeProvider.System, patience.Token);
        }
    }
}
