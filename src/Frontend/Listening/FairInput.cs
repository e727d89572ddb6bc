using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace Evergrain.Frontend.Listening;

/// <summary>
/// What a connection receives. It bounds how long one connection keeps the thread that polls the sockets: the bytes of
/// a connection are handled on that thread for as long as more of them are there, and all its other sockets wait.
/// </summary>
/// <remarks>
/// A connection gets so many reads. Then it goes to the end of the thread pool's line and gets as many again. One that
/// has had to wait for its bytes has let the thread go, and begins anew. A WebSocket reads at most 139 bytes of control
/// frames at a time, and HTTP one request. One reader reads, so only one thread at a time is here.
/// </remarks>
internal sealed class FairInput(IDuplexPipe inner, TimeProvider time) : PipeReader, IDuplexPipe
{
    // A turn takes three or four, so an ordinary socket never leaves. Sixteen full of pings take some 4 ms.
    private const int ReadsMax = 16;

    // The next bytes of a peer that sends without end are there much sooner.
    private static readonly TimeSpan Rest = TimeSpan.FromMicroseconds(100);

    private int _reads;
    private long? _waitsSince;

    public PipeReader Input => this;

    public PipeWriter Output => inner.Output;

    /// <summary>Puts one of these before every connection.</summary>
    public static ConnectionDelegate Before(ConnectionDelegate next, TimeProvider time) => connection =>
    {
        connection.Transport = new FairInput(connection.Transport, time);
        return next(connection);
    };

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (_reads >= ReadsMax)
        {
            return LeaveAndReadAsync(cancellationToken);
        }

        _reads++;
        var read = inner.Input.ReadAsync(cancellationToken);
        _waitsSince = read.IsCompleted ? null : time.GetTimestamp();
        return read;
    }

    public override bool TryRead(out ReadResult result) => inner.Input.TryRead(out result);

    public override void AdvanceTo(SequencePosition consumed)
    {
        EndWait();
        inner.Input.AdvanceTo(consumed);
    }

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        EndWait();
        inner.Input.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => inner.Input.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Input.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => inner.Input.CompleteAsync(exception);

    private async ValueTask<ReadResult> LeaveAndReadAsync(CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        _reads = 0;
        return await ReadAsync(cancellationToken);
    }

    private void EndWait()
    {
        if (_waitsSince is { } began && time.GetElapsedTime(began) >= Rest)
        {
            _reads = 0;
        }

        _waitsSince = null;
    }
}
