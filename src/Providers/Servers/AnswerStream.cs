namespace Evergrain.Providers.Servers;

/// <summary>
/// The bytes of one answer: each read waits a bounded time once the answer streams, and one event may have a bounded
/// length, which the parser above does not look at.
/// </summary>
internal sealed class AnswerStream(Stream bytes, CallClock clock, TimeSpan idleTimeout) : Stream
{
    // As long as an item may be, since one event may hold one: Limits.RecordBytesMax.
    private const int EventBytesMax = 16 << 20;

    private bool _isStreaming;
    private long _sinceEvent;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>A server-sent event is whole: what was read belongs to it, save the beginning of the next.</summary>
    public void EventRead() => _sinceEvent = 0;

    /// <summary>The first model event is there; from now on silence is what is bounded.</summary>
    public void Streaming()
    {
        if (!_isStreaming)
        {
            _isStreaming = true;
            clock.Stop();
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_sinceEvent > EventBytesMax)
        {
            throw new InvalidDataException($"one event is longer than {EventBytesMax} bytes.");
        }

        var read = bytes.ReadAsync(buffer, cancellationToken);
        var isTimed = _isStreaming && !read.IsCompleted;
        if (isTimed)
        {
            clock.Start(CallWait.NextBytes, idleTimeout);
        }

        var count = await read;
        if (isTimed)
        {
            clock.Stop();
        }

        _sinceEvent += count;
        return count;
    }

    public override void Flush() => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
