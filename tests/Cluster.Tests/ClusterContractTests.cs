using Evergrain.Conversations.Ports;
using Evergrain.Grains;
using Evergrain.Providers.Azure;
using Evergrain.Providers.Postgres;
using Evergrain.Providers.Sqlite;
using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;

// Silos in this process are shared and counted together: tests of them run one after the other. Tests that only start
// processes have collections of their own and run beside them.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly)]

namespace Evergrain.Cluster.Tests;

// A host's own rules over real Orleans: two silos, and a client that asks them.
public sealed class ClusterContractTests() : ConversationsContract(ClusterHosts.Shared);

// Half a minute; the host and the journal have shorter ones of their own.
[Trait("Needs", "Azurite")]
[Trait("Needs", "Long")]
public sealed class ClusterAzureTests(AzuriteServer server)
    : ConversationsContract(ClusterHosts.SharedOver(server)), IClassFixture<AzuriteServer>;

public sealed class ClusterFaultTests() : FaultContract(ClusterHosts.Shared);

public sealed class ClusterJournalFailureTests() : JournalFailureContract(ClusterHosts.Shared);

// A verdict is remembered by the silo that had it made, and a create that is sent again may come to another.
public sealed class ClusterCheckTests() : CheckContract(ClusterHosts.OneSilo);

public sealed class ClusterTimingTests() : TimingContract(ClusterHosts.OneSilo);

public sealed class ClusterPassivationTests() : PassivationContract(ClusterHosts.OneSilo);

public sealed class ClusterHoldingTests() : HoldingContract(ClusterHosts.OneSilo);

public sealed class ClusterRecognitionTests() : RecognitionContract(ClusterHosts.TwoSilos);

[Trait("Needs", "Postgres")]
public sealed class ClusterPostgresRecognitionTests(PostgresServer server)
    : RecognitionContract(ClusterHosts.TwoSilosOver(server)), IClassFixture<PostgresServer>;

public sealed class ClusterUnstoredRecognitionTests() : UnstoredRecognitionContract(ClusterHosts.TwoSilos);

public sealed class ClusterUnstoredBytesTests() : UnstoredBytesContract(ClusterHosts.OneSilo);

public sealed class ClusterResentPartsTests() : ResentPartsContract(ClusterHosts.TwoSilos);

public sealed class ClusterLifetimeTests() : IndexedLifetimeContract(ClusterHosts.TwoSilos);

public sealed class ClusterRecognitionLivesTests() : RecognitionLivesContract(ClusterHosts.TwoSilos, lives: 20);

/// <summary>Starts clusters for contracts.</summary>
internal sealed class ClusterHosts(Func<HostSetup, Task<ClusterHost>> start) : IContractHosts
{
    /// <summary>Two silos that tests use one after the other.</summary>
    public static readonly ClusterHosts Shared =
        new(static setup => ClusterHost.StartAsync(new TestWorld { Check = setup.Check }));

    /// <summary>The same over Azure Storage.</summary>
    public static ClusterHosts SharedOver(AzuriteServer server) => new(async setup =>
    {
        var journal = await AzureJournal.OpenAsync(new AzureJournalOptions
        {
            Account = server.ConnectionString,
            Container = server.NewContainer(),
        }, CancellationToken.None);
        var host = await ClusterHost.StartAsync(new TestWorld { Check = setup.Check, Journal = journal });
        host.Disposing = async () => await journal.DisposeAsync();
        return host;
    });

    /// <summary>One silo for each test, with the test's bounds.</summary>
    public static readonly ClusterHosts OneSilo = new(static setup =>
    {
        var options = new ConversationClusterOptions();
        options.WarmBytesMax = setup.WarmBytesMax ?? options.WarmBytesMax;
        var world = new TestWorld
        {
            Check = setup.Check,
            Holding = setup.Holding,
            Recognition = setup.Recognition,
        };
        return ClusterHost.StartAloneAsync(world, count: 1, options);
    });

    /// <summary>Two silos for each test over a SQLite file, and a client that recognises histories.</summary>
    public static readonly ClusterHosts TwoSilos = new(static setup => OverSqliteAsync(setup, count: 2));

    /// <summary>Two of them that drain when they are stopped.</summary>
    public static readonly ClusterHosts DrainingSilos = new(
        static setup => OverSqliteAsync(setup, count: 2, new ConversationDrainOptions().DrainTimeout));

    /// <summary>The same, each of which knows its own turns alone.</summary>
    public static readonly ClusterHosts OwnIndexes = new(static setup => OverSqliteAsync(
        setup, count: 2, new ConversationDrainOptions().DrainTimeout, hasIndexes: true));

    /// <summary>Three of them.</summary>
    public static readonly ClusterHosts ThreeSilos = new(static setup => OverSqliteAsync(setup, count: 3));

    /// <summary>The same over PostgreSQL.</summary>
    public static ClusterHosts TwoSilosOver(PostgresServer server) => new(async setup =>
    {
        var url = server.Url(await server.CreateDatabaseAsync());
        var journal = await PostgresJournal.OpenAsync(
            new PostgresJournalOptions { Url = url, KeepsHistories = true }, CancellationToken.None);
        return await StartAsync(WorldOf(setup, journal), static () => { });
    });

    public async Task<ContractHost> StartAsync(HostSetup setup) => await start(setup);

    private static async Task<ClusterHost> OverSqliteAsync(
        HostSetup setup, short count, TimeSpan drain = default, bool hasIndexes = false)
    {
        var directory = Directory.CreateTempSubdirectory("evergrain-recognition-");
        var journal = await SqliteJournal.OpenAsync(
            new SqliteJournalOptions { Directory = directory.FullName, KeepsHistories = true }, CancellationToken.None);
        var world = WorldOf(setup, journal, drain, hasIndexes);
        return await StartAsync(world, () => directory.Delete(recursive: true), count);
    }

    private static TestWorld WorldOf(
        HostSetup setup, IJournal journal, TimeSpan drain = default, bool hasIndexes = false) => new()
        {
            Journal = journal,
            Recognition = setup.Recognition,
            HasIndexes = hasIndexes,
            Lifetimes = setup.Lifetimes,
            DrainTimeout = drain,
        };

    private static async Task<ClusterHost> StartAsync(TestWorld world, Action remove, short count = 2)
    {
        var host = await ClusterHost.StartAloneAsync(world, count);
        host.Disposing = async () =>
        {
            await world.Journal.DisposeAsync();
            remove();
        };
        return host;
    }
}
