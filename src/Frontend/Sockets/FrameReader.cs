using System.Net.WebSockets;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Admission;
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

    /// <summary>A whole message, most of it dropped: there was no room for its bytes in time.</summary>
    Refused,
}

/// <summary>One read message.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Buffer">The message, if it is a whole text.</param>
/// <param name="Refusal">Why it was dropped, if it was.</param>
/// <param name="Lane">The <c>stream_id</c> of a dropped message, if it stood in the part that was read.</param>
internal readonly record struct Frame(FrameOutcome Outcome, RentedBuffer? Buffer = null, Refusal? Refusal = null,
    string? Lane = null)
{
    /// <summary>When its last byte came, as a timestamp.</summary>
    public long ReceivedAt { get; init; }
}

/// <summary>
/// Reads messages from one socket, one call at a time. It waits for the first byte without a buffer: an idle socket
/// holds none.
/// </summary>
/// <remarks>
/// A cancelled receive would abort the socket before its close frame could be sent. So a message that is late leaves
/// its receive pending, and <see cref="DrainAsync"/> picks that up.
/// </remarks>
internal sealed class FrameReader(WebSocket socket, EvergrainOptions options, TimeProvider time, ByteBudget budget,
    string tenant)
{
    private Task<ValueWebSocketReceiveResult>? _late;

    /// <summary>What the frames come on.</summary>
    public required PollingThread Thread { get; init; }

    /// <summary>Bytes of the longest message.</summary>
    public int BytesMax => Math.Min(options.FrameBytesMax, budget.RequestBytesMax);

    /// <summary>Reads the next message, or learns that there is none.</summary>
    /// <param name="closing">Ends a wait for room: whatever comes is dropped then.</param>
    /// <exception cref="WebSocketException">The connection is gone, or the peer broke the protocol.</exception>
    public async ValueTask<Frame> ReadAsync(CancellationToken closing)
    {
        var first = await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
        if (first.MessageType == WebSocketMessageType.Close)
        {
            return new Frame(FrameOutcome.Closed);
        }

        await Thread.LeaveAsync();
        var buffer = new RentedBuffer(BytesMax, budget.Open(tenant));
        var frame = new Frame(FrameOutcome.Closed);
        try
        {
            frame = first.EndOfMessage ? Whole(first, buffer, default) : await ReadRestAsync(buffer, first, closing);
            frame = frame with { ReceivedAt = time.GetTimestamp() };
            await Thread.LeaveAsync(buffer.Length);
            return frame;
        }
        finally
        {
            if (frame.Outcome == FrameOutcome.Stalled)
            {
                // Its receive may still write into the buffer: that is left to the collector, not to the pool.
                buffer.Discharge();
            }
            else if (frame.Buffer is null)
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

    private async ValueTask<Frame> ReadRestAsync(RentedBuffer buffer, ValueWebSocketReceiveResult result,
        CancellationToken closing)
    {
        var dropped = default(Frame);
        var begun = time.GetTimestamp();
        while (!result.EndOfMessage)
        {
            var isKept = result.MessageType == WebSocketMessageType.Text && dropped.Refusal is null;
            if (isKept && buffer.IsFull)
            {
                dropped = await MakeRoomAsync(buffer, closing);
                isKept = dropped.Refusal is null;
            }

            var receive = socket.ReceiveAsync(isKept ? buffer.Free() : buffer.Reuse(), CancellationToken.None);
            if (receive.IsCompleted)
            {
                result = await receive;
            }
            else if (await IsInTimeAsync(receive.AsTask(), begun, buffer.Waited))
            {
                result = await _late!;
                _late = null;
            }
            else
            {
                return new Frame(FrameOutcome.Stalled);
            }

            buffer.Advance(result.Count);
            if (buffer.IsOverLong)
            {
                return new Frame(FrameOutcome.OverLong);
            }
        }

        return Whole(result, buffer, dropped);
    }

    /// <summary>Waits until the buffer may grow; if that takes too long what it holds is dropped.</summary>
    private static async ValueTask<Frame> MakeRoomAsync(RentedBuffer buffer, CancellationToken closing)
    {
        try
        {
            await buffer.ReserveAsync(buffer.Length + 1, closing);
            return default;
        }
        catch (ConversationException e)
        {
            return Drop(buffer, e.Refusal);
        }
        catch (OperationCanceledException) when (closing.IsCancellationRequested)
        {
            return Drop(buffer, new Refusal(RefusalKind.Unavailable, "The connection is closing."));
        }
    }

    private static Frame Drop(RentedBuffer buffer, Refusal refusal)
    {
        // The message ends in the middle, so this is a mistake as well; what stands before that was read.
        RoutingFields.Read(buffer.Written.Span, out var fields);
        buffer.Shrink();
        return new Frame(FrameOutcome.Refused, Refusal: refusal, Lane: fields.Lane);
    }

    /// <summary>Whether the next bytes come before the message is late; time spent on room is not the
    /// peer's.</summary>
    private async ValueTask<bool> IsInTimeAsync(Task<ValueWebSocketReceiveResult> receive, long begun,
        TimeSpan waited)
    {
        _late = receive;
        var left = options.FrameTimeout - (time.GetElapsedTime(begun) - waited);
        if (left <= TimeSpan.Zero)
        {
            return false;
        }

        using var answered = new CancellationTokenSource();
        var deadline = Task.Delay(left, time, answered.Token);
        var isInTime = await Task.WhenAny(receive, deadline) == receive;
        await answered.CancelAsync();
        return isInTime;
    }

    private static Frame Whole(ValueWebSocketReceiveResult result, RentedBuffer buffer, Frame dropped) =>
        result.MessageType switch
        {
            WebSocketMessageType.Text when dropped.Refusal is not null => dropped,
            WebSocketMessageType.Text => new Frame(FrameOutcome.Text, buffer),
            WebSocketMessageType.Binary => new Frame(FrameOutcome.Binary),
            _ => new Frame(FrameOutcome.Closed),
        };
}
