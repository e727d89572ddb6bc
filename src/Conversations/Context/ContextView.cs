using System.Buffers;

namespace Evergrain.Conversations.Context;

/// <summary>
/// A branch's context at one item, as one backend rendered it. Immutable: later turns do not show in it.
/// Making one costs nothing that grows with the history; reading <see cref="Chunks"/> is the copy of the body.
/// </summary>
public sealed class ContextView
{
    private readonly SegmentView? _branch;
    private readonly IReadOnlyList<ReadOnlyMemory<byte>> _tail;

    internal ContextView(SegmentView? branch, IReadOnlyList<ReadOnlyMemory<byte>> tail) =>
        (_branch, _tail) = (branch, tail);

    /// <summary>Items held, new ones included.</summary>
    public required int ItemCount { get; init; }

    /// <summary>Rendered bytes of all items.</summary>
    public required long Bytes { get; init; }

    /// <summary>Tokens of all items, as the backend counted them.</summary>
    public required long Tokens { get; init; }

    /// <summary>The rendering's state behind the last item.</summary>
    public required object? State { get; init; }

    /// <summary>Each item's rendered bytes, from the root to the last.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Chunks()
    {
        var path = new Stack<SegmentView>();
        for (var view = _branch; view is not null; view = view.Parent)
        {
            path.Push(view);
        }

        foreach (var view in path)
        {
            for (var i = 0; i < view.Count; i++)
            {
                yield return view.Items[i].Rendered.Bytes;
            }
        }

        foreach (var chunk in _tail)
        {
            yield return chunk;
        }
    }

    /// <summary>Writes every item's rendered bytes, one after the other.</summary>
    public void CopyTo(IBufferWriter<byte> writer)
    {
        foreach (var chunk in Chunks())
        {
            writer.Write(chunk.Span);
        }
    }
}
