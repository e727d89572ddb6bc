using System.Runtime.CompilerServices;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Azure;

/// <summary>
/// Reads logs: the tail first, which says what else there is, then the extents in order, then what the tail was.
/// </summary>
internal sealed class AzureReader(AzureStore store, ReadGate gate)
{
    // Extents that are read at once, usually a MiB at most each. While the caller works on them, the next are read.
    private const int AtOnceMax = 4;

    /// <summary>The appends behind an end.</summary>
    public async IAsyncEnumerable<JournalEntry> ReadAsync(ConversationKey key, JournalEnd from,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var last = await RunAsync(() => store.Tails.ReadAsync(key, cancellationToken), cancellationToken);
        if (last is null || last.Tail.End == JournalEnd.None || from.Position > last.Tail.End.Position)
        {
            if (from != JournalEnd.None)
            {
                throw new PositionTakenException(key, from);
            }

            yield break;
        }

        var manifest = last.Tail.Manifest;
        var ordinal = from.Position >= manifest.Begin.Position ? manifest.Ordinal
            : await FindAsync(key, manifest, from, cancellationToken);
        await foreach (var page in ReadExtentsAsync(key, manifest, ordinal, cancellationToken))
        {
            CheckFrom(key, from, page.Manifest.Begin, page.Entries);
            foreach (var entry in page.Entries.Where(entry => entry.Position >= from.Position))
            {
                yield return entry;
            }

            if (page.IsLast)
            {
                yield break;
            }
        }

        List<JournalEntry> entries = [.. last.Entries];
        CheckFrom(key, from, manifest.Begin, entries);
        foreach (var entry in entries.Where(entry => entry.Position >= from.Position))
        {
            yield return entry;
        }
    }

    /// <summary>Refuses an end that the log never had, where it would lie in these appends or before them.</summary>
    private static void CheckFrom(
        ConversationKey key, JournalEnd from, JournalEnd begin, List<JournalEntry> entries)
    {
        var before = from.Position == begin.Position ? begin
            : from.Position > begin.Position && from.Position - begin.Position <= entries.Count
                ? JournalEnd.Behind(entries[(int)(from.Position - begin.Position) - 1])
                : from;
        if (before != from || (from.Position == 0 && from != JournalEnd.None))
        {
            throw new PositionTakenException(key, from);
        }
    }

    /// <summary>The sealed appends from an extent on. A log that is deleted meanwhile ends early.</summary>
    private async IAsyncEnumerable<Page> ReadExtentsAsync(ConversationKey key, LogManifest manifest, int ordinal,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var next = ReadSomeAsync(key, manifest, ordinal, cancellationToken);
        JournalEnd? end = null;
        try
        {
            for (; ordinal < manifest.Ordinal; ordinal += AtOnceMax)
            {
                var pages = await next;
                if (Array.Exists(pages, static page => page.IsLast))
                {
                    // Nothing of what was read together with it, so that a short log is there or not.
                    yield return pages.Last(static page => page.IsLast);
                    yield break;
                }

                next = ReadSomeAsync(key, manifest, ordinal + AtOnceMax, cancellationToken);
                foreach (var page in pages)
                {
                    end = CheckNext(end, page);
                    yield return page;
                }
            }

            CheckNext(end, new Page(manifest, [], IsLast: true));
        }
        finally
        {
            // A caller who stops early, or learns of a failure, leaves no read behind.
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Where the log ends behind a page, which must follow the one before.</summary>
    private static JournalEnd CheckNext(JournalEnd? end, in Page page) =>
        end is { } expected && page.Manifest.Begin != expected
            ? throw new JournalCorruptException($"append {expected.Position} is missing")
            : page.Entries.Count == 0 ? page.Manifest.Begin : JournalEnd.Behind(page.Entries[^1]);

    private Task<Page[]> ReadSomeAsync(
        ConversationKey key, LogManifest manifest, int ordinal, CancellationToken cancellationToken) =>
        Task.WhenAll(Enumerable.Range(ordinal, Math.Clamp(manifest.Ordinal - ordinal, 0, AtOnceMax))
            .Select(one => ReadExtentAsync(key, manifest, one, cancellationToken)));

    private async Task<Page> ReadExtentAsync(
        ConversationKey key, LogManifest manifest, int ordinal, CancellationToken cancellationToken)
    {
        var extent = await RunAsync(
            () => store.Extents.ReadAsync(key, manifest.Number, ordinal, cancellationToken), cancellationToken);
        if (extent is { } found && found.Blocks.Count > 0)
        {
            return new Page(found.Manifest, [.. found.Blocks.Select(static block => block.Entry)], IsLast: false);
        }

        var now = await RunAsync(() => store.Tails.LookAsync(key, cancellationToken), cancellationToken);
        return now?.Manifest.Number != manifest.Number
            ? new Page(manifest, [], IsLast: true)
            : throw new JournalCorruptException($"extent {ordinal} is missing");
    }

    /// <summary>The extent that holds the append before an end: the last that begins before it.</summary>
    private async Task<int> FindAsync(
        ConversationKey key, LogManifest manifest, JournalEnd from, CancellationToken cancellationToken)
    {
        var (low, high) = (0, manifest.Ordinal);
        while (from.Position > 0 && high - low > 1)
        {
            var middle = low + ((high - low) / 2);
            var begin = await RunAsync(
                () => store.Extents.BeginOfAsync(key, manifest.Number, middle, cancellationToken), cancellationToken);
            (low, high) = begin is { } found && found.Position < from.Position ? (middle, high) : (low, middle);
        }

        return low;
    }

    private Task<T> RunAsync<T>(Func<Task<T>> read, CancellationToken cancellationToken) =>
        gate.RunAsync(read, cancellationToken);

    /// <summary>The appends of an extent.</summary>
    /// <param name="Manifest">Its manifest.</param>
    /// <param name="Entries">The appends.</param>
    /// <param name="IsLast">Whether the log was deleted: nothing follows.</param>
    private readonly record struct Page(LogManifest Manifest, List<JournalEntry> Entries, bool IsLast);
}
