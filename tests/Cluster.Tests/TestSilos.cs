using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Evergrain.Cluster.Tests.Moving;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Grains;
using Evergrain.Providers.Demo;
using Evergrain.Suites.Hosts;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Configuration;
using Orleans.Runtime;
using Orleans.TestingHost;

namespace Evergrain.Cluster.Tests;

/// <summary>Silos of real Orleans in this process, and a client of theirs; they speak through memory.</summary>
internal sealed class TestSilos : IAsyncDisposable
{
    private readonly CurrentWorld _current;
    private readonly ConcurrentDictionary<string, FaultyJournal> _journals = new();
    private readonly ServiceProvider _meters = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly InProcessTestCluster _cluster;
    private readonly LastingIndex? _lasting;

    private TestSilos(TestWorld world, short count, ConversationClusterOptions options)
    {
        _current = new CurrentWorld(world);
        if (world.Recognition is { } recognition)
        {
            _lasting = new LastingIndex(new WorldJournal(_current), recognition, Meters, world.Time,
                NullLogger<LastingIndex>.Instance);
            Known = IndexOf(world);
        }

        var builder = new InProcessTestClusterBuilder(count);
        builder.Options.ConfigureFileLogging = false;
#pragma warning disable ORLEANSEXP003 // The one of AddConversations; by default one of tests' own takes its place.
        builder.Options.UseDistributedGrainDirectory = true;
#pragma warning restore ORLEANSEXP003
        builder.ConfigureSiloHost((silo, host) => AddServices(host, _journals.GetOrAdd(
            silo.SiloName, _ => new FaultyJournal(new WorldJournal(_current))), world.HasIndexes));
        builder.ConfigureSilo((named, silo) =>
        {
            silo.AddConversations(options);
            silo.Services.AddOrleansConversations(options);
            silo.Services.Configure<ConversationDrainOptions>(drain => drain.DrainTimeout = world.DrainTimeout);
            silo.Configure<SiloConnectionOptions>(connections => connections.ConfigureSiloOutboundConnection(
                connection => connection.Use(next => Connections.Through(named.SiloName, next))));
            silo.Configure<SiloMessagingOptions>(messages => messages.MaxMessageBodySize = world.MessageBytesMax);
            silo.AddIncomingGrainCallFilter(Answers);
            silo.AddIncomingGrainCallFilter(Rounds);
            silo.Services.AddKeyedSingleton<TimeProvider>(
                TimeProviderNames.Grains, new WorldTime(_current, static world => world.Clock));
            silo.Services.AddSingleton<IModelBackend>(new WorldModel(_current));
            silo.Services.AddSingleton<IModelBackend>(new DemoBackend(
                ["demo"], new WorldTime(_current, static world => world.DemoClock)));
            silo.Services.AddSingleton<IInputCheck>(new WorldCheck(_current));
            silo.Services.AddSingleton(Meters);
            if (world.Lifetimes is { } lifetimes)
            {
                silo.Services.AddSingleton(lifetimes);
            }

            if (world.Holding is { } holding)
            {
                silo.Services.AddSingleton(holding);
            }
        });
        builder.ConfigureClientHost(host => AddServices(host, new WorldJournal(_current), hasIndex: false));
        builder.ConfigureClient(client => client.AddConversations(options).Configure<ClientMessagingOptions>(
            messages => messages.MaxMessageBodySize = world.MessageBytesMax));
        _cluster = builder.Build();
    }

    public InProcessTestCluster Cluster => _cluster;

    /// <summary>The turns that histories may continue; null: they are not recognised.</summary>
    public RecognitionIndex? Known { get; }

    /// <summary>What silos answer, on its way out.</summary>
    public HeldAnswers Answers { get; } = new();

    /// <summary>How often silos looked at their shares.</summary>
    public SharingRounds Rounds { get; } = new();

    /// <summary>What silos opened to each other.</summary>
    public SilentConnections Connections { get; } = new();

    /// <summary>The meters of all silos.</summary>
    public IMeterFactory Meters => _meters.GetRequiredService<IMeterFactory>();

    public ITurns Turns => _cluster.Client.ServiceProvider.GetRequiredService<ITurns>();

    public IConversations Conversations => _cluster.Client.ServiceProvider.GetRequiredService<IConversations>();

    /// <summary>Tells the client that it lost one of two connections to silos, as Orleans does.</summary>
    public void LoseGateway()
    {
        foreach (var observer in _cluster.Client.ServiceProvider.GetServices<IClusterConnectionStatusObserver>())
        {
            observer.NotifyGatewayCountChanged(1, previousNumberOfGateways: 2, connectionRecovered: false);
        }
    }

