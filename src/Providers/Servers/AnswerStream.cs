namespace Evergrain.Providers.Servers;

/// <summary>
/// The bytes of one answer. Each read waits a bounded time once bytes have come, comments of the server too. One event
/// may have a bounded length, which the parser above does not look at.
/// </summary>
/// <remarks>
/// Two line ends follow the server's last byte. A last event that lacks its blank line is read so.
/// </remarks>
internal sealed class AnswerStream(Stream bytes, CallClock clock, ModelServerOptions options) : Stream
{
    /// <summary>As long as an item may be, since one event may hold one: <c>Limits.RecordBytesMax</c>.</summary>
    public const int EventBytesMax = 16 << 20;

    private byte? _first;
    private int _lineEnds = 2;
    private bool _hasBegun;
    private bool _isStreaming;
    private long _sinceEvent;

    /// <summary>Whether the server's last byte has been read.</summary>
    public bool IsOver { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Waits for the first byte that is no space and no byte order mark; a read then returns it.</summary>
    /// <returns>The byte; null where there is none.</returns>
    public async ValueTask<byte?> FirstAsync(CancellationToken cancellationToken)
    {
        var one = new byte[1];
        while (await ReceiveAsync(one, cancellationToken) > 0)
        {
            if (!" \t\r\n\uFEFF"u8.Contains(one[0]))
            {
                return _first = one[0];
            }
        }

        return null;
    }

    /// <summary>A server-sent event is whole: what was read belongs to it, save the beginning of the next.</summary>
    public void EventRead() => _sinceEvent = 0;

    /// <summary>The first model event is there; from now on silence may take <c>IdleTimeout</c>.</summary>
    public void Streaming() => _isStreaming = true;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_first is not { } first)
        {
            return ReceiveAsync(buffer, cancellationToken);
        }

        _first = null;
        buffer.Span[0] = first;
        return ValueTask.FromResult(1);
    }

    public override void Flush() => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private async ValueTask<int> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (_sinceEvent > EventBytesMax)
        {
            throw new InvalidDataException($"one event is longer than {EventBytesMax} bytes.");
        }

        var read = bytes.ReadAsync(buffer, cancellationToken);
        var isTimed = _hasBegun && !read.IsCompleted;
        if (isTimed)
        {
            StartClock();
        }

        var count = await read;
        if (isTimed || (!_hasBegun && count > 0))
        {
            clock.Stop();
        }

        _hasBegun |= count > 0;
        _sinceEvent += count;
        return count > 0 ? count : End(buffer.Span);
    }

    // A server that sends comments while it reads the prompt lives. Its silence may take as long as its first byte.
    private void StartClock()
    {
        var (idle, first) = (options.IdleTimeout, options.FirstTokenTimeout);
        if (_isStreaming)
        {
            clock.Start(CallWait.NextBytes, idle);
        }
        else
        {
            clock.Start(CallWait.FirstEvent, idle > first ? idle : first);
        }
    }

    private int End(Span<byte> buffer)
    {
        IsOver = true;
        var count = Math.Min(_lineEnds, buffer.Length);
        buffer[..count].Fill((byte)'\n');
        _lineEnds -= count;
        return count;
    }
}
