using Evergrain.Conversations.Ports;

namespace Evergrain.Grains.Routing;

/// <summary>
/// How long one request asks again, and how often: soon at first, then more rarely, never all callers at once.
/// </summary>
internal sealed class Patience(TimeSpan bound, TimeProvider time, IIdSource chance)
{
    private static readonly TimeSpan PauseMin = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan PauseMax = TimeSpan.FromMilliseconds(500);

    // How long a frontend takes to ask for everything again that waited when it lost a connection.
    private static readonly TimeSpan LossSpread = TimeSpan.FromMilliseconds(250);
    private long? _begun;
    private TimeSpan _pause = PauseMin;

    /// <summary>Whether something failed that may have been done.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Begins anew: something was answered.</summary>
    public void Renew() => (_begun, _pause) = (null, PauseMin);

    /// <summary>Waits a while; the bound counts from the first time.</summary>
    /// <exception cref="ConversationException">The time is over.</exception>
    public async Task PauseAsync(Exception? failed, CancellationToken cancellationToken)
    {
        HasFailed |= failed is not null;
        _begun ??= time.GetTimestamp();
        if (time.GetElapsedTime(_begun.Value) > bound)
        {
            throw new ConversationException(
                new Refusal(RefusalKind.Unavailable, "The conversation cannot go on here now: try again."), failed);
        }

        var drawn = chance.Next64() / (double)ulong.MaxValue;
        if (failed is OperationCanceledException)
        {
            await Task.Delay(LossSpread * drawn, time, cancellationToken);
            return;
        }

        // Half of it, and as much of the other half as chance says.
        await Task.Delay(_pause * (0.5 + (0.5 * drawn)), time, cancellationToken);
        _pause = _pause * 2 < PauseMax ? _pause * 2 : PauseMax;
    }
}
