using System.Text;
using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Recognition;

/// <summary>
/// Inputs of creates that were read before, by the bytes of their items: a create that begins with the same bytes is
/// read behind them. It holds marks of bytes and no content, and only says what reading would say.
/// </summary>
/// <remarks>
/// Marks are chained over an input block by block, from its tenant on. An input is found by each of its blocks, and the
/// newest with a block stands for all: so a loop finds its last create, and chats that begin alike part.
/// </remarks>
/// <param name="marks">Marks bytes.</param>
internal sealed class KnownInputs(ByteMarks marks)
{
    /// <summary>Bytes of a block. A shorter input is read in a fraction of a millisecond.</summary>
    public const int BlockBytes = 64 << 10;

    // 1 GiB of inputs, twice; some 200 bytes each.
    private const int BlocksMax = 16_384;

    private readonly Lock _gate = new();
    private Dictionary<UInt128, KnownInput> _newer = [];
    private Dictionary<UInt128, KnownInput> _older = [];

    /// <summary>What of a create's input was read before; null: nothing.</summary>
    public KnownPrefix? Find(string tenant, ReadOnlyMemory<byte> create)
    {
        if (create.Length < BlockBytes || CreateCut.InputOf(create.Span) is not { } start)
        {
            return null;
        }

        var input = create.Span[start..];
        var blocks = new List<UInt128> { MarkOf(tenant) };
        KnownInput? found = null;
        while (blocks.Count * BlockBytes <= input.Length)
        {
            var block = MarkNext(input, blocks);
            if (Find(block) is not { } known)
            {
                break;
            }

            found = known;
            blocks.Add(block);
        }

        return found is not null && IsBegunBy(found, input, blocks) &&
            CreateCut.Without(create.Span, start, found.Length) is { } rest
            ? new KnownPrefix(rest, start, found.Read, blocks)
            : null;
    }

    /// <summary>Adds an input that was read.</summary>
    /// <param name="tenant">Whose it is.</param>
    /// <param name="input">The bytes from its first item's first to its last item's last.</param>
    /// <param name="read">How many items that is, and the digest behind them.</param>
    /// <param name="known">What of it was known; null: nothing.</param>
    public void Add(string tenant, ReadOnlySpan<byte> input, HistoryEnd read, KnownPrefix? known)
    {
        if (input.Length < BlockBytes)
        {
            return;
        }

        List<UInt128> blocks = known is null ? [MarkOf(tenant)] : [.. known.Blocks];
        while (blocks.Count * BlockBytes <= input.Length)
        {
            blocks.Add(MarkNext(input, blocks));
        }

        var added = new KnownInput(input.Length, MarkTail(input, blocks), read);
        lock (_gate)
        {
            if (_newer.Count >= BlocksMax)
            {
                (_older, _newer) = (_newer, []);
            }

            foreach (var block in blocks.Skip(1))
            {
                _newer[block] = added;
            }
        }
    }

    private UInt128 MarkOf(string tenant) => marks.Of(Encoding.UTF8.GetBytes(tenant), before: 0);

    private UInt128 MarkNext(ReadOnlySpan<byte> input, List<UInt128> blocks) =>
        marks.Of(input.Slice((blocks.Count - 1) * BlockBytes, BlockBytes), blocks[^1]);

    private UInt128 MarkTail(ReadOnlySpan<byte> input, List<UInt128> blocks) =>
        marks.Of(input[((blocks.Count - 1) * BlockBytes)..], blocks[^1]);

    private KnownInput? Find(UInt128 block)
    {
        lock (_gate)
        {
            return _newer.GetValueOrDefault(block) ?? _older.GetValueOrDefault(block);
        }
    }

    private bool IsBegunBy(KnownInput known, ReadOnlySpan<byte> input, List<UInt128> blocks) =>
        known.Length / BlockBytes == blocks.Count - 1 && known.Length <= input.Length &&
        MarkTail(input[..known.Length], blocks) == known.Whole;

    /// <summary>An input that was read.</summary>
    /// <param name="Length">Its bytes.</param>
    /// <param name="Whole">The mark behind the last of them.</param>
    /// <param name="Read">Its items.</param>
    private sealed record KnownInput(int Length, UInt128 Whole, HistoryEnd Read);
}
