using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Routing;
using Evergrain.Grains.Activation;
using Evergrain.Grains.Moving;
using Evergrain.Grains.Routing;
using Evergrain.Grains.Tenants;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Evergrain.Grains;

/// <summary>
/// Registers conversations of a cluster: in silos, where they live, and in frontends, which ask for them.
/// </summary>
public static class ConversationClusterExtensions
{
    // Orleans looks once a second which calls are too old; twice that, and some for a busy machine.
    private static readonly TimeSpan CallSlack = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan SystemCallTimeout = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Adds conversations to a silo. Needs an <see cref="IJournal"/> that every silo shares, the
    /// <see cref="IModelBackend"/>s and an <see cref="IIdSource"/>; an <see cref="IInputCheck"/> looks at new input if
    /// there is one. A silo that stops drains first (<see cref="ConversationDrainOptions"/>).
    /// </summary>
    public static ISiloBuilder AddConversations(this ISiloBuilder silo, ConversationClusterOptions options)
    {
        ArgumentNullException.ThrowIfNull(silo);
        OptionRules.Check(options);
        silo.Services.TryAddSingleton<TenantUsage>();
        silo.Services.TryAddSingleton<ConversationInstruments>();
        silo.Services.AddSingleton(provider => CreateServices(provider, options));
        silo.Services.AddSingleton(provider => CreateWarmCalls(provider, options));
        silo.AddMoving(options);
        silo.AddDirectory();
        silo.AddConnections(options);
        silo.Configure<SiloMessagingOptions>(messaging => LoseNoTime(messaging, options));
        silo.Configure<GrainCollectionOptions>(collection => KeepWarm(collection, options));
        silo.Configure<ClusterMembershipOptions>(membership => WatchClosely(membership, options));
        silo.Services.AddOptions<HostOptions>().PostConfigure<IOptions<ConversationDrainOptions>>(GiveTime);
        return silo;
    }

    /// <summary>
    /// Adds <see cref="ITenantTotals"/> as <see cref="ITenantGrain"/>s of the cluster that this process is a silo or a
    /// client of. Its silos need a grain storage of the name <see cref="ClusterStorage.Name"/>.
    /// </summary>
    public static IServiceCollection AddTenantTotals(this IServiceCollection services) =>
        services.AddSingleton<ITenantTotals, GrainTenantTotals>();

