namespace Evergrain.Grains.Routing;

/// <summary>The cluster, as a router reaches it.</summary>
/// <param name="Grains">Its grains.</param>
/// <param name="Losses">Lost connections to silos; null: this process is a silo.</param>
internal sealed record ClusterAccess(IGrainFactory Grains, GatewayLosses? Losses)
{
    /// <summary>
    /// For one call: is cancelled when its caller leaves, or when its answer may be lost. Null: it cannot be lost
    /// unnoticed.
    /// </summary>
    public CancellationTokenSource? UnlessLost(CancellationToken cancellationToken) => Losses is null
        ? null
        : CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Losses.Next);
}
