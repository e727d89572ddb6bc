using System.Globalization;
using System.Net;
using Evergrain.Cluster.Tests.Kubernetes.Pods;
using Evergrain.Suites.Crash;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>One PostgreSQL, and one cluster that tests use in turn: its processes take seconds to start.</summary>
public sealed class FaultFixture : IAsyncLifetime
{
    private readonly PostgresServer _postgres = new();
    private ClusterProcesses? _cluster;

    public PostgresServer Postgres => _postgres;

    public Task InitializeAsync() => _postgres.InitializeAsync();

    /// <summary>A cluster with all its processes, from now on the caller's until it is given back.</summary>
    internal async Task<ClusterProcesses> TakeAsync(int silos, CancellationToken cancellationToken)
    {
        var cluster = Interlocked.Exchange(ref _cluster, null);
        return cluster ?? await ClusterProcesses.StartAsync(_postgres, silos, IPAddress.Loopback, cancellationToken);
    }

    /// <summary>For the next test: everything runs.</summary>
    internal void Give(ClusterProcesses cluster) => _cluster = cluster;

    public async Task DisposeAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }

        await _postgres.DisposeAsync();
    }
}

[CollectionDefinition(nameof(FaultRound))]
public sealed class FaultCollection : ICollectionFixture<FaultFixture>, ICollectionFixture<PodFixture>;

/// <summary>Clients loop through HAProxy, something happens to a cluster, and what they saw is compared.</summary>
[Trait("Needs", "Postgres")]
[Trait("Needs", "HAProxy")]
[Collection(nameof(FaultRound))]
public abstract class FaultRound(FaultFixture fixture, ITestOutputHelper output, TimeSpan? patience = null)
    : IDisposable
{
    private const int SeedDefault = 20261127;
    private const int ContextBytes = 1 << 20;

    protected const int SiloCount = 3;

    private readonly CancellationTokenSource _patience = new(patience ?? TimeSpan.FromMinutes(IsLong ? 30 : 10));

    protected static bool IsLong { get; } = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };

    /// <summary>How often a fault is met.</summary>
    protected static int Rounds { get; } = Number("EVERGRAIN_ROUNDS", IsLong ? 10 : 1);

    private protected static LoopPlan Plan { get; } = new(
        Number("EVERGRAIN_SEED", SeedDefault),
        Number("EVERGRAIN_CONVERSATIONS", IsLong ? 200 : 20),
        ContextBytes,
        TimeSpan.FromMilliseconds(200),
        TimeSpan.FromSeconds(IsLong ? 5 : 1.5));

    /// <summary>What the clients do.</summary>
    private protected virtual LoopPlan Loop => Plan;

    protected CancellationToken Token => _patience.Token;

    protected FaultFixture Fixture => fixture;

    public void Dispose()
    {
        _patience.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Has clients loop while something happens, then compares what they saw with what is held.</summary>
    /// <param name="happen">What happens; afterwards everything runs.</param>
    /// <param name="isOwn">Whether the cluster is changed so that no other test can use it.</param>
    /// <param name="address">Where silos listen, if that is not loopback; no other test can use those.</param>
    /// <param name="build">What the processes are, if not this build; no other test can use those.</param>
    private protected async Task RunAsync(Func<ClusterProcesses, LoopingCrowd, Task> happen, bool isOwn = false,
        IPAddress? address = null, ProcessBuild? build = null)
    {
        var began = TimeProvider.System.GetTimestamp();
        var isShared = address is null && build is null;
        var cluster = isShared ? await fixture.TakeAsync(SiloCount, Token) : await ClusterProcesses.StartAsync(
            fixture.Postgres, SiloCount, address ?? IPAddress.Loopback, Token, build);
        var isWell = false;
        try
        {
            Tell("processes run", began);
            using var crowd = await LoopingCrowd.StartAsync(Loop, cluster.Socket, Token);
            Tell("clients loop", began);
            await happen(cluster, crowd);
            await crowd.StopAsync();
            Tell("clients stopped", began);
            await crowd.CheckAsync(cluster.Frontends[0].Http, Token);
            await crowd.CheckAsync(cluster.Frontends[1].Http, Token);
            Tell("all was compared", began);
            isWell = true;
        }
        finally
        {
            if (isWell && !isOwn && isShared)
            {
                fixture.Give(cluster);
            }
            else
            {
                await cluster.DisposeAsync();
                output.WriteLine(isWell ? "" : cluster.Story);
            }
        }
    }

    /// <summary>Prints a line for people and for <c>./test</c>.</summary>
    protected void Note(string line) => CrashTally.Note(output, $"cluster of processes (seed {Plan.Seed}, " +
        $"{Loop.Conversations} conversations of {Loop.ContextBytes >> 10} KiB): {line}");

    private void Tell(string what, long began) => output.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{what} after {TimeProvider.System.GetElapsedTime(began).TotalSeconds:f1} s"));

    /// <summary>A count that the environment may change.</summary>
    internal static int Number(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number)
            ? number : otherwise;
}

/// <summary>A test for the full counts alone: elsewhere it counts as skipped.</summary>
public sealed class LongFactAttribute : FactAttribute
{
    public LongFactAttribute() => Skip = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 }
        ? null
        : "It takes minutes: ./test --long runs it.";
}

/// <summary>A test for the full counts that needs the build of an earlier commit.</summary>
public sealed class EarlierSiloFactAttribute : FactAttribute
{
    private const string Variable = "EVERGRAIN_EARLIER_SILO";

    public EarlierSiloFactAttribute() => Skip = new LongFactAttribute().Skip ?? (File.Exists(Program)
        ? null
        : $"{Variable} names no evergrain.dll of an earlier commit.");

    /// <summary>The earlier silo's assembly.</summary>
    public static string? Program => Environment.GetEnvironmentVariable(Variable);
}
