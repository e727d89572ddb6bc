using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>A process of a cluster goes, as told or as a machine dies, under load.</summary>
public sealed class GoingProcessTests(FaultFixture fixture, ITestOutputHelper output) : FaultRound(fixture, output)
{
    private const string Rehydrated = "evergrain.conversations.rehydrated";
    private const double WarmShareMin = 0.95;

    // How soon clients go on is measured by --long, which runs one test at a time. In ./test other tests keep the
    // machine busy: there the bounds say only that clients go on.
    private static readonly TimeSpan GoOnMax = TimeSpan.FromSeconds(IsLong ? 3 : 90);
    private static readonly TimeSpan PauseMax = TimeSpan.FromMilliseconds(IsLong ? 500 : 60_000);
    private static readonly TimeSpan DrainMax = TimeSpan.FromSeconds(IsLong ? 20 : 120);

    [Fact]
    public Task Silo_Killed_InterruptsItsTurnsAndNothingIsLost() => RunAsync(async (cluster, crowd) =>
    {
        var (goOn, others) = (new List<TimeSpan>(), new List<TimeSpan>());
        var interrupted = 0;

        // The first turns begin all at once, and one whose beginning is not durable yet begins elsewhere instead.
        await crowd.EachGoesOnAsync(2, Token);
        for (var round = 0; round < Rounds; round++)
        {
            var silo = await cluster.FullestAsync(Token);
            var held = (await cluster.Silos[silo].ReadMetricsAsync(Token))["evergrain.conversations.warm"];
            var killing = TimeProvider.System.GetTimestamp();
            await cluster.Silos[silo].KillAsync();
            var killed = TimeProvider.System.GetTimestamp();
            await crowd.EachGoesOnAsync(1, Token);
            var story = crowd.Since(killing);
            Assert.DoesNotContain(story.Interrupted, turn => turn.Begun > killed);

            // Its own, and no others: each of its conversations runs one turn.
            Assert.InRange(story.Interrupted.Count, 0, held);
            interrupted += story.Interrupted.Count;
            goOn.AddRange(story.GoOn);
            others.AddRange(story.Pauses);
            await cluster.RestartSiloAsync(silo, Token);
            await crowd.EachGoesOnAsync(1, Token);
        }

        goOn.Sort();
        others.Sort();
        Note($"{Rounds} times a silo killed: {interrupted} turns interrupted, conversations stood still for " +
            $"{FaultStory.Spread(goOn)}, the other turns waited for {FaultStory.Spread(others)}");
        Assert.NotEqual(0, interrupted);
        Assert.Empty(crowd.Errors);
        Assert.Equal(0, crowd.Breaks);
        Assert.InRange(FaultStory.Quantile(goOn, 0.99), TimeSpan.Zero, GoOnMax);
    });

    [Fact]
    public Task Silo_Terminated_MovesItsConversationsWarmAndInterruptsNothing() => RunAsync(async (cluster, crowd) =>
    {
        var pauses = new List<TimeSpan>();
        var (held, warm, drains) = (0.0, 0.0, new List<TimeSpan>());

        // What the machine makes turns wait for by itself.
        var usual = crowd.Since(crowd.Looping).Pauses;
        for (var round = 0; round < Rounds; round++)
        {
            var silo = await cluster.FullestAsync(Token);
            held += (await cluster.Silos[silo].ReadMetricsAsync(Token))["evergrain.conversations.warm"];
            var before = await cluster.CountAsync(Rehydrated, Token, except: silo);
            var told = TimeProvider.System.GetTimestamp();
            await cluster.Silos[silo].SignalAsync("TERM", Token);
            Assert.Equal(0, await cluster.Silos[silo].ExitAsync(Token));
            drains.Add(TimeProvider.System.GetElapsedTime(told));
            await crowd.EachGoesOnAsync(1, Token);
            warm += await cluster.CountAsync(Rehydrated, Token, except: silo) - before;
            var story = crowd.Since(told);
            Assert.Empty(story.Interrupted);
            pauses.AddRange(story.Pauses);
            await cluster.RestartSiloAsync(silo, Token);
            await crowd.EachGoesOnAsync(1, Token);
        }

        pauses.Sort();
        drains.Sort();
        Note($"{Rounds} times a silo drained: {warm} of {held} conversations arrived warm, turns waited for " +
            $"{FaultStory.Spread(pauses)} (before: {FaultStory.Spread(usual)}), " +
            $"draining took {FaultStory.Spread(drains)}");
        Assert.Empty(crowd.Errors);
        Assert.Equal(0, crowd.Breaks);
        Assert.InRange(warm, held * WarmShareMin, double.MaxValue);
        Assert.InRange(pauses[^1], TimeSpan.Zero, PauseMax + usual[^1]);
        Assert.InRange(drains[^1], TimeSpan.Zero, DrainMax);
    });

    [LongFact]
    public Task Frontend_Killed_ItsClientsGoOnWithNewItemsOnly() => RunAsync(async (cluster, crowd) =>
    {
        var goOn = new List<TimeSpan>();
        for (var round = 0; round < Rounds; round++)
        {
            var frontend = round % 2;
            var (breaks, killing) = (crowd.Breaks, TimeProvider.System.GetTimestamp());
            await cluster.Frontends[frontend].KillAsync();
            await crowd.EachGoesOnAsync(1, Token);
            Assert.NotEqual(breaks, crowd.Breaks);
            var story = crowd.Since(killing);
            Assert.Empty(story.Interrupted);
            goOn.AddRange(story.GoOn);
            await cluster.RestartFrontendAsync(frontend, Token);
        }

        goOn.Sort();
        Note($"{Rounds} times a frontend killed: {crowd.Breaks} connections broke, conversations stood still for " +
            $"{FaultStory.Spread(goOn)}");
        Assert.Empty(crowd.Errors);
    });
}
