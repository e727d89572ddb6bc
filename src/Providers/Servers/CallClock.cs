namespace Evergrain.Providers.Servers;

/// <summary>What a call waits for, and so which timeout it ran into.</summary>
internal enum CallWait
{
    /// <summary>The first byte.</summary>
    FirstByte,

    /// <summary>The first event, behind bytes that are none: comments, or events that mean nothing.</summary>
    FirstEvent,

    /// <summary>The next bytes of a streaming answer.</summary>
    NextBytes,

    /// <summary>The rest of what is not an answer: an error's body, or the end behind the last event.</summary>
    Rest,

    /// <summary>The whole call.</summary>
    Turn,
}

/// <summary>
/// The time that one try may take: cancels its token when a wait is over its limit, when the call as a whole is over
/// its own, or when the caller cancels. Time between waits, which the caller takes, counts for the whole call only.
/// </summary>
internal sealed class CallClock : IDisposable
{
    private readonly TimeProvider _time;
    private readonly long _begun;
    private readonly TimeSpan _turn;
    private readonly CancellationToken _caller;
    private readonly CancellationTokenSource _source;
    private readonly CancellationTokenRegistration _registration;

    /// <summary>Begins a try.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="begun">When the whole call began, as a timestamp.</param>
    /// <param name="turn">How long the whole call may take.</param>
    /// <param name="caller">Cancels the call.</param>
    public CallClock(TimeProvider time, long begun, TimeSpan turn, CancellationToken caller)
    {
        (_time, _begun, _turn, _caller) = (time, begun, turn, caller);
        _source = new CancellationTokenSource(turn, time);
        _registration = caller.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _source);
    }

    public CancellationToken Token => _source.Token;

    /// <summary>Whether time, and not the caller, has ended the try.</summary>
    public bool IsOver => _source.IsCancellationRequested && !_caller.IsCancellationRequested;

    /// <summary>What was waited for last.</summary>
    public CallWait Wait { get; private set; }

    /// <summary>How long it might take.</summary>
    public TimeSpan Limit { get; private set; }

    /// <summary>A wait begins.</summary>
    public void Start(CallWait wait, TimeSpan limit)
    {
        var left = _turn - _time.GetElapsedTime(_begun);
        (Wait, Limit) = left < limit ? (CallWait.Turn, _turn) : (wait, limit);
        if (left <= TimeSpan.Zero)
        {
            _source.Cancel();
            return;
        }

        _source.CancelAfter(left < limit ? left : limit);
    }

    /// <summary>The wait is over; the call as a whole goes on.</summary>
    public void Stop() => Start(CallWait.Turn, _turn);

    public void Dispose()
    {
        _registration.Dispose();
        _source.Dispose();
    }
}
