using System.Threading.Channels;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Sockets;

/// <summary>
/// What waits for its turn on a connection: a create, or an error that is already known. Clients credit an error to the
/// turn they await, so it is answered in its turn.
/// </summary>
/// <param name="Create">The create; null: there is an error.</param>
/// <param name="Refusal">The error; null: there is a create.</param>
/// <param name="Lane">The <c>stream_id</c> that the error repeats; null: it has none.</param>
internal readonly record struct QueuedFrame(ReceivedCreate? Create, Refusal? Refusal, string? Lane)
{
    public QueuedFrame(ReceivedCreate create)
        : this(create, null, null)
    {
    }

    public QueuedFrame(Refusal refusal, string? lane = null)
        : this(null, refusal, lane)
    {
    }
}

/// <summary>What a cancel has to do.</summary>
internal enum CancelOutcome
{
    /// <summary>Nothing runs, or the turn will be cancelled as soon as it is started.</summary>
    Nothing,

    /// <summary>Cancel the response that is running.</summary>
    Running,

    /// <summary>The id is not the running response's.</summary>
    OtherResponse,
}

/// <summary>
/// One connection's bounded queue: the receive loop adds, the turn loop takes. Creates over the bound become errors
/// and keep their place; when even errors pile up, the receive loop waits and the peer feels it.
/// </summary>
internal sealed class TurnQueue(EvergrainOptions options) : IDisposable
{
    // Errors take a few hundred bytes each; a client that sends this many without reading answers is not served more.
    private const int QueuedErrorsMax = 64;

    private readonly Lock _gate = new();
    private readonly Channel<QueuedFrame> _frames = Channel.CreateBounded<QueuedFrame>(
        new BoundedChannelOptions(options.QueuedCreatesMax + QueuedErrorsMax)
        {
            SingleReader = true,
            SingleWriter = true,
        });

    private int _creates;
    private long _bytes;
    private ReceivedCreate? _current;
    private ResponseId? _response;
    private ResponseId? _last;

    public ValueTask AddAsync(QueuedFrame frame, CancellationToken cancellationToken) =>
        _frames.Writer.WriteAsync(Admit(frame), cancellationToken);

    public async ValueTask<QueuedFrame> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await _frames.Reader.WaitToReadAsync(cancellationToken);
            lock (_gate)
            {
                if (TryTake(out var frame))
                {
                    return frame;
                }
            }
        }
    }

    /// <summary>Notes that the current create is now a response; says whether it is to be cancelled at once.</summary>
    public bool Started(ResponseId response)
    {
        lock (_gate)
        {
            _response = response;
            return _current!.Cancelled.IsCancellationRequested;
        }
    }

    /// <summary>Notes that the current create was answered.</summary>
    public void Finished()
    {
        lock (_gate)
        {
            _last = _response ?? _last;
            (_current, _response) = (null, null);
        }
    }

    /// <summary>
    /// Finds what a cancel means. A create that has not begun yet is marked and cancelled when it has.
    /// </summary>
    public CancelOutcome Cancel(string? named, out ResponseId running)
    {
        lock (_gate)
        {
            running = default;
            if (named is not null && named != _response?.ToString())
            {
                // The last response may end while its cancel is under way: that is no mistake of the client's.
                return named == _last?.ToString() ? CancelOutcome.Nothing : CancelOutcome.OtherResponse;
            }

            if (_response is { } response)
            {
                running = response;
                return CancelOutcome.Running;
            }

            var target = _current ?? (_frames.Reader.TryPeek(out var next) ? next.Create : null);
            target?.Cancel();
            return CancelOutcome.Nothing;
        }
    }

    /// <summary>Drops what still waits. Both loops have ended.</summary>
    public void Dispose()
    {
        while (_frames.Reader.TryRead(out var frame))
        {
            frame.Create?.Dispose();
        }
    }

    private QueuedFrame Admit(QueuedFrame frame)
    {
        if (frame.Create is not { } create)
        {
            return frame;
        }

        lock (_gate)
        {
            // A lone create may be longer than all that may wait: its frame had a bound of its own.
            if (_creates < options.QueuedCreatesMax &&
                (_creates == 0 || _bytes + create.Body.Length <= options.QueuedBytesMax))
            {
                _creates++;
                _bytes += create.Body.Length;
                return frame;
            }
        }

        create.Dispose();
        return new QueuedFrame(new Refusal(RefusalKind.TooManyRequests,
            $"At most {options.QueuedCreatesMax} creates and {options.QueuedBytesMax} bytes of them may wait on a " +
            "connection: await answers, or open another connection."));
    }

    private bool TryTake(out QueuedFrame frame)
    {
        if (!_frames.Reader.TryRead(out frame))
        {
            return false;
        }

        if (frame.Create is { } create)
        {
            _creates--;
            _bytes -= create.Body.Length;
            _current = create;
        }

        return true;
    }
}
