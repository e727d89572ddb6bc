using System.Net.WebSockets;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Sockets;

/// <summary>How reading one message ended.</summary>
internal enum FrameOutcome
{
    /// <summary>A whole text message; its buffer is the caller's.</summary>
    Text,

    /// <summary>A whole binary message, read and dropped.</summary>
    Binary,

    /// <summary>The peer sent a close frame.</summary>
    Closed,

    /// <summary>The message did not end in time.</summary>
    Stalled,

    /// <summary>The message is longer than allowed.</summary>
    OverLong,
}

/// <summary>One read message.</summary>
internal readonly record struct Frame(FrameOutcome Outcome, RentedBuffer? Buffer = null);

/// <summary>
/// Reads messages from one socket, one call at a time. It waits for the first byte without a buffer: an idle socket
/// holds none.
/// </summary>
/// <remarks>
/// A cancelled receive would abort the socket before its close frame could be sent. So a message that is late leaves
/// its receive pending, and <see cref="DrainAsync"/> picks that up.
/// </remarks>
internal sealed class FrameReader(WebSocket socket, EvergrainOptions options, TimeProvider time)
{
    private Task<ValueWebSocketReceiveResult>? _late;

    /// <summary>Reads the next message, or learns that there is none.</summary>
    /// <exception cref="WebSocketException">The connection is gone, or the peer broke the protocol.</exception>
    public async ValueTask<Frame> ReadAsync()
    {
        var first = await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
        if (first.MessageType == WebSocketMessageType.Close)
        {
            return new Frame(FrameOutcome.Closed);
        }

        // This may be the thread that polls the sockets: it has others to look at, so the frame is read elsewhere.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var buffer = new RentedBuffer(options.FrameBytesMax);
        var outcome = FrameOutcome.Closed;
        try
        {
            outcome = first.EndOfMessage ? OutcomeOf(first) : await ReadRestAsync(buffer, first);
            return new Frame(outcome, outcome == FrameOutcome.Text ? buffer : null);
        }
        finally
        {
            // A stalled receive may still write into the buffer: it is then left to the collector, not to the pool.
            if (outcome is not (FrameOutcome.Text or FrameOutcome.Stalled))
            {
                buffer.Dispose();
            }
        }
    }

    /// <summary>Reads on, dropping everything, until the peer's close frame.</summary>
    /// <exception cref="WebSocketException">The connection is gone.</exception>
    public async Task DrainAsync()
    {
        var sink = new byte[1024];
        var result = _late is null ? default : await _late;
        while (result.MessageType != WebSocketMessageType.Close && socket.State != WebSocketState.CloseReceived)
        {
            result = await socket.ReceiveAsync(sink.AsMemory(), CancellationToken.None);
        }
    }

    private async ValueTask<FrameOutcome> ReadRestAsync(RentedBuffer buffer, ValueWebSocketReceiveResult result)
    {
        var begun = time.GetTimestamp();
        while (!result.EndOfMessage)
        {
            var isText = result.MessageType == WebSocketMessageType.Text;
            var receive = socket.ReceiveAsync(isText ? buffer.Free() : buffer.Reuse(), CancellationToken.None);
            if (receive.IsCompleted)
            {
                result = await receive;
            }
            else if (await IsInTimeAsync(receive.AsTask(), begun))
            {
                result = await _late!;
                _late = null;
            }
            else
            {
                return FrameOutcome.Stalled;
            }

            buffer.Advance(result.Count);
            if (buffer.IsOverLong)
            {
                return FrameOutcome.OverLong;
            }
        }

        return OutcomeOf(result);
    }

    private async ValueTask<bool> IsInTimeAsync(Task<ValueWebSocketReceiveResult> receive, long begun)
    {
        _late = receive;
        var left = options.FrameTimeout - time.GetElapsedTime(begun);
        if (left <= TimeSpan.Zero)
        {
            return false;
        }

        using var waited = new CancellationTokenSource();
        var deadline = Task.Delay(left, time, waited.Token);
        var isInTime = await Task.WhenAny(receive, deadline) == receive;
        await waited.CancelAsync();
        return isInTime;
    }

    private static FrameOutcome OutcomeOf(ValueWebSocketReceiveResult result) => result.MessageType switch
    {
        WebSocketMessageType.Text => FrameOutcome.Text,
        WebSocketMessageType.Binary => FrameOutcome.Binary,
        _ => FrameOutcome.Closed,
    };
}
