namespace Evergrain.Conversations.Context;

/// <summary>
/// The renderings that a conversation used last. Segments keep bytes for these, so that a conversation that goes from
/// model to model does not grow by all of them.
/// </summary>
internal sealed class RecentRenderings
{
    private string? _last;
    private string? _before;

    /// <summary>A turn uses a rendering now; says whether others are to be dropped.</summary>
    public bool Use(string name)
    {
        if (name == _last)
        {
            return false;
        }

        var drops = _before is not null && _before != name;
        (_last, _before) = (name, _last);
        return drops;
    }

    /// <summary>
    /// Takes over what moved here: the rendering that reaches furthest on the newest branch was used last.
    /// </summary>
    public void Found(Branch newest)
    {
        var names = (newest.Segment?.Renderings ?? []).OrderByDescending(static rendering => rendering.Count)
            .Select(static rendering => rendering.Name).ToList();
        (_last, _before) = (names.ElementAtOrDefault(0), names.ElementAtOrDefault(1));
    }

    /// <summary>Drops from all segments what was not used lately.</summary>
    /// <param name="branches">The conversation's branches.</param>
    /// <param name="running">Renderings that running turns will still append to.</param>
    public void DropOthers(IEnumerable<Branch> branches, IReadOnlyCollection<string> running)
    {
        var seen = new HashSet<Segment>(ReferenceEqualityComparer.Instance);
        foreach (var tip in branches)
        {
            for (var branch = tip; branch.Segment is { } segment && seen.Add(segment); branch = segment.Parent)
            {
                segment.DropRenderings(name =>
                    name != _last && name != _before && !running.Contains(name, StringComparer.Ordinal));
            }
        }
    }
}
