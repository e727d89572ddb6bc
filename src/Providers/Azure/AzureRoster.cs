using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Azure;

/// <summary>
/// Reads the rows of all logs, tenant by tenant. Nothing is changed. For one reader at a time, who reads a page after
/// the one before it, or begins at a page that it has read.
/// </summary>
/// <param name="store">Where to.</param>
/// <param name="hasLogs">
/// Whether a row without a log is passed over. That takes a request for each row. A reader that goes on to the logs
/// sees it there.
/// </param>
internal sealed class AzureRoster(AzureStore store, bool hasLogs)
{
    private const int PageMax = 250;

    // Logs that are looked at together.
    private const int AtOnceMax = 32;

    // A place is the number of a page; these are the rows behind which the pages begin.
    private readonly List<NumberedConversation?> _places = [null];

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

        // Another row than at an earlier reading, where conversations began or went meanwhile.
        _places.RemoveRange((int)place + 1, _places.Count - (int)place - 1);
        _places.Add(rows[^1]);
        return new RosterPage(entries, place + 1);
    }

    private async Task<bool> IsLogAsync(NumberedConversation row, CancellationToken cancellationToken) => !hasLogs ||
        (await store.Tails.LookAsync(row.Key, cancellationToken) is { } found &&
        found.Manifest.Number == row.Number && (found.HasBlocks || found.Manifest.Ordinal > 0));
}
