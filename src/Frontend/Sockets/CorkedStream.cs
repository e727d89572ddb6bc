using System.Buffers;

namespace Evergrain.Frontend.Sockets;

/// <summary>
/// The stream below a WebSocket: while it is corked, frames gather and leave in one write with the first frame after
/// that. The frames of one batch of events so cost one system call, not one each.
/// </summary>
/// <remarks>
/// The WebSocket writes one frame at a time, pings included, so only the flag is shared. While nothing is gathered it
/// holds no buffer.
/// </remarks>
internal sealed class CorkedStream(Stream inner) : Stream
{
    // As much as a socket's send buffer takes at once on most systems; more is written through.
    private const int GatheredBytesMax = 64 << 10;

    private byte[] _gathered = [];
    private int _count;
    private volatile bool _isCorked;

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

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        inner.ReadAsync(buffer, cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        inner.ReadAsync(buffer, offset, count, cancellationToken);

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
