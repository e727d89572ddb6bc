using Evergrain.Cluster.Tests.Faults;
using Evergrain.Cluster.Tests.Kubernetes.Image;
using Evergrain.Cluster.Tests.Kubernetes.Manifests;
using Evergrain.Suites.Crash;
using k8s.Models;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Kubernetes.Pods;

/// <summary>
/// The rendered manifests run while clients loop: their pods are replaced, scaled, replaced by pods that crash, and
/// killed. What clients saw is then compared with what is held.
/// </summary>
[Trait("Needs", "Postgres")]
[Trait("Needs", "HAProxy")]
[Trait("Needs", "Kubectl")]
[Collection(nameof(FaultRound))]
public sealed class RolloutTests(FaultFixture services, PodFixture pods, ITestOutputHelper output) : IDisposable
{
    private const double WarmShareMin = 0.95;

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };
    private static readonly int Rounds = FaultRound.Number("EVERGRAIN_ROUNDS", IsLong ? 10 : 1);
    private static readonly int ReplicasMax = IsLong ? 5 : 3;

    // In ./test other tests keep the machine busy: there the bounds say only that clients go on.
    private static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(IsLong ? 1 : 15);
    private static readonly TimeSpan GoOnMax = TimeSpan.FromSeconds(IsLong ? 3 : 30);

    private static readonly LoopPlan Plan = new(
        FaultRound.Number("EVERGRAIN_SEED", 20261129),
        FaultRound.Number("EVERGRAIN_CONVERSATIONS", IsLong ? 100 : 10),
        1 << 20, TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(IsLong ? 5 : 1.5), PodCluster.Key);

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(IsLong ? 60 : 10));

    private CancellationToken Token => _patience.Token;

    public void Dispose() => _patience.Dispose();

    [ContainerFact]
    public Task Pods_ReplacedAndScaled_CutNoTurn() => RunAsync(async (cluster, crowd) =>
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

    [ContainerFact]
    public Task Rollout_OfPodsThatCrash_StopsAndCutsNothing() => RunAsync(async (cluster, crowd) =>
    {
        var deployment = cluster.Deployment;
        var (good, restarts) = (deployment.Staying, Restarts(deployment));
        var began = TimeProvider.System.GetTimestamp();
        var bad = await RenderAgainAsync();
        bad.Container.Env.Add(new V1EnvVar { Name = "Evergrain__DrainTimout", Value = "00:01:00" });
        deployment.Apply(bad);
        await deployment.UntilAsync(() => deployment.IsStalled, Token);

        var crashed = Assert.Single(deployment.Staying.Except(good));
        Assert.All(good, static pod => Assert.True(pod is { IsReady: true, TerminatingSince: 0 }));
        Assert.Equal(restarts, Restarts(deployment) - crashed.Restarts);
        Assert.Equal(1, crashed.ExitCode);
        Assert.NotEqual(0, crashed.Restarts);
        Assert.Contains("there is no setting 'DrainTimout'", crashed.Story, StringComparison.Ordinal);
        deployment.Apply(cluster.Manifests);
        await deployment.UntilCompleteAsync(Token);
        await crowd.EachGoesOnAsync(1, Token);

        var story = crowd.Since(began);
        Note($"a rollout of pods that crash: started {crashed.Restarts + 1} times, then undone; {story.Turns} turns, " +
            $"{story.Interrupted.Count} interrupted, {crowd.Breaks} connections ended");
        Assert.Equal(good, deployment.Staying);
        Assert.Empty(story.Interrupted);
        Assert.Empty(crowd.Errors);
        Assert.Equal((0, 0, 0), (crowd.Breaks, crowd.Cuts, crowd.Refusals));
    });

    [ContainerFact]
    public Task Pod_Killed_EndsItsTurnsAsInterruptedOnce_AndComesBack() => RunAsync(async (cluster, crowd) =>
    {
        // The first turns begin all at once, and one whose beginning is not durable yet begins elsewhere instead.
        await crowd.EachGoesOnAsync(2, Token);
        var counts = await Task.WhenAll(cluster.Deployment.Staying.Select(pod => PodCounts.ReadAsync(pod, Token)));
        var (pod, held) = cluster.Deployment.Staying.Zip(counts).MaxBy(static one => one.Second.Held);
        var killing = TimeProvider.System.GetTimestamp();
        var restarts = pod.Restarts;
        pod.Kill();
        await crowd.EachGoesOnAsync(1, Token);
        var story = crowd.Since(killing);
        await cluster.Deployment.UntilCompleteAsync(Token);
        await crowd.EachGoesOnAsync(1, Token);

        Note($"a pod with {held.Held} conversations killed: {story.Interrupted.Count} turns interrupted, " +
            $"{crowd.Cuts} connections cut within a turn, conversations stood still for " +
            $"{FaultStory.Spread(story.GoOn)}; the pod is back");
        Assert.Equal(restarts + 1, pod.Restarts);
        Assert.InRange(story.Interrupted.Count, 1, held.Held);
        Assert.Empty(crowd.Since(TimeProvider.System.GetTimestamp()).Interrupted);
        Assert.InRange(FaultStory.Quantile(story.GoOn, 0.99), TimeSpan.Zero, GoOnMax);
    });

    private static IEnumerable<(string What, Action<PodDeployment> Begin)> Steps(PodCluster cluster) =>
    [
        .. Enumerable.Range(1, Rounds).Select(static round =>
            ($"replaced {round}", (Action<PodDeployment>)(deployment => deployment.Restart(round)))),
        ("scaled out", deployment => deployment.Replicas = ReplicasMax),
        ("scaled in", deployment => deployment.Replicas = cluster.Replicas),
    ];

    private static int Restarts(PodDeployment deployment) => deployment.Pods.Sum(static pod => pod.Restarts);

    private Task<RenderedManifests> RenderAgainAsync() => RenderedManifests.ReadAsync(Overlay, Token);

    /// <summary>What the pods are rendered from.</summary>
    internal static string Overlay => IsLong ? PodCluster.Full : PodCluster.Short;

    private async Task RunAsync(Func<PodCluster, LoopingCrowd, Task> happen)
    {
        var cluster = await pods.TakeAsync(services.Postgres, Overlay, Token);
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

    private void Note(string line) => CrashTally.Note(output, $"pods of the manifests (seed {Plan.Seed}, " +
        $"{Plan.Conversations} conversations of {Plan.ContextBytes >> 20} MB): {line}");
}
