using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Azure;

/// <summary>
/// Reads the rows of all logs, tenant by tenant. A row without a log is passed over, and nothing is changed. For one
/// reader at a time.
/// </summary>
internal sealed class AzureRoster(AzureStore store)
{
    private const int PageMax = 250;

    // Logs that are looked at together.
    private const int AtOnceMax = 32;

    // A place is the number of a page; these are the rows behind which the pages begin.
    private readonly List<IndexedLog?> _places = [null];

    /// <summary>The conversations of a page.</summary>
    public async Task<RosterPage> ReadAsync(long place, CancellationToken cancellationToken)
    {
        var rows = await store.Index.AllAsync(_places[(int)place], PageMax, cancellationToken);
        var entries = new List<RosterEntry>();
        foreach (var some in rows.Chunk(AtOnceMax))
        {
            var live = await Task.WhenAll(some.Select(row => IsLogAsync(row, cancellationToken)));
            entries.AddRange(some.Where((_, i) => live[i])
                .Select(static row => new RosterEntry(row.Key, Damage: null, IsHidden: false) { Number = row.Number }));
        }

        if (rows.Count < PageMax)
        {
            return new RosterPage(entries, Next: null);
        }

        if (place + 1 == _places.Count)
        {
            _places.Add(rows[^1]);
        }

        return new RosterPage(entries, place + 1);
    }

    private async Task<bool> IsLogAsync(IndexedLog row, CancellationToken cancellationToken) =>
        await store.Tails.LookAsync(row.Key, cancellationToken) is { } found &&
        found.Manifest.Number == row.Number && (found.HasBlocks || found.Manifest.Ordinal > 0);
}