    public static async Task<TestSilos> StartAsync(TestWorld world, short count = 2,
        ConversationClusterOptions? options = null)
    {
        var silos = new TestSilos(world, count, options ?? new ConversationClusterOptions());
        await silos._cluster.DeployAsync().WaitAsync(Waits.Patience);
        return silos;
    }

    /// <summary>Brings the silos into another test's world.</summary>
    public void Enter(TestWorld world) => _current.World = world;

    public IConversationGrain GrainOf(ConversationKey key) =>
        _cluster.Client.GetGrain<IConversationGrain>(ConversationGrainKey.Format(key));

    /// <summary>Where a conversation is warm now.</summary>
    public async Task<InProcessSiloHandle> SiloOfAsync(ConversationKey key)
    {
        var address = await AskAsync(management => management.GetActivationAddress(GrainOf(key)).AsTask());
        return _cluster.GetSiloForAddress(address!)!;
    }

    /// <summary>Ends a conversation's activation, whatever runs there.</summary>
    public Task DeactivateAsync(ConversationKey key) =>
        _cluster.DeactivateAsync(GrainOf(key)).WaitAsync(Waits.Patience);

    /// <summary>Ends every activation, whatever runs there.</summary>
    public async Task DeactivateAllAsync()
    {
        await PassivateAsync();
        var grains = (await ActivationsAsync())
            .Select(grain => _cluster.Client.GetGrain<IConversationGrain>(grain.GrainId));
        await Task.WhenAll(grains.Select(_cluster.DeactivateAsync)).WaitAsync(Waits.Patience);
    }

    /// <summary>How many conversations are warm on each silo that has some.</summary>
    public async Task<IReadOnlyList<int>> WarmAsync() =>
        [.. (await ActivationsAsync()).CountBy(static grain => grain.SiloAddress).Select(static silo => silo.Value)];

    public FaultyJournal JournalOf(InProcessSiloHandle silo) => _journals[silo.Name];

    /// <summary>Deactivates what is idle, on every silo.</summary>
    public Task PassivateAsync() => AskAsync(static async management =>
    {
        await management.ForceActivationCollection(TimeSpan.Zero);
        return true;
    });

    /// <summary>
    /// Kills one silo: nothing it does from now on reaches the journal, and it says no word to anybody, of failed
    /// appends neither.
    /// </summary>
    public async Task KillAsync(InProcessSiloHandle silo)
    {
        // The dead silo logs that its journal fails.
        _current.World.Log.Expect(102, 104);
        var journal = JournalOf(silo);
        var (_, gate) = journal.HoldAppends();
        await _cluster.KillSiloAsync(silo).WaitAsync(Waits.Patience);
        journal.Kill();
        gate.SetResult();
    }

    /// <summary>Cuts every silo off from the journal: they are dead, and may take their time to fall over.</summary>
    public void KillJournals()
    {
        foreach (var journal in _journals.Values)
        {
            journal.Kill();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.StopAllSilosAsync().WaitAsync(Waits.Patience);
        await _cluster.DisposeAsync().AsTask().WaitAsync(Waits.Patience);
        if (_lasting is not null)
        {
            await _lasting.DisposeAsync();
        }

        await _meters.DisposeAsync();
    }

    private async Task<IEnumerable<DetailedGrainStatistic>> ActivationsAsync() =>
        (await AskAsync(static management => management.GetDetailedGrainStatistics()))
            .Where(static grain => grain.GrainId.Type.ToString() == "evergrain.conversation");

    // Calls time out as soon as those of conversations: on a busy machine one may, and is asked again.
    private async Task<T> AskAsync<T>(Func<IManagementGrain, Task<T>> ask)
    {
        var management = _cluster.Client.GetGrain<IManagementGrain>(0);
        var begun = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return await ask(management).WaitAsync(Waits.Patience);
            }
            catch (TimeoutException) when (TimeProvider.System.GetElapsedTime(begun) < Waits.Patience)
            {
                // Asked again.
            }
        }
    }

    private void AddServices(IHostApplicationBuilder host, IJournal journal, bool hasIndex)
    {
        host.Services.AddSingleton(journal);
        host.Services.AddSingleton<IIdSource, RandomIdSource>();
        if (Known is not null)
        {
            host.Services.AddSingleton((IHistoryStore)journal);
            host.Services.AddSingleton(hasIndex ? IndexOf(_current.World) : Known);
        }

        host.Logging.ClearProviders().AddProvider(new WorldLog(_current));
    }

    private RecognitionIndex IndexOf(TestWorld world) => new(
        world.Recognition!, _lasting!, Meters, world.Time, NullLogger<RecognitionIndex>.Instance);
}
