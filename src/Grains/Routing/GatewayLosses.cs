namespace Evergrain.Grains.Routing;

/// <summary>
/// Reports when this client of the cluster loses a connection to a silo. Orleans reports a call that went through the
/// connection only when the call's time is over. It does not tell which calls those were. So callers make every waiting
/// call again at once, since each call may be carried out twice without harm.
/// </summary>
internal sealed class GatewayLosses : IClusterConnectionStatusObserver
{
    // Never disposed of: a caller may still hold it.
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
