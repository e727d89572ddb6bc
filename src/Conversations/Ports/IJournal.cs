using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Ports;

/// <summary>
/// The durable, append-only log of every conversation.
/// </summary>
/// <remarks>
/// <para>
/// An append is one blob of one or more framed records (see <c>Records</c>), stored whole or not at all, at a
/// position: 0, 1, 2… without gaps, per conversation. The journal does not look inside.
/// </para>
/// <para>
/// The end is the fence. Whoever appends states where he believes the log ends: how many appends it holds, and who
/// wrote the last. If it does not end there, nothing is stored and <see cref="PositionTakenException"/> tells the
/// caller that another writer owns the conversation now. A deleted or unknown conversation ends at
/// <see cref="JournalEnd.None"/>, so an append there begins it anew; since the last writer belongs to an end, whoever
/// still holds the end of a log that was deleted cannot meet its successor's at the same position.
/// </para>
/// <para>
/// When <see cref="AppendAsync"/> returns, the append survives the death of the process and of the machine, and every
/// later read, by anyone, sees it. When it throws <see cref="PositionTakenException"/>, nothing was stored. When it
/// throws anything else, the outcome is unknown: read the tail and look for your own writer id before trying again.
/// (An <see cref="ArgumentException"/> and an <see cref="ObjectDisposedException"/> also mean that nothing was stored.)
/// A journal that cannot reach or write its store throws <see cref="JournalUnavailableException"/>; it needs no
/// reopening once the cause is gone.
/// </para>
/// <para>
/// Buffers given to <see cref="AppendAsync"/> belong to the journal until the returned task ends, cancelled or not;
/// buffers in a <see cref="JournalEntry"/> belong to the reader and are never written again.
/// </para>
/// <para>
/// All members may be called from any thread at any time until the journal is disposed. Disposing finishes the appends
/// already begun; a call made afterwards gets <see cref="ObjectDisposedException"/>.
/// </para>
/// </remarks>
public interface IJournal : IAsyncDisposable
{
    /// <summary>
    /// The format in which records may be written now: every process of this journal reads it. It may rise at any time,
    /// and never falls. The journal does not look at what it is given.
    /// </summary>
    int Format => RecordFormat.Newest;

    /// <summary>
    /// Why nothing can be stored now: a sentence that anyone may see, without names of places; null: nothing is known
    /// to hinder it. The journal has logged the reason, once.
    /// </summary>
    string? Obstacle => null;

