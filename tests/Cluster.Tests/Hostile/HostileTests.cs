using System.Globalization;
using Evergrain.Cluster.Tests.Faults;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Hostile;

/// <summary>
/// All attacks on a cluster under load, with accidents at the same time: three silos, two frontends, PostgreSQL and
/// HAProxy, as <see cref="FaultRound"/> has them.
/// </summary>
[Trait("Needs", "Hostile")]
public sealed class HostileTests(FaultFixture fixture, ITestOutputHelper output)
    : FaultRound(fixture, output, Duration + TimeSpan.FromMinutes(30))
{
    /// <summary>How many files each process may have open.</summary>
    public const int FilesMax = 1024;

    /// <summary>The variable that says for how long.</summary>
    public const string SecondsVariable = "EVERGRAIN_HOSTILE_SECONDS";

    private const int SecondsDefault = 3600;
    private const int AttacksAtATime = 3;
    private const int SocketsOfMallory = 50;

    // Three silos and two frontends of this size leave half of a small machine to the rest.
    private const long MemoryMax = 1L << 30;

    // Connections to other processes and to PostgreSQL come and go.
    private const int FilesMore = 64;

    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(Number(SecondsVariable, SecondsDefault));
    private static readonly TimeSpan Slice = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan SettleMax = TimeSpan.FromSeconds(120);

    // The crowd keeps every event that it saw, for an hour.
    private static readonly LoopPlan Crowd = Plan with
    {
        Conversations = Number("EVERGRAIN_CONVERSATIONS", 12),
        ContextBytes = 64 << 10,
        TurnMax = TimeSpan.FromSeconds(Duration > TimeSpan.FromMinutes(5) ? 5 : 1.5),
    };

    private readonly Dictionary<string, int> _ended = [];
    private readonly Dictionary<string, int> _happened = [];

    private protected override LoopPlan Loop => Crowd;

    [HostileFact]
    public Task Cluster_UnderAttackWithAccidents_LosesNothingServesOthersAndComesBack() => RunAsync(
        async (cluster, crowd) =>
        {
            var watch = new ProcessWatch(cluster);
            var random = new Random(Plan.Seed);
            var attacks = new Attacks(cluster.FrontendPorts, cluster.ClusterPorts);
            var accidents = new Accidents(cluster, Fixture.Postgres, random);
            var (files, began) = (watch.Files, TimeProvider.System.GetTimestamp());
            var kinds = attacks.All.ToArray();
            random.Shuffle(kinds);
            for (var round = 0; IsGoingOn(round); round++)
            {
                var some = Enumerable.Range(round * AttacksAtATime, AttacksAtATime)
                    .Select(number => kinds[number % kinds.Length]);
                await AttackAsync([.. some], accidents.All[round % accidents.All.Count]);
                await crowd.EachGoesOnAsync(1, Token);
                watch.Look(MemoryMax);
            }

            var story = crowd.Since(began);
            await SettleAsync(cluster, watch, files + FilesMore);
            Note($"attacked for {TimeProvider.System.GetElapsedTime(began).TotalSeconds:f0} s ({Counts(_ended)}) " +
                $"with accidents ({Counts(_happened)}, {accidents.DeclaredDeadSilos} silos declared dead, " +
                $"{accidents.AbortedProcesses} processes aborted by the runtime for want of a file): " +
                $"{story.Turns} turns, {story.Interrupted.Count} interrupted, {crowd.Breaks} connections broke, " +
                $"turns waited for {FaultStory.Spread(story.Pauses)}, " +
                $"at most {watch.MemoryMax >> 20} MiB in a process");
            Assert.All(kinds, attack => Assert.NotEqual(0, _ended[attack.Name]));

            // At least each kind once, even in a short run.
            bool IsGoingOn(int round) => round * AttacksAtATime < kinds.Length || round < accidents.All.Count ||
                TimeProvider.System.GetElapsedTime(began) < Duration;
        }, isOwn: true, build: Build());

    /// <summary>Attacks for a while, and has something happen meanwhile.</summary>
    private async Task AttackAsync(Attack[] attacks, Accident accident)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var attacking = attacks.Select(attack => attack.RunAsync(ending.Token)).ToList();
        try
        {
            var passing = Task.Delay(Slice, TimeProvider.System, Token);
            await accident.HappenAsync(Token);
            await passing;
        }
        finally
        {
            await ending.CancelAsync();
            await Task.WhenAll(attacking);
        }

        _happened[accident.Name] = _happened.GetValueOrDefault(accident.Name) + 1;
        foreach (var (attack, ended) in attacks.Zip(attacking))
        {
            _ended[attack.Name] = _ended.GetValueOrDefault(attack.Name) + await ended;
        }
    }

    /// <summary>Waits until the attackers have left no trace: no socket, no request, no file.</summary>
    private async Task SettleAsync(ClusterProcesses cluster, ProcessWatch watch, int filesMax)
    {
        using var settling = CancellationTokenSource.CreateLinkedTokenSource(Token);
        settling.CancelAfter(SettleMax);
        var left = "";
        try
        {
            while (true)
            {
                var (sockets, waiting, bytes) = (0.0, 0.0, 0.0);
                foreach (var frontend in cluster.Frontends)
                {
                    var metrics = await frontend.ReadMetricsAsync(settling.Token);
                    sockets += metrics["evergrain.connections.held"];
                    waiting += metrics["evergrain.turns.waiting"];
                    bytes += metrics["evergrain.bytes.receiving"];
                }

                left = $"{sockets} sockets, {waiting} turns in line, {bytes} bytes, {watch.Files} of {filesMax} files";
                if (sockets <= Crowd.Conversations && waiting == 0 && bytes == 0 && watch.Files <= filesMax)
                {
                    return;
                }

                await Task.Delay(Look, TimeProvider.System, settling.Token);
            }
        }
        catch (OperationCanceledException) when (!Token.IsCancellationRequested)
        {
            Assert.Fail($"{SettleMax} after the attacks were left: {left}");
        }
    }

    private static ProcessBuild Build() => ProcessBuild.This with
    {
        Within = ["prlimit", string.Create(CultureInfo.InvariantCulture, $"--nofile={FilesMax}:{FilesMax}")],
        FrontendSettings = new Dictionary<string, string>
        {
            ["Evergrain__ApiKeys__1"] = $"{Attacks.Key}=mallory",
            ["Evergrain__Tenants__mallory__ConnectionsMax"] = $"{SocketsOfMallory}",
        },
    };

    private static string Counts(Dictionary<string, int> counts) =>
        string.Join(", ", counts.Select(static count => $"{count.Value} × {count.Key}"));
}

/// <summary>A test that takes an hour, or as long as its variable says: elsewhere it counts as skipped.</summary>
public sealed class HostileFactAttribute : FactAttribute
{
    public HostileFactAttribute() => Skip =
        Environment.GetEnvironmentVariable(HostileTests.SecondsVariable) is { Length: > 0 }
            ? null
            : new LongFactAttribute().Skip;
}
