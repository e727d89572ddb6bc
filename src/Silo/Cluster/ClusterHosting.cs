using Evergrain.Frontend;
using Evergrain.Frontend.Http;
using Evergrain.Frontend.Telemetry;
using Evergrain.Grains;
using Evergrain.Silo.Composition;
using Evergrain.Silo.Membership;
using Evergrain.Silo.Trust;
using Evergrain.Silo.Usage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Evergrain.Silo.Cluster;

/// <summary>Registers this process's part of the cluster: a silo, or a client of silos.</summary>
internal static class ClusterHosting
{
    /// <summary>
    /// How long a silo may take to leave once it is drained: Orleans gives its activations 30 seconds to end.
    /// </summary>
    public static readonly TimeSpan StopTime = TimeSpan.FromSeconds(40);

    /// <summary>Adds it.</summary>
    /// <param name="builder">The process's builder.</param>
    /// <param name="plan">What this process is.</param>
    /// <param name="place">Where others reach a silo; asked for when the silo starts.</param>
    public static void AddCluster(this WebApplicationBuilder builder, MemberPlan plan, Func<SiloPlace> place)
    {
        // It repeats itself with each try; ConnectionPatience and GatewayReadiness say it once.
        builder.Logging.AddFilter("Orleans.Messaging.GatewayManager", LogLevel.Error);

        // At each start of 10.4.2 it warns of a check that has taken as long as the machine is up.
        builder.Logging.AddFilter("Orleans.Runtime.Watchdog", LogLevel.Error);

        // It warns of the garbage collector's mode, which DOTNET_gcServer sets.
        builder.Logging.AddFilter("Orleans.Runtime.Silo", LogLevel.Error);
        var isTraced = TelemetryExports.HasTraces(builder.Configuration);
        builder.Services.AddSingleton(plan.Member);
        builder.Services.AddTenantTotals();
        builder.Services.AddClock(plan.Store);
        builder.Services.AddPeerTrust(plan);
        ClusterMember.Register(builder.Services, () =>
        {
            if (plan.Role.IsSilo())
            {
                builder.UseOrleans(silo =>
                {
                    AddSilo(silo, plan, place);
                    if (isTraced)
                    {
                        silo.AddActivityPropagation();
                    }
                });
            }
            else
            {
                builder.UseOrleansClient(client =>
                {
                    AddClient(client, plan);
                    if (isTraced)
                    {
                        client.AddActivityPropagation();
                    }
                });
            }
        });
    }

    private static void AddClock(this IServiceCollection services, IClusterStore store)
    {
        services.AddSingleton(provider => new StoreClock(store.Name, store.ReadClockAsync,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<StoreClock>>()));
        services.AddSingleton<IHealthRemark>(static provider => provider.GetRequiredService<StoreClock>());
        services.AddHostedService(static provider => provider.GetRequiredService<StoreClock>());
    }

    private static void AddSilo(ISiloBuilder silo, MemberPlan plan, Func<SiloPlace> place)
    {
        silo.Configure<ClusterOptions>(cluster => Name(cluster, plan.Member));
        silo.Configure<EndpointOptions>(endpoint => (endpoint.AdvertisedIPAddress, endpoint.SiloPort,
            endpoint.GatewayPort) = (place().Address, place().SiloPort, place().GatewayPort));
        plan.Store.AddTo(silo);
        silo.Services.AddSingleton<IFatalErrorHandler>(new MemberEnd(Console.Error.WriteLine, Environment.Exit));
        silo.UsePeerTrust();
        silo.AddConversations(plan.Bounds);
        silo.Services.AddOptions<ConversationDrainOptions>().Configure<IOptions<EvergrainOptions>>(
            static (drain, server) => drain.DrainTimeout = server.Value.DrainTimeout);
        silo.Services.AddUsage();
        silo.Services.AddSingleton<IReadiness, SiloReadiness>();
        if (plan.Role.IsFrontend())
        {
            silo.Services.AddOrleansConversations(plan.Bounds);
        }
    }

    private static void AddClient(IClientBuilder client, MemberPlan plan)
    {
        client.Configure<ClusterOptions>(cluster => Name(cluster, plan.Member));
        client.Configure<GatewayOptions>(
            gateways => gateways.GatewayListRefreshPeriod = plan.Member.GatewayInterval);
        plan.Store.AddTo(client);
        client.UsePeerTrust();
        client.AddConversations(plan.Bounds);
        client.Services.AddSingleton<GatewayReadiness>();
        client.Services.AddSingleton<IReadiness>(static provider => provider.GetRequiredService<GatewayReadiness>());
        client.Services.AddSingleton<IClusterConnectionStatusObserver>(
            static provider => provider.GetRequiredService<GatewayReadiness>());
        client.UseConnectionRetryFilter<ConnectionPatience>();
    }

    private static void Name(ClusterOptions cluster, MemberOptions member) =>
        (cluster.ClusterId, cluster.ServiceId) = (member.Id, member.Service);
}

/// <summary>What one process of a cluster is.</summary>
/// <param name="Role">Whether it is a silo, a frontend, or both.</param>
/// <param name="Member">Its place in the cluster.</param>
/// <param name="Bounds">The bounds of conversations.</param>
/// <param name="Store">Where the cluster's processes find each other.</param>
internal sealed record MemberPlan(ServerRole Role, MemberOptions Member, ConversationClusterOptions Bounds,
    IClusterStore Store);
