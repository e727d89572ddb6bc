using Evergrain.Frontend.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;

namespace Evergrain.Silo.Cluster;

/// <summary>A silo is ready while the cluster counts it as active.</summary>
internal sealed class SiloReadiness(ClusterMember member, ISiloStatusOracle silo) : IReadiness
{
    public string? Obstacle => member.HasJoined && silo.CurrentStatus == SiloStatus.Active
        ? null
        : "The silo has not joined the cluster.";
}

/// <summary>A frontend is ready while it is connected to a silo.</summary>
internal sealed partial class GatewayReadiness(IServiceProvider services, ILogger<GatewayReadiness> logger)
    : IReadiness, IClusterConnectionStatusObserver
{
    private volatile bool _isConnected;

    // Asked for late: Orleans makes its observers while the member is made.
    private ClusterMember Member => services.GetRequiredService<ClusterMember>();

    public string? Obstacle => _isConnected && Member.HasJoined
        ? null
        : "The frontend is connected to no silo.";

    public void NotifyGatewayCountChanged(int currentNumberOfGateways, int previousNumberOfGateways,
        bool connectionRecovered)
    {
        _isConnected = currentNumberOfGateways > 0;
        if (connectionRecovered && Member.HasJoined)
        {
            LogRecovered(logger);
        }
    }

    public void NotifyClusterConnectionLost()
    {
        _isConnected = false;
        if (Member.HasJoined)
        {
            LogLost(logger);
        }
    }

    [LoggerMessage(500, LogLevel.Warning, "The frontend is connected to no silo; it looks for one.")]
    private static partial void LogLost(ILogger logger);

    [LoggerMessage(501, LogLevel.Warning, "The frontend is connected to a silo again.")]
    private static partial void LogRecovered(ILogger logger);
}
