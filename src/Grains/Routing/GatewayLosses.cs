namespace Evergrain.Grains.Routing;

/// <summary>
/// Tells when this client of the cluster loses a connection to a silo. Orleans answers nothing that was asked through
/// it, and says so only when the call's time is over: whoever asked had better ask again at once. Which calls those
/// were is not known; so all are asked again, and all may be.
/// </summary>
internal sealed class GatewayLosses : IClusterConnectionStatusObserver
{
    // Never disposed of: whoever asks may still hold it.
    private CancellationTokenSource _next = new();

    /// <summary>Is cancelled at the next loss: taken before a call, it covers that call.</summary>
    public CancellationToken Next => Volatile.Read(ref _next).Token;

    public void NotifyGatewayCountChanged(int currentNumberOfGateways, int previousNumberOfGateways,
        bool connectionRecovered)
    {
        if (currentNumberOfGateways < previousNumberOfGateways)
        {
            // Orleans' own thread: it must not wait for those who are told, and nothing of theirs throws.
            _ = Interlocked.Exchange(ref _next, new CancellationTokenSource()).CancelAsync();
        }
    }

    // The count of gateways says it too.
    public void NotifyClusterConnectionLost()
    {
    }
}
