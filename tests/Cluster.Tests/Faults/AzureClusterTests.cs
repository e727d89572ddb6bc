using Evergrain.Suites.Crash;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>A cluster on Azure Storage, under load, loses one of its two silos, or its storage for a while.</summary>
[Trait("Needs", "Azurite")]
[Trait("Needs", "HAProxy")]
[Collection(nameof(AzuriteProcesses))]
public sealed class AzureClusterTests(AzuriteServer azurite, ITestOutputHelper output) : IDisposable
{
    private const int Silos = 2;

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };
    private static readonly int Rounds = FaultRound.Number("EVERGRAIN_ROUNDS", IsLong ? 10 : 1);

    // How soon clients go on is measured by --long, which runs one test at a time. In ./test other tests keep the
    // machine busy: there the bound says only that clients go on.
    private static readonly TimeSpan GoOnMax = TimeSpan.FromSeconds(IsLong ? 3 : 90);

    private static readonly TimeSpan OutageTime = TimeSpan.FromSeconds(20);

    private static readonly LoopPlan Plan = new(
        FaultRound.Number("EVERGRAIN_SEED", 20261130),
        FaultRound.Number("EVERGRAIN_CONVERSATIONS", IsLong ? 100 : 10),
        IsLong ? 1 << 20 : 1 << 16,
        TimeSpan.FromMilliseconds(200),
        TimeSpan.FromSeconds(IsLong ? 5 : 1.5));

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(IsLong ? 30 : 10));

    private CancellationToken Token => _patience.Token;

    public void Dispose() => _patience.Dispose();

    [Fact]
    public Task Silo_Killed_ConversationsGoOnAtTheOther_AndNothingIsLost() => RunAsync(async (cluster, crowd) =>
    {
        // The first turns begin all at once, and one whose beginning is not durable yet begins elsewhere instead.
        await crowd.EachGoesOnAsync(2, Token);
        var (goOn, interrupted) = (new List<TimeSpan>(), 0);
        for (var round = 0; round < Rounds; round++)
        {
            var silo = await cluster.FullestAsync(Token);
            var held = (await cluster.Silos[silo].ReadMetricsAsync(Token))["evergrain.conversations.warm"];
            var killing = TimeProvider.System.GetTimestamp();
            await cluster.Silos[silo].KillAsync();
            await crowd.EachGoesOnAsync(1, Token);
            var story = crowd.Since(killing);
            Assert.InRange(story.Interrupted.Count, 0, held);
            interrupted += story.Interrupted.Count;
            goOn.AddRange(story.GoOn);
            await cluster.RestartSiloAsync(silo, Token);
            await crowd.EachGoesOnAsync(1, Token);
        }

        goOn.Sort();
        Note($"{Rounds} times one of {Silos} silos killed: {interrupted} turns interrupted, conversations stood " +
            $"still for {FaultStory.Spread(goOn)}");
        Assert.NotEqual(0, interrupted);
        Assert.Empty(crowd.Errors);
        Assert.Equal(0, crowd.Breaks);
        Assert.InRange(FaultStory.Quantile(goOn, 0.99), TimeSpan.Zero, GoOnMax);
    });

    [LongFact]
    public Task Storage_AwayForLongerThanALease_EndsNoProcess_AndNothingIsLost() => RunAsync(async (cluster, crowd) =>
    {
        var stopping = TimeProvider.System.GetTimestamp();
        await azurite.StopAsync();
        await Task.Delay(OutageTime, TimeProvider.System, Token);
        await azurite.StartAsync();
        await crowd.EachGoesOnAsync(2, Token);

        var story = crowd.Since(stopping);
        Note($"Azurite stopped for {OutageTime.TotalSeconds} s: {story.Interrupted.Count} turns interrupted, " +
            $"{crowd.Errors.Count} told to come back, conversations stood still for {FaultStory.Spread(story.GoOn)}");
        Assert.All(cluster.Silos.Concat(cluster.Frontends), static process =>
            Assert.False(process.HasExited, process.Story));
    });

    /// <summary>Has clients loop while something happens, then compares what they saw with what is held.</summary>
    private async Task RunAsync(Func<ClusterProcesses, LoopingCrowd, Task> happen)
    {
        await using var cluster = await ClusterProcesses.StartAsync(azurite, Silos, Token);
        var isWell = false;
        try
        {
            using var crowd = await LoopingCrowd.StartAsync(Plan, cluster.Socket, Token);
            await happen(cluster, crowd);
            await crowd.StopAsync();
            await crowd.CheckAsync(cluster.Frontends[0].Http, Token);
            await crowd.CheckAsync(cluster.Frontends[1].Http, Token);
            isWell = true;
        }
        finally
        {
            output.WriteLine(isWell ? "" : cluster.Story);
        }
    }

    private void Note(string line) => CrashTally.Note(output, $"cluster on Azure Storage (seed {Plan.Seed}, " +
        $"{Plan.Conversations} conversations of {Plan.ContextBytes >> 10} KiB): {line}");
}

/// <summary>Tests of processes that share an Azurite.</summary>
[CollectionDefinition(nameof(AzuriteProcesses))]
public sealed class AzuriteProcesses : ICollectionFixture<AzuriteServer>;
