using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Context;

/// <summary>
/// The path from the root to one item: a segment and how many of its items belong. The default value is the root.
/// </summary>
internal readonly record struct Branch(Segment? Segment, int Count)
{
    /// <summary>Items from the root to here.</summary>
    public int Length => Segment is null ? 0 : Segment.Start + Count;

    /// <summary>The digest of all items from the root to here.</summary>
    public Digest Digest => Segment is null ? ItemDigest.Root : Segment.DigestAt(Count - 1);

    /// <summary>The digest of its first items.</summary>
    /// <param name="length">How many items; at most <see cref="Length"/>.</param>
    public Digest DigestAt(int length)
    {
        var segment = Segment;
        while (segment is not null && segment.Start >= length)
        {
            segment = segment.Parent.Segment;
        }

        return segment is null ? ItemDigest.Root : segment.DigestAt(length - segment.Start - 1);
    }

    /// <summary>
    /// Adds items behind this branch: in place where it ends at the segment's open end, else in a new segment.
    /// </summary>
    public Branch Append(IReadOnlyList<PreparedItem> items, bool isStored)
    {
        var tip = this;
        foreach (var item in items)
        {
            var segment = tip.Segment;
            if (segment is null || tip.Count != segment.Count || !segment.Takes(isStored))
            {
                segment = new Segment(tip, isStored);
            }

            segment.Append(item);
            tip = new Branch(segment, segment.Count);
        }

        return tip;
    }

    /// <summary>The rendered branch; every item of it must have been rendered.</summary>
    public SegmentView? View(string rendering) => Segment?.Rendering(rendering).View(Count);

    /// <summary>Items from here back to the root.</summary>
    public IEnumerable<Item> Backwards()
    {
        for (var (segment, count) = (Segment, Count); segment is not null; (segment, count) = segment.Parent)
        {
            for (var i = count - 1; i >= 0; i--)
            {
                yield return segment.ItemAt(i);
            }
        }
    }

    /// <summary>
    /// Renders what a backend has not rendered yet on this branch, from the root on, and says how many items that was.
    /// Costs one look when nothing is missing.
    /// </summary>
    public int Render(IModelBackend backend)
    {
        var missing = new Stack<Branch>();
        for (var branch = this; branch.Segment is { } segment && !branch.IsRendered(backend); branch = segment.Parent)
        {
            missing.Push(branch);
        }

        var made = 0;
        foreach (var (segment, count) in missing)
        {
            var rendering = segment!.Rendering(backend.Rendering);
            for (var i = rendering.Count; i < count; i++, made++)
            {
                rendering.Append(RenderCursor.Render(backend, segment.ItemAt(i), rendering.At(i - 1)));
            }
        }

        return made;
    }

    /// <summary>Where rendering goes on behind this branch; it must have been rendered.</summary>
    public RenderedItem? LastRendered(string rendering) => Segment?.Rendering(rendering).At(Count - 1);

    // A segment is rendered only after all before it were: so its own count tells for the whole branch.
    private bool IsRendered(IModelBackend backend) =>
        Segment!.HasRendering(backend.Rendering) && Segment.Rendering(backend.Rendering).Count >= Count;
}

/// <summary>The one place where an item is rendered.</summary>
internal static class RenderCursor
{
    public static RenderedItem Render(IModelBackend backend, Item item, RenderedItem? before) =>
        RenderedItem.Behind(before, backend.Render(item, before?.Rendered.State));
}
