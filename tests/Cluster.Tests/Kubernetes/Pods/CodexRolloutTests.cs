using Evergrain.Cluster.Tests.Faults;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Kubernetes.Pods;

/// <summary>
/// The real Codex CLI loops through the Service while every pod is replaced. It stores nothing, and sends its whole
/// history to each pod that it reaches: what it sends again costs nothing there.
/// </summary>
[Trait("Needs", "Postgres")]
[Trait("Needs", "HAProxy")]
[Trait("Needs", "Kubectl")]
[Collection(nameof(FaultRound))]
public sealed class CodexRolloutTests(FaultFixture services, PodFixture pods, ITestOutputHelper output) : IDisposable
{
    // A conversation that does not answer within 50 ms is left. On a busy machine that happens, hardly three times.
    private const int RoundsMax = 3;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(10));

    private CancellationToken Token => _patience.Token;

    public void Dispose() => _patience.Dispose();

    [CodexFact]
    public async Task Codex_WhilePodsAreReplaced_PaysForNothingTwice()
    {
        var cluster = await pods.TakeAsync(async () => services.Postgres.Url(
            await services.Postgres.CreateDatabaseAsync()), RolloutTests.Rendered, Token);
        var isWell = false;
        try
        {
            await using var work = PodWork.Watch(cluster.Deployment, Look);
            for (var round = 1; !isWell; round++)
            {
                var before = await work.SumAsync();
                var loop = await LoopAsync(cluster, round);
                var done = await work.SumAsync() - before;
                output.WriteLine($"[note] Codex through a rolling restart: {loop}; {done}");
                isWell = done == new PodWork.Sum(loop.Items, loop.Items, Journaled: 0);
                Assert.True(isWell || (round < RoundsMax && done.Journaled == 0), $"{done} for {loop.Items} items");
            }
        }
        finally
        {
            if (isWell)
            {
                pods.Give(cluster);
            }
            else
            {
                await cluster.DisposeAsync();
                output.WriteLine(cluster.Deployment.Story);
            }
        }
    }

    /// <summary>Codex loops while every pod is replaced.</summary>
    private async Task<CodexLoop> LoopAsync(PodCluster cluster, int round)
    {
        await using var codex = CodexProcess.Start(cluster.Service.Port);
        await codex.CommandsAsync(2, Token);
        cluster.Deployment.Restart(int.MaxValue - round);
        await cluster.Deployment.UntilCompleteAsync(Token);
        var loop = await codex.FinishAsync(Token);
        Assert.True(loop is { IsWhole: true, Stored: false, Requests: 0 }, codex.Story);
        Assert.InRange(loop.Connections, 2, int.MaxValue);
        Assert.InRange(loop.SentAgain, 1, int.MaxValue);
        return loop;
    }
}
