using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Journals;

/// <summary>
/// The lasting index of a journal that has none: it takes no entry and knows none. What a process itself ran or
/// delivered is recognised all the same.
/// </summary>
public sealed class UnindexedHistories(IJournal journal) : IHistoryStore
{
    /// <inheritdoc/>
    public ValueTask AddAsync(IReadOnlyList<HistoryEntry> entries, int countMax, CancellationToken cancellationToken) =>
        ValueTask.CompletedTask;

    /// <inheritdoc/>
    public ValueTask<HistoryEntry?> FindAsync(string tenant, IReadOnlyList<Digest> keys, ulong hint,
        CancellationToken cancellationToken) => ValueTask.FromResult<HistoryEntry?>(null);

    /// <inheritdoc/>
    public ValueTask<long?> ClaimAsync(string tenant, ulong process, CancellationToken cancellationToken) =>
        ValueTask.FromResult<long?>(0);

    /// <inheritdoc/>
    public ValueTask AddOlderAsync(OlderPage page, int countMax, CancellationToken cancellationToken) =>
        ValueTask.CompletedTask;

    /// <inheritdoc/>
    public ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer, DeletingRecords records,
        CancellationToken cancellationToken) => journal.AppendAsync(key, end, writer, records.Bytes, cancellationToken);
}
