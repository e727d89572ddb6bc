using Evergrain.Frontend.Http;
using Evergrain.Grains;
using Evergrain.Silo.Membership;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;

namespace Evergrain.Silo;

/// <summary>Registers this process's part of the cluster: a silo, or a client of silos.</summary>
internal static class ClusterHosting
{
    /// <summary>
    /// How long a silo may take to leave once it is drained: Orleans gives its activations 30 seconds to end.
    /// </summary>
    public static readonly TimeSpan StopTime = TimeSpan.FromSeconds(40);

    /// <summary>Adds it.</summary>
    public static void AddCluster(this WebApplicationBuilder builder, ClusterSettings place,
        ConversationClusterOptions bounds, IMembership membership)
    {
        // It repeats itself with each try; ConnectionPatience and GatewayReadiness say it once.
        builder.Logging.AddFilter("Orleans.Messaging.GatewayManager", LogLevel.Error);

        // At each start of 10.4.2 it warns of a check that has taken as long as the machine is up.
        builder.Logging.AddFilter("Orleans.Runtime.Watchdog", LogLevel.Error);
        ClusterMember.Register(builder.Services, () =>
        {
            if (place.IsSilo)
            {
                builder.UseOrleans(silo => AddSilo(silo, place, bounds, membership));
            }
            else
            {
                builder.UseOrleansClient(client => AddClient(client, place, bounds, membership));
            }
        });
    }

    private static void AddSilo(ISiloBuilder silo, ClusterSettings place, ConversationClusterOptions bounds,
        IMembership membership)
    {
        silo.Configure<ClusterOptions>(cluster => Name(cluster, place));
        silo.Configure<EndpointOptions>(endpoint =>
        {
            endpoint.AdvertisedIPAddress = place.Address;
            endpoint.SiloPort = place.SiloPort;
            endpoint.GatewayPort = place.GatewayPort;
        });

        membership.AddTo(silo);
        silo.AddConversations(bounds);
        silo.AddTenantUsage();
        silo.Services.AddSingleton<IReadiness, SiloReadiness>();
        if (place.IsFrontend)
        {
            silo.Services.AddOrleansConversations(bounds);
        }
    }

    private static void AddClient(IClientBuilder client, ClusterSettings place, ConversationClusterOptions bounds,
        IMembership membership)
    {
        client.Configure<ClusterOptions>(cluster => Name(cluster, place));
        client.Configure<GatewayOptions>(gateways => gateways.GatewayListRefreshPeriod = place.GatewayInterval);
        membership.AddTo(client);
        client.AddConversations(bounds);
        client.Services.AddSingleton<GatewayReadiness>();
        client.Services.AddSingleton<IReadiness>(static provider => provider.GetRequiredService<GatewayReadiness>());
        client.Services.AddSingleton<IClusterConnectionStatusObserver>(
            static provider => provider.GetRequiredService<GatewayReadiness>());
        client.UseConnectionRetryFilter<ConnectionPatience>();
    }

    private static void Name(ClusterOptions cluster, ClusterSettings place) =>
        (cluster.ClusterId, cluster.ServiceId) = (place.Id, place.Service);
}
