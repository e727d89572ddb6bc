using Evergrain.Cluster.Tests.Faults;
using Evergrain.Suites.Crash;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Kubernetes.Pods;

/// <summary>
/// The rendered manifests run while clients loop. What clients saw is then compared with what is held.
/// </summary>
public abstract class PodRound(PodFixture pods, ITestOutputHelper output) : IDisposable
{
    private const double WarmShareMin = 0.95;

    protected static readonly bool IsLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };
    private static readonly int Rounds = FaultRound.Number("EVERGRAIN_ROUNDS", IsLong ? 10 : 1);
    private static readonly int ReplicasMax = IsLong ? 5 : 3;

    // In ./test other tests keep the machine busy: there the bound says only that clients go on.
    private static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(IsLong ? 1 : 15);

    private static readonly LoopPlan Plan = new(
        FaultRound.Number("EVERGRAIN_SEED", 20261129),
        FaultRound.Number("EVERGRAIN_CONVERSATIONS", IsLong ? 100 : 10),
        1 << 20, TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(IsLong ? 5 : 1.5), PodCluster.Key);

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(IsLong ? 60 : 10));

    protected CancellationToken Token => _patience.Token;

    /// <summary>What is rendered and run.</summary>
    protected abstract string Overlay { get; }

    public void Dispose()
    {
        _patience.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Makes a journal, and gives its URL.</summary>
    protected abstract Task<string> MakeJournalAsync();

    /// <summary>Pods are replaced, more come, and they go again: no turn is cut.</summary>
    protected Task ReplaceAndScaleAsync() => RunAsync(async (cluster, crowd) =>
    {
        var deployment = cluster.Deployment;
        var (before, left) = (await cluster.CountAsync(Token), PodCounts.Zero);
        deployment.BeforeLeaving = async pod => left += await PodCounts.ReadAsync(pod, Token);
        var usual = crowd.Since(crowd.Looping).Pauses;
        var (others, restarts) = (deployment.Pods.Except(deployment.Staying).ToList(), Restarts(deployment));
        var began = TimeProvider.System.GetTimestamp();
        var waits = new List<string>();
        foreach (var (what, begin) in Steps(cluster))
        {
            var moment = TimeProvider.System.GetTimestamp();
            begin(deployment);
            await deployment.UntilCompleteAsync(Token);
            await crowd.EachGoesOnAsync(1, Token);
            waits.Add($"{what} {FaultStory.Quantile(crowd.Since(moment).Pauses, 0.99).TotalMilliseconds:f0}");
        }

        var (after, story) = (await cluster.CountAsync(Token) + left, crowd.Since(began));
        var (warm, cold) = (after.Warm - before.Warm, after.Cold - before.Cold);
        var gone = deployment.Pods.Where(static pod => pod.HasGone).Except(others).ToList();
        Note($"{Rounds} rolling updates, then {cluster.Replicas} pods, {ReplicasMax}, " +
            $"{cluster.Replicas}: {story.Turns} turns, {story.Interrupted.Count} interrupted, {crowd.Cuts} " +
            $"cut, {crowd.Errors.Count} errors, {crowd.Refusals} connections refused, {crowd.Breaks} ended between " +
            $"turns; {gone.Count} pods left with {left.Held} conversations in at most " +
            $"{gone.Max(static pod => pod.LeavingTime).TotalSeconds:f0} s; {warm} arrived warm, {cold} cold; turns " +
            $"waited for {FaultStory.Spread(story.Pauses)} (before: {FaultStory.Spread(usual)}; p99 in ms while " +
            $"{string.Join(", ", waits)})");
        Assert.Empty(story.Interrupted);
        Assert.Equal((0, 0), (crowd.Cuts, crowd.Refusals));
        Assert.Empty(crowd.Errors);
        Assert.All(gone, static pod => Assert.Equal((0, false), (pod.ExitCode, pod.WasKilled)));
        Assert.Equal(restarts, Restarts(deployment));
        Assert.InRange(cold, 0, left.Held * (1 - WarmShareMin));
        Assert.InRange(FaultStory.Quantile(story.Pauses, 0.99), TimeSpan.Zero, PauseMax);
    });

    private static IEnumerable<(string What, Action<PodDeployment> Begin)> Steps(PodCluster cluster) =>
    [
        .. Enumerable.Range(1, Rounds).Select(static round =>
            ($"replaced {round}", (Action<PodDeployment>)(deployment => deployment.Restart(round)))),
        ("scaled out", deployment => deployment.Replicas = ReplicasMax),
        ("scaled in", deployment => deployment.Replicas = cluster.Replicas),
    ];

    private protected static int Restarts(PodDeployment deployment) => deployment.Pods.Sum(static pod => pod.Restarts);

    /// <summary>Has clients loop while something happens, then compares what they saw with what is held.</summary>
    private protected async Task RunAsync(Func<PodCluster, LoopingCrowd, Task> happen)
    {
        var cluster = await pods.TakeAsync(MakeJournalAsync, Overlay, Token);
        var isWell = false;
        try
        {
            using var crowd = await LoopingCrowd.StartAsync(Plan, cluster.Socket, Token);
            await happen(cluster, crowd);
            await crowd.StopAsync();
            await crowd.CheckAsync(cluster.Http, Token);
            isWell = true;
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

    /// <summary>Prints a line for people and for <c>./test</c>.</summary>
    protected void Note(string line) => CrashTally.Note(output, $"pods of the manifests (seed {Plan.Seed}, " +
        $"{Plan.Conversations} conversations of {Plan.ContextBytes >> 20} MB): {line}");
}
