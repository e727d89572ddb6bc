using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Grains.Activation;
using Evergrain.Grains.Calls;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests;

/// <summary>Creates that come in pieces: whole ones, lost ones and those that nobody ends.</summary>
public sealed class CreatePiecesTests
{
    private const int MiB = 1 << 20;
    private static readonly TimeSpan CallTime = TimeSpan.FromSeconds(1);
    private readonly ManualTime _time = new();
    private readonly ProcessHolding _process =
        new(static () => new HoldingBounds(40 * MiB, MiB), static _ => long.MaxValue);

    private readonly CreatePieces _pieces;

    public CreatePiecesTests() => _pieces = new CreatePieces(_process.Of("a"), _time);

    [Theory]
    [InlineData(4 * MiB, 1)]
    [InlineData((4 * MiB) + 1, 5)]
    [InlineData(6 * MiB, 6)]
    public void Create_IsCutWhereItIsLarge_AndPutTogether(int bytes, int messages)
    {
        var create = Bytes(bytes);
        var cut = new StartRequest { RequestId = 7, Create = create, IsKeyed = true, IsCancelled = true }
            .Cut(CallTime).ToList();

        Assert.Equal(messages, cut.Count);
        Assert.All(cut, request => Assert.InRange(request.Create.Length, 1, 4 * MiB));
        var last = cut[^1];
        if (messages > 1)
        {
            Assert.All(cut.SkipLast(1), request => Assert.Equal(AnswerKind.Given, Add(request)));
            Assert.Equal(bytes, _process.Bytes);
            Assert.Null(_pieces.Add(ref last));
        }

        Assert.True(last.Create.Span.SequenceEqual(create));
        Assert.Equal((true, true, 0), (last.IsKeyed, last.IsCancelled, last.PieceTotal));
        Assert.Equal(0, _process.Bytes);
    }

    [Fact]
    public void Piece_WhoseLastOneWasLost_IsAskedForAgainFromTheBeginning()
    {
        var cut = new StartRequest { RequestId = 7, Create = Bytes(6 * MiB) }.Cut(CallTime).ToList();
        Assert.Equal(AnswerKind.AskAgain, Add(cut[3]));
        Assert.Equal(AnswerKind.Given, Add(cut[0]));
        Assert.Equal(AnswerKind.AskAgain, Add(cut[2]));
        Assert.Equal(AnswerKind.Given, Add(cut[0]));
        Assert.All(cut.Skip(1).SkipLast(1), request => Assert.Equal(AnswerKind.Given, Add(request)));
        var last = cut[^1];
        Assert.Null(_pieces.Add(ref last));
    }

    [Fact]
    public void Pieces_CountForTheirTenant_UntilTheyGo()
    {
        for (var id = 1; id <= 3; id++)
        {
            Assert.Equal(AnswerKind.Given, Add(First(id)));
        }

        // 18 of 40 MiB: with 6 more the tenant would hold more than is left.
        var refused = First(4);
        Assert.Equal(RefusalKind.MemoryExceeded, _pieces.Add(ref refused)!.Value.Refusal!.Kind);

        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(AnswerKind.Given, Add(First(5)));
        Assert.Equal(6 * MiB, _process.Bytes);
        _pieces.Clear();
        Assert.Equal(0, _process.Bytes);
    }

    private static StartRequest First(int id) =>
        new StartRequest { RequestId = (UInt128)id, Create = Bytes(6 * MiB) }.Cut(CallTime).First();

    private static byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        for (var i = 0; i < count; i++)
        {
            bytes[i] = (byte)(i * 31 / 7);
        }

        return bytes;
    }

    private AnswerKind Add(StartRequest request) => _pieces.Add(ref request)!.Value.Kind;
}
