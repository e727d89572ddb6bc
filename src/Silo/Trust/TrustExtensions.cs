using System.Diagnostics.Metrics;
using Evergrain.Frontend.Telemetry;
using Evergrain.Silo.Cluster;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Orleans.Hosting;

namespace Evergrain.Silo.Trust;

/// <summary>Registers TLS between the cluster's processes, or its absence.</summary>
internal static class TrustExtensions
{
    /// <summary>Adds what both sides of a connection need. <see cref="ClusterTrust"/> is to be opened first.</summary>
    public static IServiceCollection AddPeerTrust(this IServiceCollection services, MemberPlan plan)
    {
        var member = plan.Member;
        services.AddSingleton<PeerReports>();
        services.AddSingleton<PeerConnections>();
        if (!member.Tls)
        {
            return services;
        }

        services.AddSingleton<ITrustSource>(provider => member.HasTlsFiles
            ? new FileTrust(member)
            : new StoreTrust(plan.Store, member.Id, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ClusterTrust>();
        return services.AddHostedService(static provider => provider.GetRequiredService<ClusterTrust>());
    }

    /// <summary>Reads this process's certificate, if it needs one, and measures how long it holds.</summary>
    /// <exception cref="InvalidDataException">It cannot be used.</exception>
    /// <exception cref="Evergrain.Conversations.Ports.JournalUnavailableException">
    /// The store cannot be read.
    /// </exception>
    public static async Task OpenTrustAsync(this IServiceProvider services, CancellationToken cancellationToken)
    {
        if (services.GetService<ClusterTrust>() is { } trust)
        {
            await trust.OpenAsync(cancellationToken);
            services.GetRequiredService<IMeterFactory>().Create(FrontendInstruments.MeterName)
                .CreateObservableGauge("evergrain.certificate.left", () => trust.Left.TotalSeconds, "s",
                    "Time until the certificate of the cluster's ports ends.");
        }
    }

    /// <summary>Puts it before a silo's connections.</summary>
    public static void UsePeerTrust(this ISiloBuilder silo) => silo.Configure<SiloConnectionOptions>(static options =>
    {
        options.ConfigureSiloInboundConnection(static connection => connection.Use(Peers(connection).Accept));
        options.ConfigureGatewayInboundConnection(static connection => connection.Use(Peers(connection).Accept));
        options.ConfigureSiloOutboundConnection(static connection => connection.Use(Peers(connection).Connect));
    });

    /// <summary>Puts it before a frontend's connections.</summary>
    public static void UsePeerTrust(this IClientBuilder client) => client.Configure<ClientConnectionOptions>(
        static options => options.ConfigureConnection(
            static connection => connection.Use(Peers(connection).Connect)));

    private static PeerConnections Peers(IConnectionBuilder connection) =>
        connection.ApplicationServices.GetRequiredService<PeerConnections>();
}
