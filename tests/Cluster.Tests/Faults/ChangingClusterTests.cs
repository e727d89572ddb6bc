using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>The set of silos changes under load: all are replaced, or one more comes.</summary>
public sealed class ChangingClusterTests(FaultFixture fixture, ITestOutputHelper output) : FaultRound(fixture, output)
{
    private const string Rehydrated = "evergrain.conversations.rehydrated";
    private const string Activated = "evergrain.conversations.activated";
    private const double SharedMin = 0.15;
    private const double WarmShareMin = 0.95;

    private static readonly TimeSpan ShareTime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    [LongFact]
    public Task Silos_ReplacedOneAfterTheOther_LoseNoTurn() => RunAsync(async (cluster, crowd) =>
    {
        var began = TimeProvider.System.GetTimestamp();
        await ReplaceAllAsync(cluster, crowd, ClusterProcesses.Program);
        var story = crowd.Since(began);
        Note($"all silos replaced: {story.Turns} turns, {story.Interrupted.Count} interrupted, " +
            $"{crowd.Errors.Count} errors, turns waited for {FaultStory.Spread(story.Pauses)}");
        Assert.Empty(story.Interrupted);
        Assert.Empty(crowd.Errors);
    });

    [EarlierSiloFact]
    public Task Silos_ReplacedByAnotherBuild_LoseNoTurn() => RunAsync(async (cluster, crowd) =>
    {
        var began = TimeProvider.System.GetTimestamp();
        await ReplaceAllAsync(cluster, crowd, EarlierSiloFactAttribute.Program!);
        await ReplaceAllAsync(cluster, crowd, ClusterProcesses.Program);
        var story = crowd.Since(began);
        Note($"all silos replaced by an earlier build, and back: {story.Turns} turns, " +
            $"{story.Interrupted.Count} interrupted, {crowd.Errors.Count} errors, " +
            $"turns waited for {FaultStory.Spread(story.Pauses)}");
    });

    [LongFact]
    public Task Silo_Joins_GetsItsShareWarmAndThenNothingMoves() => RunAsync(async (cluster, crowd) =>
    {
        var began = TimeProvider.System.GetTimestamp();
        await cluster.AddSiloAsync(Token);
        var joined = TimeProvider.System.GetTimestamp();
        var share = 0.0;
        while (share < SharedMin && TimeProvider.System.GetElapsedTime(joined) < ShareTime)
        {
            await Task.Delay(Look, TimeProvider.System, Token);
            share = await ShareAsync(cluster);
        }

        var took = TimeProvider.System.GetElapsedTime(joined);
        await Task.Delay(QuietTime, TimeProvider.System, Token);
        var (moves, last) = (await cluster.CountAsync(Rehydrated, Token), await ShareAsync(cluster));
        await Task.Delay(QuietTime, TimeProvider.System, Token);
        var later = await cluster.CountAsync(Rehydrated, Token) - moves;
        var metrics = await cluster.Silos[^1].ReadMetricsAsync(Token);

        // One that arrives warm is an activation too.
        var (warm, cold) = (metrics[Rehydrated], metrics[Activated] - metrics[Rehydrated]);
        var story = crowd.Since(began);
        Note($"a fourth silo held {share:P0} after {took.TotalSeconds:f0} s and {last:P0} later, {warm} arrived warm " +
            $"and {cold} cold, {later} moved in the last {QuietTime.TotalSeconds} s, turns waited for " +
            $"{FaultStory.Spread(story.Pauses)}");
        Assert.InRange(share, SharedMin, 1);
        Assert.InRange(warm / (warm + cold), WarmShareMin, 1);
        Assert.InRange(later, 0, Plan.Conversations / 50);
        Assert.Empty(story.Interrupted);
        Assert.Empty(crowd.Errors);
    }, isOwn: true);

    private async Task ReplaceAllAsync(ClusterProcesses cluster, LoopingCrowd crowd, string program)
    {
        for (var silo = 0; silo < SiloCount; silo++)
        {
            await cluster.Silos[silo].SignalAsync("TERM", Token);
            Assert.Equal(0, await cluster.Silos[silo].ExitAsync(Token));
            await cluster.RestartSiloAsync(silo, Token, program);
            await crowd.EachGoesOnAsync(1, Token);
        }
    }

    /// <summary>Which part of all warm conversations the newest silo has.</summary>
    private async Task<double> ShareAsync(ClusterProcesses cluster)
    {
        const string warm = "evergrain.conversations.warm";
        var all = await cluster.CountAsync(warm, Token);
        return (await cluster.Silos[^1].ReadMetricsAsync(Token))[warm] / all;
    }
}
