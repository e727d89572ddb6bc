using Evergrain.Conversations.Records;
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
    private static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    [LongFact]
    public Task Silos_ReplacedOneAfterTheOther_LoseNoTurn() => ReplaceAsync("all silos replaced",
        static _ => ProcessBuild.This);

    [EarlierSiloFact]
    public Task Silos_ReplacedByAnotherBuild_LoseNoTurn() => ReplaceAsync(
        "all silos replaced, by an earlier build and by this one in turn",
        static round => round % 2 == 0 ? new ProcessBuild(EarlierSiloFactAttribute.Program!) : ProcessBuild.This);

    // Held back, this build is to the others what an older build is.
    [LongFact]
    public Task Processes_RolledForwardAndBack_LoseNoTurn_AndWriteTheNewFormatOnceAllReadIt() =>
        RunAsync(async (cluster, crowd) =>
        {
            var began = TimeProvider.System.GetTimestamp();
            Assert.Equal(1, await cluster.FormatAsync());
            await RollAsync(cluster, crowd, ProcessBuild.This, beforeLast: async () =>
                Assert.Equal(1, await cluster.FormatAsync()));
            await UntilFormatAsync(cluster, RecordFormat.Newest);
            await crowd.EachGoesOnAsync(2, Token);
            await RollAsync(cluster, crowd, ProcessBuild.HeldBack);
            Assert.Equal(RecordFormat.Newest, await cluster.FormatAsync());

            var story = crowd.Since(began);
            Note($"all processes rolled to the new format and back: {story.Turns} turns, {story.Interrupted.Count} " +
                $"interrupted, {crowd.Errors.Count} errors, turns waited for {FaultStory.Spread(story.Pauses)}");
            Assert.Empty(story.Interrupted);
            Assert.Empty(crowd.Errors);
        }, build: ProcessBuild.HeldBack);

    [LongFact]
    public Task Silo_Joins_GetsItsShareWarmAndThenNothingMoves() => RunAsync(async (cluster, crowd) =>
    {
        var (shares, times, moved) = (new List<double>(), new List<TimeSpan>(), 0.0);
        var (warm, cold) = (0.0, 0.0);
        var began = TimeProvider.System.GetTimestamp();
        for (var round = 0; round < Rounds; round++)
        {
            await (round == 0 ? cluster.AddSiloAsync(Token) : cluster.RestartSiloAsync(SiloCount, Token));
            times.Add(await UntilSharedAsync(cluster));
            await Task.Delay(QuietTime, TimeProvider.System, Token);
            shares.Add(await ShareAsync(cluster));
            var before = await cluster.CountAsync(Rehydrated, Token);
            await Task.Delay(QuietTime, TimeProvider.System, Token);
            moved = Math.Max(moved, await cluster.CountAsync(Rehydrated, Token) - before);

            // One that arrives warm is an activation too.
            var metrics = await cluster.Silos[SiloCount].ReadMetricsAsync(Token);
            warm += metrics[Rehydrated];
            cold += metrics[Activated] - metrics[Rehydrated];
            await cluster.Silos[SiloCount].SignalAsync("TERM", Token);
            Assert.Equal(0, await cluster.Silos[SiloCount].ExitAsync(Token));
            await crowd.EachGoesOnAsync(1, Token);
        }

        times.Sort();
        var story = crowd.Since(began);
        Note($"{Rounds} times a fourth silo: {SharedMin:P0} held after {times[^1].TotalSeconds:f0} s at most, then " +
            $"{shares.Min():P0} to {shares.Max():P0}; {warm} arrived warm and {cold} cold, {moved} at most moved " +
            $"later; {story.Turns} turns waited for {FaultStory.Spread(story.Pauses)}");
        Assert.InRange(times[^1], TimeSpan.Zero, ShareTime);
        Assert.InRange(shares.Min(), SharedMin, 1);
        Assert.InRange(warm / (warm + cold), WarmShareMin, 1);
        Assert.InRange(moved, 0, Plan.Conversations / 50);
        Assert.Empty(story.Interrupted);
        Assert.Empty(crowd.Errors);
    }, isOwn: true);

    /// <summary>Replaces every silo, then every frontend.</summary>
    private async Task RollAsync(ClusterProcesses cluster, LoopingCrowd crowd, ProcessBuild build,
        Func<Task>? beforeLast = null)
    {
        await ReplaceAllAsync(cluster, crowd, build);
        for (var frontend = 0; frontend < cluster.Frontends.Count; frontend++)
        {
            if (beforeLast is not null)
            {
                await beforeLast();
            }

            await cluster.Frontends[frontend].SignalAsync("TERM", Token);
            Assert.Equal(0, await cluster.Frontends[frontend].ExitAsync(Token));
            await cluster.RestartFrontendAsync(frontend, Token, build);
            await crowd.EachGoesOnAsync(1, Token);
        }
    }

    private async Task UntilFormatAsync(ClusterProcesses cluster, int format)
    {
        while (await cluster.FormatAsync() != format)
        {
            await Task.Delay(Look, TimeProvider.System, Token);
        }
    }

    private Task ReplaceAsync(string what, Func<int, ProcessBuild> build) => RunAsync(async (cluster, crowd) =>
    {
        var began = TimeProvider.System.GetTimestamp();
        for (var round = 0; round < Rounds; round++)
        {
            await ReplaceAllAsync(cluster, crowd, build(round));
        }

        var story = crowd.Since(began);
        Note($"{Rounds} times {what}: {story.Turns} turns, {story.Interrupted.Count} interrupted, " +
            $"{crowd.Errors.Count} errors, turns waited for {FaultStory.Spread(story.Pauses)}");
        Assert.Empty(story.Interrupted);
        Assert.Empty(crowd.Errors);
    }, isOwn: true);

    private async Task ReplaceAllAsync(ClusterProcesses cluster, LoopingCrowd crowd, ProcessBuild build)
    {
        for (var silo = 0; silo < SiloCount; silo++)
        {
            await cluster.Silos[silo].SignalAsync("TERM", Token);
            Assert.Equal(0, await cluster.Silos[silo].ExitAsync(Token));
            await cluster.RestartSiloAsync(silo, Token, build);
            await crowd.EachGoesOnAsync(1, Token);
        }
    }

    /// <summary>How long it takes until the newest silo holds what it must.</summary>
    private async Task<TimeSpan> UntilSharedAsync(ClusterProcesses cluster)
    {
        var joined = TimeProvider.System.GetTimestamp();
        while (await ShareAsync(cluster) < SharedMin && TimeProvider.System.GetElapsedTime(joined) < ShareTime)
        {
            await Task.Delay(Look, TimeProvider.System, Token);
        }

        return TimeProvider.System.GetElapsedTime(joined);
    }

    /// <summary>Which part of all warm conversations the newest silo has.</summary>
    private async Task<double> ShareAsync(ClusterProcesses cluster)
    {
        const string warm = "evergrain.conversations.warm";
        var all = await cluster.CountAsync(warm, Token);
        return (await cluster.Silos[^1].ReadMetricsAsync(Token))[warm] / all;
    }
}
