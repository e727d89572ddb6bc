using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Azure;

/// <summary>
/// The conversations of a tenant in order of creation, by the index alone, and how logs end: a request for each.
/// </summary>
/// <param name="store">Where to.</param>
/// <param name="gate">Bounds the reads.</param>
/// <param name="finishes">
/// Whether it finishes deletions within which a process died; false: it changes nothing.
/// </param>
internal sealed class AzureAges(AzureStore store, ReadGate gate, bool finishes)
{
    // A tail is read as a whole, and has a MiB and one append at most.
    private const int AtOnceMax = 8;

    /// <summary>See <see cref="ILifetimeReader.ListOldestAsync"/>.</summary>
    public async Task<IReadOnlyList<NumberedConversation>> ListOldestAsync(
        string tenant, long behind, int limit, CancellationToken cancellationToken) => await gate.RunAsync(
            () => store.Index.OldestAsync(tenant, behind, limit, cancellationToken), cancellationToken);

    /// <summary>See <see cref="ILifetimeReader.ReadAgesAsync"/>.</summary>
    public async Task<IReadOnlyList<AgedConversation>> ReadAsync(
        IReadOnlyList<NumberedConversation> some, CancellationToken cancellationToken)
    {
        var ages = new AgedConversation?[some.Count];
        var bounds = new ParallelOptions { MaxDegreeOfParallelism = AtOnceMax, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, some.Count, bounds, async (i, token) => ages[i] = await gate.RunAsync(
            () => ReadAsync(some[i], token), token));
        return [.. ages.OfType<AgedConversation>()];
    }

    /// <summary>Null: it is not there, or begins.</summary>
    private async Task<AgedConversation?> ReadAsync(NumberedConversation one, CancellationToken cancellationToken)
    {
        try
        {
            var found = await store.Tails.ReadAsync(one.Key, cancellationToken);
            if (found?.Tail.Manifest.Number == one.Number)
            {
                return found.Tail.End == JournalEnd.None
                    ? null
                    : new AgedConversation(one.Key, one.Number, found.Tail.End,
                        TailOf(await LastAsync(one, found, cancellationToken)));
            }

            if (finishes)
            {
                await store.ForgetAsync(one, cancellationToken);
            }

            return null;
        }
        catch (JournalCorruptException)
        {
            // A reader of its log is told.
            return new AgedConversation(one.Key, one.Number, JournalEnd.None, default);
        }
    }

    /// <summary>The last append, which is in the last extent where nothing followed a roll.</summary>
    private async Task<JournalEntry> LastAsync(
        NumberedConversation one, ReadTail found, CancellationToken cancellationToken) =>
        found.Entries.LastOrDefault() is { Records.IsEmpty: false } last
            ? last
            : await store.Extents.ReadAsync(one.Key, one.Number, found.Tail.Manifest.Ordinal - 1, cancellationToken) is
                { Blocks: [.., var block] } ? block.Entry : default;

    // A copy, since the rest of the tail is not needed any more.
    private static ReadOnlyMemory<byte> TailOf(JournalEntry entry) => entry.Records
        .Slice(Math.Max(0, entry.Records.Length - JournalBounds.LastTailBytes)).ToArray();
}