    /// <summary>Stores one append at <paramref name="end"/>.</summary>
    /// <param name="key">The conversation.</param>
    /// <param name="end">Where the caller believes the log ends.</param>
    /// <param name="writer">The activation's random 64-bit id.</param>
    /// <param name="records">
    /// Framed records, at least one byte and at most <see cref="JournalBounds.AppendBytesMax"/> together.
    /// </param>
    /// <param name="cancellationToken">
    /// Stops waiting; the outcome is then unknown. A journal that is already storing the append may go on to its end.
    /// </param>
    /// <exception cref="PositionTakenException">The log does not end at <paramref name="end"/>.</exception>
    /// <exception cref="JournalUnavailableException">The store failed: a full disk, a broken file.</exception>
    ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer, ReadOnlyMemory<byte> records,
        CancellationToken cancellationToken);

    /// <summary>
    /// The appends behind <paramref name="from"/>, in order and without gaps, up to the end as it was when reading
    /// began or later. Behind <see cref="JournalEnd.None"/> that is all of them; an unknown conversation has none. One
    /// that is deleted while it is read may end early; its successor of the same key is never mixed in.
    /// </summary>
    /// <remarks>Entries arrive in bounded portions: a reader may stop, or take as long as he likes.</remarks>
    /// <exception cref="PositionTakenException">
    /// The log does not hold <paramref name="from"/>: it was deleted, perhaps begun anew.
    /// </exception>
    /// <exception cref="JournalCorruptException">
    /// The log is damaged: appends are missing, or what was found is another log's.
    /// </exception>
    IAsyncEnumerable<JournalEntry> ReadAsync(
        ConversationKey key, JournalEnd from, CancellationToken cancellationToken);

    /// <summary>
    /// Conversations of a tenant that hold at least one append, in order of creation, at most
    /// <paramref name="limit"/>, beginning after <paramref name="after"/> (null: with the first). Nothing follows an
    /// <paramref name="after"/> that the tenant does not hold. A conversation begun anew counts as created then.
    /// </summary>
    ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
        CancellationToken cancellationToken);

    /// <summary>
    /// Conversations of tenants that hold at least one append, newest created first, at most
    /// <paramref name="limit"/>, with numbers below <paramref name="before"/>. An index leads to them, so that a page
    /// costs the same however many there are.
    /// </summary>
    /// <exception cref="JournalCorruptException">An index leads to another tenant's conversation.</exception>
    ValueTask<JournalListing> ListNewestAsync(IReadOnlyList<string> tenants, long before, int limit,
        CancellationToken cancellationToken);

    /// <summary>
    /// The number of a conversation that holds at least one append, as in <see cref="ListNewestAsync"/>; null: there is
    /// none.
    /// </summary>
    ValueTask<long?> FindNumberAsync(ConversationKey key, CancellationToken cancellationToken);

    /// <summary>The tenants that have conversations here, at most <paramref name="limit"/>.</summary>
    ValueTask<IReadOnlyList<string>> ListTenantsAsync(int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Removes all of a conversation's appends at once, durably, if the log still ends at <paramref name="end"/>. That
    /// it is not there is no error. Cancelling leaves the outcome unknown.
    /// </summary>
    /// <exception cref="PositionTakenException">The log ends elsewhere; all of it stays.</exception>
    ValueTask DeleteAsync(ConversationKey key, JournalEnd end, CancellationToken cancellationToken);
}

/// <summary>
/// Where a log ends. Two logs of one key, one begun after the other was deleted, share no end but <see cref="None"/>.
/// </summary>
/// <param name="Position">How many appends it holds: the position of the next.</param>
/// <param name="LastWriter">Who wrote the last of them; 0 where there is none.</param>
public readonly record struct JournalEnd(long Position, ulong LastWriter)
{
    /// <summary>Where a log ends that does not exist.</summary>
    public static readonly JournalEnd None;

    /// <summary>The end behind an append.</summary>
    public static JournalEnd Behind(JournalEntry entry) => new(entry.Position + 1, entry.Writer);
}

/// <summary>A page of conversations.</summary>
/// <param name="Found">The conversations, at least one if there is one.</param>
/// <param name="HasMore">
/// Whether the page ended before the limit, since a page of this journal reads a bounded number of bytes.
/// </param>
public sealed record JournalListing(IReadOnlyList<ListedConversation> Found, bool HasMore);

/// <summary>A conversation of a page.</summary>
/// <param name="Key">Whose, and which.</param>
/// <param name="Number">Grows with each conversation that begins.</param>
/// <param name="FirstTail">
/// The last bytes of its first append, <see cref="JournalBounds.FirstTailBytes"/> of them if there are so many; empty
/// where that append is missing.
/// </param>
public readonly record struct ListedConversation(ConversationKey Key, long Number, ReadOnlyMemory<byte> FirstTail);

/// <summary>One append as it was stored.</summary>
/// <param name="Position">Its place in the log, from 0.</param>
/// <param name="Writer">The activation that wrote it.</param>
/// <param name="Records">Its framed records.</param>
public readonly record struct JournalEntry(long Position, ulong Writer, ReadOnlyMemory<byte> Records);

/// <summary>
/// The log does not end where the writer believed, or was deleted: another writer owns the conversation now.
/// </summary>
public sealed class PositionTakenException(ConversationKey key, JournalEnd end)
    : Exception($"The journal of {key.Id} does not end at position {end.Position} any more: another writer was there.")
{
    /// <summary>The conversation.</summary>
    public ConversationKey Key { get; } = key;

    /// <summary>The end that was none.</summary>
    public JournalEnd End { get; } = end;
}
