using Evergrain.Cluster.Tests.Faults;
using Evergrain.Cluster.Tests.Kubernetes.Image;
using Evergrain.Cluster.Tests.Kubernetes.Manifests;
using Evergrain.Tests.Services;
using k8s.Models;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Kubernetes.Pods;

/// <summary>
/// The rendered manifests run while clients loop: their pods are replaced, scaled, replaced by pods that crash, and
/// killed.
/// </summary>
[Trait("Needs", "Postgres")]
[Trait("Needs", "HAProxy")]
[Trait("Needs", "Kubectl")]
[Collection(nameof(FaultRound))]
public sealed class RolloutTests(FaultFixture services, PodFixture pods, ITestOutputHelper output)
    : PodRound(pods, output)
{
    // In ./test other tests keep the machine busy: there the bound says only that clients go on.
    private static readonly TimeSpan GoOnMax = TimeSpan.FromSeconds(IsLong ? 3 : 30);

    /// <summary>What the pods over PostgreSQL are rendered from.</summary>
    internal static string Rendered => IsLong ? PodCluster.Full : PodCluster.Short;

    protected override string Overlay => Rendered;

    [ContainerFact]
    public Task Pods_ReplacedAndScaled_CutNoTurn() => ReplaceAndScaleAsync();

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

    protected override async Task<string> MakeJournalAsync() =>
        services.Postgres.Url(await services.Postgres.CreateDatabaseAsync());

    private Task<RenderedManifests> RenderAgainAsync() => RenderedManifests.ReadAsync(Overlay, Token);
}

/// <summary>The same of the overlay for Azure Storage.</summary>
[Trait("Needs", "Azurite")]
[Trait("Needs", "HAProxy")]
[Trait("Needs", "Kubectl")]
[Collection(nameof(AzuriteProcesses))]
public sealed class AzureRolloutTests(AzuriteServer azurite, PodFixture pods, ITestOutputHelper output)
    : PodRound(pods, output), IClassFixture<PodFixture>
{
    protected override string Overlay => PodCluster.Azure;

    [LongContainerFact]
    public Task Pods_ReplacedAndScaled_CutNoTurn() => ReplaceAndScaleAsync();

    protected override Task<string> MakeJournalAsync() => Task.FromResult(azurite.ConnectionString);
}

/// <summary>A test that starts processes as a container's, for the full counts alone.</summary>
public sealed class LongContainerFactAttribute : FactAttribute
{
    public LongContainerFactAttribute() => Skip = new LongFactAttribute().Skip ?? ContainerStart.Obstacle;
}
