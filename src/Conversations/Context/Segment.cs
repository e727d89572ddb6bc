using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Context;

/// <summary>
/// An immutable run of items along a branch with what was computed from them. Only an open tail grows; a full segment
/// is sealed by starting the next one behind it. A branch may end inside; a fork never copies or splits one.
/// </summary>
/// <param name="parent">The branch it continues.</param>
/// <param name="isStored">Whether its items are in the journal; the two kinds never share a segment, so that unstored
/// items are gone with the turns that had them.</param>
/// <param name="capacity">How many items it has room for at once.</param>
internal sealed class Segment(Branch parent, bool isStored, int capacity = Segment.FirstCapacity)
{
    public const int FirstCapacity = 4;
    private readonly List<SegmentRendering> _renderings = new(1);
    private Item[] _items = new Item[capacity];
    private Digest[] _digests = new Digest[capacity];
    private long _bytes;
    private bool _isClosed;

    /// <summary>The branch this segment continues.</summary>
    public Branch Parent { get; } = parent;

    /// <summary>Items of the branch before this segment.</summary>
    public int Start { get; } = parent.Length;

    /// <summary>Items in this segment.</summary>
    public int Count { get; private set; }

    /// <summary>Whether an item of a stored or unstored turn may be added.</summary>
    public bool Takes(bool isStoredItem) => isStored == isStoredItem && !IsSealed;

    /// <summary>Takes no more items: what follows goes into a segment of its own.</summary>
    public void Seal() => _isClosed = true;

    private bool IsSealed => _isClosed || Count >= Limits.SegmentItemsMax || _bytes >= Limits.SegmentBytesMax;

    /// <summary>Whether its items are in the journal.</summary>
    public bool IsStored => isStored;

    /// <summary>The renderings that were begun.</summary>
    public IReadOnlyList<SegmentRendering> Renderings => _renderings;

    public Item ItemAt(int index) => _items[index];

    /// <summary>The digest of the branch up to and with an item.</summary>
    public Digest DigestAt(int index) => _digests[index];

    /// <summary>The digests at its first items, one behind the other.</summary>
    public ReadOnlySpan<Digest> Digests(int count) => _digests.AsSpan(0, count);

    public void Append(PreparedItem prepared)
    {
        Append(prepared.Item, prepared.Digest);
        if (prepared.Rendered is { } rendered)
        {
            var rendering = Rendering(prepared.Rendering!);
            if (rendering.Count == Count - 1)
            {
                rendering.Append(rendered);
            }
        }
    }

    /// <summary>Adds an item that is not rendered yet.</summary>
    public void Append(Item item, Digest digest)
    {
        if (Count == _items.Length)
        {
            var doubled = Math.Min(Count * 2, Limits.SegmentItemsMax);
            Array.Resize(ref _items, doubled);
            Array.Resize(ref _digests, doubled);
        }

        _items[Count] = item;
        _digests[Count++] = digest;
        _bytes += item.Json.Length;
    }

    /// <summary>Drops renderings. One that is dropped on a segment must be dropped on all behind it, too.</summary>
    public void DropRenderings(Predicate<string> isDropped) =>
        _renderings.RemoveAll(rendering => isDropped(rendering.Name));

    public bool HasRendering(string name) => _renderings.Exists(rendering => rendering.Name == name);

    /// <summary>This segment's bytes in one rendering, as far as they were made.</summary>
    public SegmentRendering Rendering(string name, int capacity = FirstCapacity)
    {
        foreach (var rendering in _renderings)
        {
            if (rendering.Name == name)
            {
                return rendering;
            }
        }

        var added = new SegmentRendering(name, Parent.Segment is null ? null : Parent.View(name), capacity);
        _renderings.Add(added);
        return added;
    }
}

/// <summary>One rendering of one segment: the rendered items so far, and the view of all before.</summary>
internal sealed class SegmentRendering(string name, SegmentView? parent, int capacity)
{
    private RenderedItem[] _items = new RenderedItem[capacity];

    public string Name { get; } = name;

    public int Count { get; private set; }

    public void Append(RenderedItem item)
    {
        if (Count == _items.Length)
        {
            // A view on another thread keeps the array it has: what it may read in it never changes.
            Array.Resize(ref _items, Math.Min(Count * 2, Limits.SegmentItemsMax));
        }

        _items[Count++] = item;
    }

    /// <summary>The rendered item, or null where nothing was rendered before it.</summary>
    public RenderedItem? At(int index) => index >= 0 ? _items[index] : parent?.Last;

    public SegmentView View(int count) => new(parent, _items, count);
}

/// <summary>One rendered item and the sums up to and with it.</summary>
/// <param name="Rendered">What the backend made of it.</param>
/// <param name="Bytes">Rendered bytes of the branch so far.</param>
/// <param name="Tokens">Tokens of the branch so far.</param>
internal readonly record struct RenderedItem(Rendered Rendered, long Bytes, long Tokens)
{
    public static RenderedItem Behind(RenderedItem? before, Rendered rendered) => new(
        rendered,
        (before?.Bytes ?? 0) + rendered.Bytes.Length,
        (before?.Tokens ?? 0) + rendered.Tokens);
}

/// <summary>The first <paramref name="Count"/> rendered items of one segment, and what lies before them.</summary>
/// <param name="Parent">The view that this one continues; null at the root.</param>
/// <param name="Items">The segment's rendered items; those below <paramref name="Count"/> never change.</param>
/// <param name="Count">How many of them belong to the view; at least one.</param>
internal sealed record SegmentView(SegmentView? Parent, RenderedItem[] Items, int Count)
{
    public RenderedItem Last => Items[Count - 1];
}
