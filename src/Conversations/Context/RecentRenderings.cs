namespace Evergrain.Conversations.Context;

/// <summary>
/// The renderings that a conversation used last. Segments keep bytes for these, so that a conversation that goes from
/// model to model does not grow by all of them.
/// </summary>
internal sealed class RecentRenderings
{
    private const int Kept = 2;

    // The one that was used last stands last.
    private readonly List<string> _held = [];

    /// <summary>A turn uses a rendering now: segments drop the others, save the one before it.</summary>
    /// <param name="name">The rendering.</param>
    /// <param name="branches">The conversation's branches; asked for only if something is dropped.</param>
    /// <param name="running">Renderings that running turns will still append to; asked for as seldom.</param>
    public void Use(string name, IEnumerable<Branch> branches, Func<IReadOnlyCollection<string>> running)
    {
        _held.Remove(name);
        _held.Add(name);
        if (_held.Count <= Kept)
        {
            return;
        }

        var dropped = _held[..^Kept].Except(running(), StringComparer.Ordinal).ToHashSet(StringComparer.Ordinal);
        if (dropped.Count > 0)
        {
            _held.RemoveAll(dropped.Contains);
            Drop(branches, dropped);
        }
    }

    /// <summary>
    /// A segment moved here; the newest comes last. The rendering that reaches furthest in it was used last.
    /// </summary>
    public void Hold(Segment moved)
    {
        foreach (var rendering in moved.Renderings.OrderBy(static rendering => rendering.Count))
        {
            _held.Remove(rendering.Name);
            _held.Add(rendering.Name);
        }
    }

    private static void Drop(IEnumerable<Branch> branches, HashSet<string> dropped)
    {
        var seen = new HashSet<Segment>(ReferenceEqualityComparer.Instance);
        foreach (var tip in branches)
        {
            for (var branch = tip; branch.Segment is { } segment && seen.Add(segment); branch = segment.Parent)
            {
                segment.DropRenderings(dropped.Contains);
            }
        }
    }
}