    /// <summary>Adds the conversations to a process that is a client of the cluster.</summary>
    public static IClientBuilder AddConversations(this IClientBuilder client, ConversationClusterOptions options)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(options);
        client.Configure<ClientMessagingOptions>(messaging => messaging.ResponseTimeout = options.CallTimeout);
        client.Services.AddSingleton<GatewayLosses>();
        client.Services.AddSingleton<IClusterConnectionStatusObserver>(
            static provider => provider.GetRequiredService<GatewayLosses>());
        client.Services.AddOrleansConversations(options);
        return client;
    }

    /// <summary>
    /// Adds <see cref="ITurns"/> and <see cref="IConversations"/> of the cluster that this process is a silo or a
    /// client of. Needs an <see cref="IJournal"/>, an <see cref="IIdSource"/> and a <see cref="TimeProvider"/>.
    /// </summary>
    public static IServiceCollection AddOrleansConversations(this IServiceCollection services,
        ConversationClusterOptions options)
    {
        OptionRules.Check(options);
        services.TryAddSingleton(options);
        services.AddSingleton(CreateRouter);
        services.AddSingleton<IConversations>(
            static provider => provider.GetRequiredService<ConversationRouter>());
        services.AddSingleton(CreateTurns);
        return services;
    }

    private static WarmCalls CreateWarmCalls(IServiceProvider provider, ConversationClusterOptions options)
    {
        var cluster = new ClusterAccess(provider.GetRequiredService<IGrainFactory>(), Losses: null, options);
        return new WarmCalls(cluster.Find) { IsSweeper = () => provider.GetRequiredService<LiveSilos>().IsFirst };
    }

    private static ClusterAccess AccessOf(IServiceProvider provider) => new(
        provider.GetRequiredService<IGrainFactory>(), provider.GetService<GatewayLosses>(),
        provider.GetRequiredService<ConversationClusterOptions>())
    {
        Holding = provider.GetService<ProcessHolding>(),
    };

    private static ITurns CreateTurns(IServiceProvider provider)
    {
        var router = provider.GetRequiredService<ConversationRouter>();
        var cluster = AccessOf(provider);
        return provider.GetService<RecognitionIndex>() is { } known
            ? new RecognisingTurns(router, cluster.Find, cluster.Find, known)
            {
                FindElsewhere = cluster.FindHistoriesAsync,
            }
            : router;
    }

    private static ConversationRouter CreateRouter(IServiceProvider provider)
    {
        var cluster = AccessOf(provider);
        var options = cluster.Options;
        return new ConversationRouter(
            cluster.Find,
            cluster.Find,
            provider.GetRequiredService<IJournal>(),
            provider.GetRequiredService<IIdSource>(),
            new RetryBounds(provider.GetRequiredService<TimeProvider>(), options.RetryTime, ClusterAccess.IsPassing)
            {
                AnsweredAfter = (2 * options.CallTimeout) + CallSlack,
            })
        {
            Roster = cluster.FindAsync,
        };
    }

    private static void AddMoving(this ISiloBuilder silo, ConversationClusterOptions options)
    {
        var services = silo.Services;
        silo.AddPlacementDirector<ConversationPlacement, ConversationPlacementDirector>();
        silo.AddGrainService<SiloLoads>();
        silo.AddGrainService<SiloRosters>();
        silo.AddGrainService<SiloHistories>();
        services.AddSingleton<SiloRostersClient>();
        services.AddSingleton<SiloHistoriesClient>();
        services.AddSingleton<SiloLoadsClient>();
        services.AddSingleton<WarmConversations>();
        services.AddSingleton<ClusterLoads>();
        services.AddSingleton<LiveSilos>();
        services.AddSingleton<LoadExchange>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<ConversationMoves>(provider, options));
        services.AddSingleton<IHostedService>(static provider =>
            ActivatorUtilities.CreateInstance<ConversationDrain>(provider));
        services.AddSingleton<IHostedService>(static provider =>
            ActivatorUtilities.CreateInstance<ConversationSharing>(provider));
        services.AddSingleton<IHostedService>(static provider =>
            ActivatorUtilities.CreateInstance<WarmBudget>(provider));
        services.TryAddSingleton<JournalReturns>();
        services.AddSingleton<IHostedService>(static provider =>
            ActivatorUtilities.CreateInstance<JournalComparison>(provider));
        services.AddSingleton(provider => new WarmBudgetBounds(
            () => provider.GetService<ProcessHolding>()?.WarmBytesMax(options.WarmBytesMax) ?? options.WarmBytesMax,
            GrainsClock(provider)));
        services.AddSingleton(provider => CreateDrainBounds(provider, options));
        services.AddSingleton(provider => new ShareBounds(
            options.ShareInterval, GrainsClock(provider), provider.GetRequiredService<IIdSource>()));
    }

    private static void AddConnections(this ISiloBuilder silo, ConversationClusterOptions options)
    {
        // As long as a silo must be silent to be voted dead, if nothing else is heard of it.
        var silence = 4 * options.ProbeTimeout;
        silo.Services.AddSingleton(provider => new SiloConnections(
            silence, GrainsClock(provider), provider.GetRequiredService<ILogger<SiloConnections>>()));
        silo.Services.AddOptions<SiloConnectionOptions>().Configure<SiloConnections>(static (options, connections) =>
            options.ConfigureSiloOutboundConnection(connection => connection.Use(connections.Follow)));
    }

    private static DrainBounds CreateDrainBounds(IServiceProvider provider, ConversationClusterOptions options)
    {
        var timeout = provider.GetRequiredService<IOptions<ConversationDrainOptions>>().Value.DrainTimeout;
        var half = timeout / 2;
        return new DrainBounds(timeout, options.ModelCallTime < half ? options.ModelCallTime : half,
            GrainsClock(provider), provider.GetRequiredService<ILogger<ConversationDrain>>());
    }

    private static TimeProvider GrainsClock(IServiceProvider provider) =>
        provider.GetRequiredKeyedService<TimeProvider>(TimeProviderNames.Grains);

    private static GrainServices CreateServices(IServiceProvider provider, ConversationClusterOptions options)
    {
        var logger = provider.GetRequiredService<ILogger<ConversationGrain>>();
        var store = provider.GetRequiredService<IJournal>();
        var services = new ActivationServices(
            new ModelCatalog([.. provider.GetServices<IModelBackend>()]),
            provider.GetRequiredService<IIdSource>(),
            GrainsClock(provider),
            provider.GetRequiredService<ConversationInstruments>())
        {
            Rules = new ConversationRules(() => store.Format, provider.GetService<RecognitionIndex>())
            {
                Lifetimes = provider.GetService<ResponseLifetimes>(),
            },
        };
        var journal = new ActivationJournal(store, services, logger)
        {
            Histories = provider.GetService<IHistoryStore>(),
        };

        // Within the time of a call: a router that waits asks again and finds the same check.
        var checks = provider.GetService<IInputCheck>() is { } check
            ? new InputChecks(check, options.CallTimeout / 2, services, logger)
            : null;
        return new GrainServices(new HostContext(services, journal, options.ModelCallTime, logger), checks,
            provider.GetRequiredService<ConversationMoves>(), options);
    }

    // Orleans' default directory ends every activation, on whichever silo, whose entry stood on a silo that goes: a
    // third of the turns that run on the others. This one makes its entries anew from the activations that are there.
    private static void AddDirectory(this ISiloBuilder silo)
    {
#pragma warning disable ORLEANSEXP003 // Experimental in Orleans 10; what it must hold is tested with real processes.
        silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003

        // How long nobody may begin what a dead silo may still run. The journal decides that; so nobody waits.
        silo.Configure<GrainDirectoryOptions>(static directory => directory.RangeLeaseDuration = TimeSpan.Zero);
    }

    private static void LoseNoTime(SiloMessagingOptions messaging, ConversationClusterOptions options)
    {
        messaging.ResponseTimeout = options.CallTimeout;

        // Orleans' own calls, such as where a conversation is. A lost one holds up all who ask for that conversation,
        // for 30 seconds by default: longer than any router waits.
        messaging.SystemResponseTimeout = SystemCallTimeout;
    }

    private static void KeepWarm(GrainCollectionOptions collection, ConversationClusterOptions options) =>
        collection.ClassSpecificCollectionAge[typeof(ConversationGrain).FullName!] = options.WarmTime;

    // The drain, its last moments, and what Orleans and the web server do after it.
    private static void GiveTime(HostOptions host, IOptions<ConversationDrainOptions> drain)
    {
        var needed = drain.Value.DrainTimeout + TimeSpan.FromSeconds(15);
        host.ShutdownTimeout = host.ShutdownTimeout > needed ? host.ShutdownTimeout : needed;
    }

    // Measured: a killed silo is declared dead after 0.7 to 1 s, against 12 to 14 s with Orleans' own bounds.
    private static void WatchClosely(ClusterMembershipOptions membership, ConversationClusterOptions options)
    {
        membership.ProbeTimeout = options.ProbeTimeout;
        membership.NumMissedProbesLimit = 2;

        // Nobody votes against a silo that was heard of within two of the longest probes, each four times ProbeTimeout
        // by default. It also bounds how much longer a silo that is itself slow waits for the others.
        membership.MaxProbeTimeout = 2 * options.ProbeTimeout;
    }
}
