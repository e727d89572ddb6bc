using System.Buffers;

namespace Evergrain.Frontend.Sockets;

/// <summary>
/// The stream below a WebSocket: while it is corked, frames gather and leave in one write with the first frame after
/// that. The frames of one batch of events so cost one system call, not one each. What comes in passes
/// <see cref="Frames"/>; once that is over its bound the WebSocket gets nothing more.
/// </summary>
/// <remarks>
/// The WebSocket writes one frame at a time, pings included, so only the flag is shared. While nothing is gathered it
/// holds no buffer.
/// </remarks>
internal sealed class CorkedStream(Stream inner, FrameRate frames, TimeProvider time) : Stream
{
    // As much as a socket's send buffer takes at once on most systems; more is written through.
    private const int GatheredBytesMax = 64 << 10;

    // Of a peer that is being sent away: read to be dropped, and ever slower. What a client has sent by then is read
    // soon; one that sends on is held back by TCP, and hundreds of those take next to no processor time.
    private const int DroppedBytesMax = 64 << 10;
    private static readonly TimeSpan DropPauseMin = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan DropPauseMax = TimeSpan.FromMilliseconds(640);

    private readonly TaskCompletionSource<SocketEnd> _flooded =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private byte[] _gathered = [];
    private int _count;
    private volatile bool _isCorked;

    /// <summary>Follows the frames that come in.</summary>
    public FrameRate Frames => frames;

    /// <summary>Ends when the peer has sent more frames than it may.</summary>
    public Task<SocketEnd> Flooded => _flooded.Task;

    /// <summary>Whether writes gather. Cleared before the last frame that belongs together.</summary>
    public bool IsCorked
    {
        get => _isCorked;
        set => _isCorked = value;
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>An idle WebSocket waits with an empty buffer: that costs nothing more.</summary>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        buffer.IsEmpty ? inner.ReadAsync(buffer, cancellationToken) : PassAsync(buffer, cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_isCorked && _count + buffer.Length <= GatheredBytesMax)
        {
            Gather(buffer.Span);
            return ValueTask.CompletedTask;
        }

        return _count == 0 ? inner.WriteAsync(buffer, cancellationToken) : WriteAllAsync(buffer, cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) =>
        _count > 0 ? Task.CompletedTask : inner.FlushAsync(cancellationToken);

    public override void Flush() => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private async ValueTask<int> PassAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var count = await inner.ReadAsync(buffer, cancellationToken);
        frames.Pass(buffer.Span[..count]);
        return frames.IsOver ? await DropAllAsync(cancellationToken) : count;
    }

    /// <summary>
    /// Reports the flood and drops what comes until the peer closes or the connection is cut: bytes that nobody reads
    /// would have the connection reset, and the close frame lost with it. For the WebSocket the stream ends here.
    /// </summary>
    private async ValueTask<int> DropAllAsync(CancellationToken cancellationToken)
    {
        _flooded.TrySetResult(SocketEnd.Flooded);
        var dropped = new byte[DroppedBytesMax];
        var pause = DropPauseMin;
        for (var read = 1; read > 0 && !frames.HasClosed;)
        {
            read = await inner.ReadAsync(dropped, cancellationToken);
            frames.Pass(dropped.AsSpan(0, read));
            await Task.Delay(pause, time, cancellationToken);
            pause = pause < DropPauseMax ? pause * 2 : pause;
        }

        return 0;
    }

    private void Gather(ReadOnlySpan<byte> bytes)
    {
        if (_gathered.Length == 0)
        {
            _gathered = ArrayPool<byte>.Shared.Rent(GatheredBytesMax);
        }

        bytes.CopyTo(_gathered.AsSpan(_count));
        _count += bytes.Length;
    }

    private async ValueTask WriteAllAsync(ReadOnlyMemory<byte> last, CancellationToken cancellationToken)
    {
        var (gathered, count) = (_gathered, _count);
        (_gathered, _count) = ([], 0);
        if (count + last.Length <= gathered.Length)
        {
            last.CopyTo(gathered.AsMemory(count));
            await inner.WriteAsync(gathered.AsMemory(0, count + last.Length), cancellationToken);
        }
        else
        {
            await inner.WriteAsync(gathered.AsMemory(0, count), cancellationToken);
            await inner.WriteAsync(last, cancellationToken);
        }

        // Not after a failed write: the transport may still look at it.
        ArrayPool<byte>.Shared.Return(gathered);
    }
}
