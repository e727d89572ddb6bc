using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ports;
using Evergrain.Grains.Routing;

namespace Evergrain.Cluster.Tests;

/// <summary>What a frontend puts together counts for its tenant, until it was used.</summary>
public sealed class ArrivingPiecesTests
{
    private const int MiB = 1 << 20;

    [Fact]
    public void Pieces_CountUntilTheyAreUsed_AndAreRefusedWithoutRoom()
    {
        var process = new ProcessHolding(static () => new HoldingBounds(20 * MiB, MiB), static _ => long.MaxValue);
        using var first = new ArrivingPieces(process.Of("a"));
        for (var i = 0; i < 6; i++)
        {
            Assert.Null(first.Add(new byte[MiB]));
        }

        using var second = new ArrivingPieces(process.Of("a"));
        Refusal? refusal = null;
        for (var i = 0; i < 20 && refusal is null; i++)
        {
            refusal = second.Add(new byte[MiB]);
        }

        Assert.Equal(RefusalKind.MemoryExceeded, refusal!.Kind);
        Assert.Equal(10 * MiB, process.Bytes);
        Assert.Equal(6 * MiB, first.Bytes!.WrittenCount);
        first.Clear();
        Assert.Null(first.Bytes);
        Assert.Equal(4 * MiB, process.Bytes);
        Assert.Null(second.Add(new byte[MiB]));
        second.Dispose();
        Assert.Equal(0, process.Bytes);
    }
}
