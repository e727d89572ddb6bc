using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Evergrain.Cluster.Tests.Moving;

/// <summary>Connections between silos that stay open while nothing comes through any more, either way.</summary>
internal sealed class SilentConnections
{
    private readonly ConcurrentBag<(string Silo, EndPoint Other, Loss Loss)> _open = [];

    /// <summary>Stands between a connection that a silo has opened and Orleans.</summary>
    public ConnectionDelegate Through(string silo, ConnectionDelegate next) => connection =>
    {
        var (transport, loss) = (connection.Transport, new Loss());
        connection.Transport = new Duplex(
            new LossyInput(transport.Input, loss), new LossyOutput(transport.Output, loss));
        _open.Add((silo, connection.RemoteEndPoint!, loss));
        return next(connection);
    };

    /// <summary>
    /// From now on, nothing comes through the connections to another that a silo has opened by now. Gives how many
    /// there are.
    /// </summary>
    public int Silence(string silo, EndPoint other)
    {
        var between = _open.Where(one => one.Silo == silo && one.Other.Equals(other)).ToList();
        between.ForEach(static one => one.Loss.IsTotal = true);
        return between.Count;
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private sealed class Loss
    {
        public volatile bool IsTotal;
    }

    private sealed class LossyInput(PipeReader input, Loss loss) : PipeReader
    {
        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            while (true)
            {
                var result = await input.ReadAsync(cancellationToken);
                if (!loss.IsTotal || result.IsCanceled || result.IsCompleted)
                {
                    return result;
                }

                input.AdvanceTo(result.Buffer.End);
            }
        }

        public override bool TryRead(out ReadResult result) => input.TryRead(out result);

        public override void AdvanceTo(SequencePosition consumed) => input.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) =>
            input.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => input.CancelPendingRead();

        public override void Complete(Exception? exception = null) => input.Complete(exception);
    }

    private sealed class LossyOutput(PipeWriter output, Loss loss) : PipeWriter
    {
        public override Memory<byte> GetMemory(int sizeHint = 0) => output.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => output.GetSpan(sizeHint);

        // What is not advanced over is written over.
        public override void Advance(int bytes) => output.Advance(loss.IsTotal ? 0 : bytes);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
            output.FlushAsync(cancellationToken);

        public override void CancelPendingFlush() => output.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => output.Complete(exception);
    }
}
