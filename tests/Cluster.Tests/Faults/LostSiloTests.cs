using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>A silo lives and cannot be reached, or cannot reach: it is stopped, or cut off from the journal.</summary>
public sealed class LostSiloTests(FaultFixture fixture, ITestOutputHelper output) : FaultRound(fixture, output)
{
    private const string Warm = "evergrain.conversations.warm";
    private const string Lost = "evergrain.conversations.lost";

    private const double HeldMin = 0.15;

    private static readonly TimeSpan ShareTime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ShareLook = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan OutageTime = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan SilentMax = TimeSpan.FromSeconds(12);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan WakeTime = TimeSpan.FromSeconds(60);

    [LongFact]
    public Task Silo_StoppedPastItsEviction_WritesNothingWhenItWakes() => RunAsync(async (cluster, crowd) =>
    {
        var (exits, refused, interrupted, goOn) = (new List<string>(), 0.0, 0, new List<TimeSpan>());
        for (var round = 0; round < Rounds; round++)
        {
            var number = await cluster.FullestAsync(Token);
            var silo = cluster.Silos[number];
            var stopping = TimeProvider.System.GetTimestamp();
            await silo.SignalAsync("STOP", Token);
            await crowd.EachGoesOnAsync(1, Token);
            var story = crowd.Since(stopping);
            await silo.SignalAsync("CONT", Token);
            goOn.AddRange(story.GoOn);
            interrupted += story.Interrupted.Count;
            refused += await LastSaidAsync(silo);
            exits.Add($"{await silo.ExitAsync(Token)}");
            await cluster.RestartSiloAsync(number, Token);
            await crowd.EachGoesOnAsync(1, Token);
        }

        goOn.Sort();
        Note($"{Rounds} times a silo stopped past its eviction: {interrupted} turns interrupted, conversations stood " +
            $"still for {FaultStory.Spread(goOn)}, awake it met {refused} refused appends before it ended itself " +
            $"with {string.Join(' ', exits.Distinct())}");
        Assert.NotEqual(0, interrupted);
        Assert.NotEqual(0, refused);
        Assert.InRange(FaultStory.Quantile(goOn, 0.99), TimeSpan.Zero, SilentMax);
        Assert.Equal(0, crowd.Breaks);
    });

    /// <summary>
    /// How many of its conversations a silo found to be taken over, as far as it could be asked: told that it was
    /// declared dead, the process ends itself.
    /// </summary>
    private async Task<double> LastSaidAsync(ClusterProcess silo)
    {
        using var waking = CancellationTokenSource.CreateLinkedTokenSource(Token);
        waking.CancelAfter(WakeTime);
        var lost = 0.0;
        while (!silo.HasExited)
        {
            try
            {
                lost = (await silo.ReadMetricsAsync(waking.Token))[Lost];
            }
            catch (HttpRequestException)
            {
                // It is ending.
            }

            await Task.Delay(Look, TimeProvider.System, waking.Token);
        }

        return lost;
    }

    [LongFact]
    public async Task Silo_WithoutPostgres_LosesNoTurn()
    {
        await using var proxy = new CuttingProxy(Fixture.Postgres.Port);
        await RunAsync(async (cluster, crowd) =>
        {
            var (held, interrupted, goOn) = (new List<double>(), 0, new List<TimeSpan>());
            await cluster.AddSiloAsync(Token, port: proxy.Port);
            for (var round = 0; round < Rounds; round++)
            {
                held.Add(await UntilHeldAsync(async () => (await cluster.Silos[^1].ReadMetricsAsync(Token))[Warm]));
                var cut = TimeProvider.System.GetTimestamp();
                proxy.Sever();
                await Task.Delay(OutageTime, TimeProvider.System, Token);
                proxy.IsClosed = false;
                await crowd.EachGoesOnAsync(2, Token);
                var story = crowd.Since(cut);
                interrupted += story.Interrupted.Count;
                goOn.AddRange(story.GoOn);
            }

            goOn.Sort();
            Note($"{Rounds} times a silo with {held.Min()} to {held.Max()} conversations without PostgreSQL for " +
                $"{OutageTime.TotalSeconds} s: {interrupted} turns interrupted, {crowd.Errors.Count} told to come " +
                $"back, conversations stood still for {FaultStory.Spread(goOn)}");

            // Those it held had to wait: it was cut off.
            Assert.InRange(goOn[^1], OutageTime / 2, TimeSpan.MaxValue);
        }, isOwn: true);
    }

    [LongFact]
    public async Task Silo_WithoutItsPeers_LosesNoTurn()
    {
        await using var network = await CutNetwork.TryCreateAsync();
        if (network is null)
        {
            Note("no silo was cut off from its peers: only root can make a network namespace");
            return;
        }

        await using var proxy = new CuttingProxy(Fixture.Postgres.Port, network.Service);
        await RunAsync(async (cluster, crowd) =>
        {
            var (held, exits, interrupted) = (new List<double>(), new List<string>(), 0);
            var goOn = new List<TimeSpan>();
            for (var round = 0; round < Rounds; round++)
            {
                await (round == 0
                    ? cluster.AddSiloAsync(network, proxy, Token)
                    : cluster.RestartSiloAsync(SiloCount, Token));

                // What it says itself is not reached from here.
                held.Add(await UntilHeldAsync(async () =>
                    Plan.Conversations - await cluster.CountAsync(Warm, Token, except: SiloCount)));
                var cut = TimeProvider.System.GetTimestamp();
                await network.CutAsync();
                await crowd.EachGoesOnAsync(2, Token);
                var story = crowd.Since(cut);
                interrupted += story.Interrupted.Count;
                goOn.AddRange(story.GoOn);
                await network.MendAsync();
                using var ending = CancellationTokenSource.CreateLinkedTokenSource(Token);
                ending.CancelAfter(WakeTime);
                exits.Add($"{await cluster.Silos[SiloCount].ExitAsync(ending.Token)}");
                await crowd.EachGoesOnAsync(1, Token);
            }

            goOn.Sort();
            Note($"{Rounds} times a silo with {held.Min()} to {held.Max()} conversations cut off from its peers: " +
                $"{interrupted} turns interrupted, {crowd.Errors.Count} told to come back, conversations stood still " +
                $"for {FaultStory.Spread(goOn)}; it ended with {string.Join(' ', exits.Distinct())}");
            Assert.InRange(FaultStory.Quantile(goOn, 0.99), TimeSpan.Zero, SilentMax);
        }, isOwn: true, network.Here);
    }

    /// <summary>Waits until a silo that came has got conversations; gives how many.</summary>
    private async Task<double> UntilHeldAsync(Func<Task<double>> read)
    {
        var least = Plan.Conversations * HeldMin;
        using var sharing = CancellationTokenSource.CreateLinkedTokenSource(Token);
        sharing.CancelAfter(ShareTime);
        while (await read() < least)
        {
            await Task.Delay(ShareLook, TimeProvider.System, sharing.Token);
        }

        return await read();
    }
}
