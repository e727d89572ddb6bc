namespace Evergrain.Grains.Routing;

/// <summary>The cluster, as a router reaches it.</summary>
/// <param name="Grains">Its grains.</param>
/// <param name="Losses">Lost connections to silos; null: this process is a silo.</param>
internal sealed record ClusterAccess(IGrainFactory Grains, GatewayLosses? Losses)
{
    /// <summary>For one call: is cancelled when its caller leaves, or when its answer may be lost.</summary>
    public CancellationTokenSource UnlessLost(CancellationToken cancellationToken) =>
        CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Losses?.Next ?? CancellationToken.None);
}
