using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Routing;

/// <summary>
/// Where every retry of a request stops, and how long each waits. An activation that says so is asked again at once,
/// then soon, then more rarely, and all callers ask at different times.
/// </summary>
/// <param name="bounds">The bounds of retries, and their clock.</param>
/// <param name="chance">Spreads retries.</param>
/// <param name="asked">
/// When the request was made, as a timestamp. Null: it is a reader, whose model may be silent before a journal fails.
/// </param>
internal sealed class Patience(RetryBounds bounds, IIdSource chance, long? asked)
{
    private static readonly TimeSpan PauseMin = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan PauseMax = TimeSpan.FromMilliseconds(500);

    // How long a frontend takes to ask again for everything that waited when it lost a connection.
    private static readonly TimeSpan LossSpread = TimeSpan.FromMilliseconds(250);

    // A journal that fails at once may be back within tens of milliseconds; the pauses together stay below half a
    // second. A journal that took longer to fail has waited by itself, so its caller is told.
    private const int JournalFailuresMax = 4;
    private static readonly TimeSpan JournalPauseMin = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan JournalTime = TimeSpan.FromSeconds(5);

    private long? _asked = asked;
    private long? _begun;
    private TimeSpan _pause = PauseMin;
    private int _journalFailures;

    /// <summary>Whether a call failed that may have been carried out.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Begins anew: something was answered.</summary>
    public void Renew() => (_asked, _begun, _pause, _journalFailures) = (null, null, PauseMin, 0);

    /// <summary>Begins anew if a call that began then and has failed now was answered on its way.</summary>
    public void RenewIfAnswered(long begun)
    {
        if (bounds.Time.GetElapsedTime(begun) > bounds.AnsweredAfter)
        {
            Renew();
        }
    }

    /// <summary>Waits a while before the next call; the bounds count from the first time.</summary>
    /// <param name="reason">Why an activation said to ask again: its journal failed. Null: for another reason.</param>
    /// <param name="failed">How a call failed; null: it was answered.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ConversationException">A bound is reached: the caller is told to come back.</exception>
    public async Task PauseAsync(Refusal? reason, Exception? failed, CancellationToken cancellationToken)
    {
        HasFailed |= failed is not null || reason is not null;
        var isAtOnce = _begun is null && failed is null && reason is null;
        _begun ??= bounds.Time.GetTimestamp();
        if (IsOver(reason))
        {
            throw new ConversationException(reason ?? new Refusal(RefusalKind.Unavailable,
                "The conversation cannot go on here now: try again."), failed);
        }

        if (!isAtOnce)
        {
            await Task.Delay(NextPause(reason, failed), bounds.Time, cancellationToken);
        }
    }

    private bool IsOver(Refusal? reason)
    {
        var begun = _begun!.Value;
        if (bounds.Time.GetElapsedTime(begun) > bounds.RetryTime)
        {
            return true;
        }

        return reason is not null && (++_journalFailures >= JournalFailuresMax ||
            bounds.Time.GetElapsedTime(_asked ?? begun) >= JournalTime);
    }

    private TimeSpan NextPause(Refusal? reason, Exception? failed)
    {
        var drawn = chance.Next64() / (double)ulong.MaxValue;
        if (failed is OperationCanceledException)
        {
            return LossSpread * drawn;
        }

        // Half of the pause, and a random part of the other half.
        _pause = reason is not null && _pause < JournalPauseMin ? JournalPauseMin : _pause;
        var pause = _pause * (0.5 + (0.5 * drawn));
        _pause = _pause * 2 < PauseMax ? _pause * 2 : PauseMax;
        return pause;
    }
}
