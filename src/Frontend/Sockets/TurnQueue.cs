using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Sockets;

/// <summary>What waits for its turn on a connection.</summary>
internal abstract class QueuedFrame;

/// <summary>An error that is already known, answered in its turn: clients credit it to the turn they await.</summary>
internal sealed class QueuedError(Refusal refusal) : QueuedFrame
{
    public Refusal Refusal { get; } = refusal;
}

/// <summary>A create and how far it has come.</summary>
internal sealed class QueuedCreate(CreateSkim skim, RentedBuffer buffer, long queuedAt) : QueuedFrame, IDisposable
{
    // Never disposed: without a timer there is nothing to give back.
    private readonly CancellationTokenSource _cancelled = new();

    public CreateSkim Skim { get; } = skim;

    /// <summary>The create's bytes; empty once they were returned.</summary>
    public RentedBuffer Body { get; } = buffer;

    public long QueuedAt { get; } = queuedAt;

    /// <summary>How many bytes it counted as when it was queued.</summary>
    public int Size { get; } = buffer.Length;

    /// <summary>The response, once started; guarded by the queue.</summary>
    public ResponseId? Response { get; set; }

    /// <summary>Cancelled by a cancel that comes before the response was started.</summary>
    public CancellationToken Cancelled => _cancelled.Token;

    /// <summary>Ends its wait for a place, if it is in one, without running what comes behind it.</summary>
    public void Cancel() => _cancelled.Cancel();

    public void Dispose() => Body.Dispose();
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
    private QueuedCreate? _current;
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
    public bool Started(QueuedCreate create, ResponseId response)
    {
        lock (_gate)
        {
            create.Response = response;
            return create.Cancelled.IsCancellationRequested;
        }
    }

    /// <summary>Notes that the current create was answered.</summary>
    public void Finished()
    {
        lock (_gate)
        {
            _last = _current?.Response ?? _last;
            _current = null;
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
            var target = _current ?? (_frames.Reader.TryPeek(out var next) ? next as QueuedCreate : null);
            if (named is not null && named != target?.Response?.ToString())
            {
                // The last response may end while its cancel is under way: that is no mistake of the client's.
                return named == _last?.ToString() ? CancelOutcome.Nothing : CancelOutcome.OtherResponse;
            }

            if (target?.Response is { } response)
            {
                running = response;
                return CancelOutcome.Running;
            }

            target?.Cancel();
            return CancelOutcome.Nothing;
        }
    }

    /// <summary>Drops what still waits. Both loops have ended.</summary>
    public void Dispose()
    {
        while (_frames.Reader.TryRead(out var frame))
        {
            (frame as QueuedCreate)?.Dispose();
        }
    }

    private QueuedFrame Admit(QueuedFrame frame)
    {
        if (frame is not QueuedCreate create)
        {
            return frame;
        }

        lock (_gate)
        {
            if (_creates < options.QueuedCreatesMax && _bytes + create.Size <= options.QueuedBytesMax)
            {
                _creates++;
                _bytes += create.Size;
                return create;
            }
        }

        create.Dispose();
        return new QueuedError(new Refusal(RefusalKind.TooManyRequests,
            $"At most {options.QueuedCreatesMax} creates and {options.QueuedBytesMax} bytes of them may wait on a " +
            "connection: await answers, or open another connection."));
    }

    private bool TryTake([MaybeNullWhen(false)] out QueuedFrame frame)
    {
        if (!_frames.Reader.TryRead(out frame))
        {
            return false;
        }

        if (frame is QueuedCreate create)
        {
            _creates--;
            _bytes -= create.Size;
            _current = create;
        }

        return true;
    }
}
