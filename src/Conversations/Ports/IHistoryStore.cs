using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Ports;

/// <summary>
/// The lasting index of the ends of turns, in the store of the journal: by it a history that a client sends again is
/// recognised after a restart, and by other processes.
/// </summary>
/// <remarks>
/// What it says is a hint: whoever follows an entry compares digests first. It may lose entries at any time. It never
/// holds an entry of a deleted turn: one that is added after the deletion is dropped. A store that cannot be reached
/// throws <see cref="JournalUnavailableException"/>.
/// </remarks>
public interface IHistoryStore
{
    /// <summary>Adds ends of turns in one transaction. A conversation that is not there, or a turn that is known or was
    /// deleted, adds nothing.</summary>
    /// <param name="entries">The ends, oldest first; of any tenants.</param>
    /// <param name="countMax">How many are kept of each tenant; the oldest go, some hundred at a time.</param>
    /// <param name="cancellationToken">Stops waiting; whether they were added is then unknown.</param>
    ValueTask AddAsync(IReadOnlyList<HistoryEntry> entries, int countMax, CancellationToken cancellationToken);

    /// <summary>
    /// The turn with the first of some keys that any turn has. Of several, the newest that has the hint, or else the
    /// newest; only the newest 64 are looked at. A hint of 0 decides nothing. Null: there is none.
    /// </summary>
    ValueTask<HistoryEntry?> FindAsync(string tenant, IReadOnlyList<Digest> keys, ulong hint,
        CancellationToken cancellationToken);

    /// <summary>
    /// Takes on the indexing of a tenant's conversations that were there before the index, for a minute. One process at
    /// a time has it.
    /// </summary>
    /// <param name="tenant">The tenant.</param>
    /// <param name="process">64 random bits that no other process has.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>
    /// The number of the conversation before which none is indexed; 0: all are, or there is no room; null: another
    /// process has it.
    /// </returns>
    ValueTask<long?> ClaimAsync(string tenant, ulong process, CancellationToken cancellationToken);

    /// <summary>
    /// Adds ends of turns as older than all others of their tenant, and notes how far it came, in one transaction. A
    /// conversation whose log ends elsewhere by now adds nothing: what its turns deleted meanwhile must not come back.
    /// </summary>
    ValueTask AddOlderAsync(OlderPage page, int countMax, CancellationToken cancellationToken);

    /// <summary>
    /// The same as <see cref="IJournal.AppendAsync"/>, for records that delete turns: in the same transaction the turns
    /// go from the index. <see cref="IJournal.DeleteAsync"/> takes all of its conversation out.
    /// </summary>
    ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer, DeletingRecords records,
        CancellationToken cancellationToken);
}

/// <summary>Records of an append that deletes turns.</summary>
/// <param name="Bytes">The framed records.</param>
/// <param name="Turns">The numbers of the turns that they delete.</param>
public readonly record struct DeletingRecords(ReadOnlyMemory<byte> Bytes, IReadOnlyList<int> Turns);

/// <summary>Conversations of a tenant that were there before the index.</summary>
/// <param name="Tenant">The tenant.</param>
/// <param name="Conversations">The conversations, the newest first.</param>
/// <param name="Before">The number of the oldest of the page.</param>
public sealed record OlderPage(string Tenant, IReadOnlyList<OlderHistories> Conversations, long Before);

/// <summary>The ends of a conversation's turns.</summary>
/// <param name="Key">The conversation.</param>
/// <param name="End">Where its log ended when it was read.</param>
/// <param name="Entries">The ends, the newest first.</param>
public sealed record OlderHistories(ConversationKey Key, JournalEnd End, IReadOnlyList<HistoryEntry> Entries);

/// <summary>The end of a turn, which a history may continue. Only those of stored turns are for a store.</summary>
/// <param name="Tenant">Whose turn it is.</param>
/// <param name="Response">Its response.</param>
/// <param name="Mark">By what it is found.</param>
public readonly record struct HistoryEntry(string Tenant, ResponseId Response, HistoryMark Mark)
{
    /// <summary>
    /// The rows of a table that hold it. The one of <see cref="HistoryMark.BareKey"/> has the turn's number below zero.
    /// </summary>
    public IEnumerable<(int Turn, Digest Key)> Rows
    {
        get
        {
            yield return (Response.Turn.Number, Mark.Key);
            if (Mark.BareKey is { } bare)
            {
                yield return (-Response.Turn.Number, bare);
            }
        }
    }

    /// <summary>The entry that a row is of.</summary>
    /// <param name="tenant">The tenant.</param>
    /// <param name="conversation">The conversation.</param>
    /// <param name="turn">The number in the row, and the turn's tag.</param>
    /// <param name="mark">The key of the row, and the hint.</param>
    public static HistoryEntry OfRow(
        string tenant, ConversationId conversation, (int Number, int Tag) turn, HistoryMark mark) => new(
            tenant, new ResponseId(conversation, TurnId.Stored(Math.Abs(turn.Number), turn.Tag)), mark);
}

/// <summary>By what the end of a turn is found.</summary>
/// <param name="Key">The key of its context.</param>
/// <param name="Hint">
/// Tells apart chats with equal histories: 64 bits of what the client called its chat; 0: it called it nothing. Never a
/// proof of anything.
/// </param>
public readonly record struct HistoryMark(Digest Key, ulong Hint)
{
    /// <summary>
    /// The key of a history that lacks the reasoning of the turn's output; null: the output has none, or nothing else.
    /// </summary>
    public Digest? BareKey { get; init; }
}
