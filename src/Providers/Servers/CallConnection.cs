using System.Runtime.CompilerServices;

namespace Evergrain.Providers.Servers;

/// <summary>
/// One connection to a model server. It tells each request that goes over it whether the connection was used before,
/// and whether bytes of the answer came.
/// </summary>
/// <remarks>
/// The pool of connections does not say which one a request got. A request writes to its connection in its own flow,
/// so the connection finds the use in an <see cref="AsyncLocal{T}"/>.
/// </remarks>
internal sealed class CallConnection(Stream stream) : Stream
{
    private static readonly AsyncLocal<ConnectionUse?> Flow = new();

    private ConnectionUse? _use;
    private bool _isUsed;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Begins a use, for the request that the calling asynchronous method sends.</summary>
    public static ConnectionUse Use() => Flow.Value = new ConnectionUse();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await stream.ReadAsync(buffer, cancellationToken);
        if (count > 0 && _use is { } use)
        {
            use.HasAnswer = true;
        }

        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Take();
        return stream.WriteAsync(buffer, cancellationToken);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => stream.FlushAsync(cancellationToken);

    public override ValueTask DisposeAsync() => stream.DisposeAsync();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => stream.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            stream.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Take()
    {
        if (Flow.Value is { } use && use != _use)
        {
            (use.IsSent, use.IsKept) = (true, _isUsed);
            _use = use;
        }

        _isUsed = true;
    }
}

/// <summary>What one request learns of its connection.</summary>
internal sealed class ConnectionUse
{
    /// <summary>Whether there was a connection, and bytes of the request went to it.</summary>
    public bool IsSent { get; set; }

    /// <summary>Whether the connection had carried another request before.</summary>
    public bool IsKept { get; set; }

    /// <summary>Whether bytes of an answer came.</summary>
    public bool HasAnswer { get; set; }
}
