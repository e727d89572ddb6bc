using System.Runtime.CompilerServices;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Copying;

/// <summary>
/// Copies a journal that nobody serves into another one: each append as it is, at its place, with its writer. At the
/// end each conversation is read back, compared byte by byte, and rebuilt, which compares its digests.
/// </summary>
/// <remarks>
/// A copy that was broken off goes on where it was: what the target has is compared and not written again. A
/// conversation that the source has damaged is left out, and its beginning is removed from the target. The first
/// appends are written one after the other, so that conversations keep their order; the others of some conversations
/// go on at the same time.
/// </remarks>
internal sealed class JournalCopy(CopiedJournals journals, CopyTally tally)
{
    // Each holds up to four pages of half a MiB, or larger ones where an append is larger.
    private const int AtOnceMax = 8;

    /// <summary>Copies, compares, and takes the mark of an unfinished copy from the target.</summary>
    /// <exception cref="CopyRefusedException">The target holds something else.</exception>
    /// <exception cref="JournalUnavailableException">One of the journals cannot be read or written.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var roster = await ReadSourceAsync(cancellationToken);
        tally.Found(roster.Count);
        await CheckTargetAsync(roster, cancellationToken);
        await EachAsync(BeginAsync(roster, cancellationToken), async (copy, token) =>
        {
            await using var _ = copy;
            if (await IsWholeAsync(copy.Key, () => copy.EndAsync(token), token))
            {
                tally.CopiedOne();
            }
        }, cancellationToken);
        await CompareAsync(roster, cancellationToken);
        var totals = await journals.Source.ReadTotalsAsync(cancellationToken);
        await journals.Target.EndCopyAsync(totals, cancellationToken);
    }

    private static Task EachAsync<T>(IAsyncEnumerable<T> all, Func<T, CancellationToken, ValueTask> work,
        CancellationToken cancellationToken) => Parallel.ForEachAsync(all, new ParallelOptions
        {
            MaxDegreeOfParallelism = AtOnceMax,
            CancellationToken = cancellationToken,
        }, work);

    /// <summary>The source's conversations, in the order in which they began.</summary>
    private async Task<List<RosterEntry>> ReadSourceAsync(CancellationToken cancellationToken)
    {
        // One text for a tenant's name, however many conversations it has.
        var tenants = new Dictionary<string, string>(StringComparer.Ordinal);
        var roster = new List<RosterEntry>();
        await foreach (var page in PagesAsync(journals.Source, cancellationToken))
        {
            if (page.Damage is { } damage)
            {
                tally.FoundUnreadable(damage);
            }

            foreach (var entry in page.Entries)
            {
                if (entry.Key == default)
                {
                    tally.FoundUnreadable(entry.Damage!);
                    continue;
                }

                tenants.TryAdd(entry.Key.Tenant, entry.Key.Tenant);
                roster.Add(entry with { Key = entry.Key with { Tenant = tenants[entry.Key.Tenant] } });
            }
        }

        roster.Sort(static (one, other) => one.Number.CompareTo(other.Number));
        return roster;
    }

    /// <summary>Refuses a target that an earlier try on another source, or on more conversations, has filled.</summary>
    private async Task CheckTargetAsync(List<RosterEntry> roster, CancellationToken cancellationToken)
    {
        HashSet<ConversationKey>? known = null;
        await foreach (var page in PagesAsync(journals.Target, cancellationToken))
        {
            foreach (var entry in page.Entries)
            {
                known ??= [.. roster.Select(static one => one.Key)];
                if (!known.Contains(entry.Key))
                {
                    throw new CopyRefusedException($"The target holds conversation {entry.Key.Id}, which the source " +
                        "does not have, or not any more: copy into an empty journal.");
                }
            }
        }
    }

    /// <summary>Copies the first append of each conversation, in order.</summary>
    private async IAsyncEnumerable<ConversationCopy> BeginAsync(
        List<RosterEntry> roster, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var entry in roster)
        {
            if (entry.Damage is { } damage)
            {
                await LeaveOutAsync(entry.Key, damage, cancellationToken);
                continue;
            }

            var copy = new ConversationCopy(entry.Key, journals, tally, rebuilt: null, cancellationToken);
            if (await IsWholeAsync(entry.Key, () => copy.StepAsync(cancellationToken), cancellationToken))
            {
                yield return copy;
            }
            else
            {
                await copy.DisposeAsync();
            }
        }
    }

    private async Task CompareAsync(List<RosterEntry> roster, CancellationToken cancellationToken)
    {
        var ids = new RandomIdSource();
        var copied = roster.Where(entry => !tally.Damaged.ContainsKey(entry.Key)).ToAsyncEnumerable();
        await EachAsync(copied, async (entry, token) =>
        {
            var rebuilt = new Conversation(entry.Key, activation: 0, new ModelCatalog([]), ids);
            await using var copy = new ConversationCopy(entry.Key, journals, tally, rebuilt, token);
            if (await IsWholeAsync(entry.Key, () => copy.EndAsync(token), token))
            {
                tally.ComparedOne();
            }
        }, cancellationToken);
        var held = 0L;
        await foreach (var page in PagesAsync(journals.Target, cancellationToken))
        {
            held += page.Entries.Count(static entry => entry.Damage is null);
        }

        if (held != tally.Compared)
        {
            throw new CopyRefusedException($"The target lists {held} conversations, and {tally.Compared} were " +
                "copied: check its disk, and copy into an empty journal.");
        }
    }

    /// <summary>Whether the source's log is not damaged; if it is, the conversation is left out.</summary>
    private async Task<bool> IsWholeAsync(ConversationKey key, Func<Task> work, CancellationToken cancellationToken)
    {
        try
        {
            await work();
            return true;
        }
        catch (JournalCorruptException e)
        {
            await LeaveOutAsync(key, e.Message, cancellationToken);
            return false;
        }
    }

    private async Task LeaveOutAsync(ConversationKey key, string damage, CancellationToken cancellationToken)
    {
        tally.FoundDamaged(key, damage);
        var end = JournalEnd.None;
        await foreach (var entry in journals.Target.ReadAsync(key, JournalEnd.None, cancellationToken))
        {
            end = JournalEnd.Behind(entry);
        }

        if (end != JournalEnd.None)
        {
            await journals.Target.DeleteAsync(key, end, cancellationToken);
        }
    }

    private static async IAsyncEnumerable<RosterPage> PagesAsync(
        ICheckedJournal journal, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (long? next = 0; next is { } behind;)
        {
            var page = await journal.ReadRosterAsync(behind, cancellationToken);
            next = page.Next;
            yield return page;
        }
    }
}
