using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Routing;

/// <summary>
/// How long one request asks again, and how often: at once where an activation said so, then soon, then more rarely,
/// and all callers at different times.
/// </summary>
internal sealed class Patience(RetryBounds bounds, IIdSource chance)
{
    private static readonly TimeSpan PauseMin = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan PauseMax = TimeSpan.FromMilliseconds(500);

    // How long a frontend takes to ask again for everything that waited when it lost a connection.
    private static readonly TimeSpan LossSpread = TimeSpan.FromMilliseconds(250);
    private long? _begun;
    private TimeSpan _pause = PauseMin;

    /// <summary>Whether a call failed that may have been carried out.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>The moment, for <see cref="RenewIfAnswered"/>.</summary>
    public long Timestamp => bounds.Time.GetTimestamp();

    /// <summary>Begins anew: something was answered.</summary>
    public void Renew() => (_begun, _pause) = (null, PauseMin);

    /// <summary>Begins anew if a call that began then and has failed now was answered on its way.</summary>
    public void RenewIfAnswered(long begun)
    {
        if (bounds.Time.GetElapsedTime(begun) > bounds.AnsweredAfter)
        {
            Renew();
        }
    }

    /// <summary>Whether the same call may succeed when it is made again.</summary>
    public bool MayPass(Exception e, CancellationToken cancellationToken) => e switch
    {
        ConversationException => false,
        OperationCanceledException => !cancellationToken.IsCancellationRequested,
        _ => bounds.IsPassing(e),
    };

    /// <summary>Waits a while; the bound counts from the first time.</summary>
    /// <exception cref="ConversationException">The time is over.</exception>
    public async Task PauseAsync(Exception? failed, CancellationToken cancellationToken)
    {
        HasFailed |= failed is not null;
        if (_begun is null)
        {
            _begun = bounds.Time.GetTimestamp();
            if (failed is null)
            {
                return;
            }
        }

        if (bounds.Time.GetElapsedTime(_begun.Value) > bounds.RetryTime)
        {
            throw new ConversationException(
                new Refusal(RefusalKind.Unavailable, "The conversation cannot go on here now: try again."), failed);
        }

        var drawn = chance.Next64() / (double)ulong.MaxValue;
        if (failed is OperationCanceledException)
        {
            await Task.Delay(LossSpread * drawn, bounds.Time, cancellationToken);
            return;
        }

        // Half of the pause, and a random part of the other half.
        await Task.Delay(_pause * (0.5 + (0.5 * drawn)), bounds.Time, cancellationToken);
        _pause = _pause * 2 < PauseMax ? _pause * 2 : PauseMax;
    }
}
