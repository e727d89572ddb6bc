using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Journals;

/// <summary>What the check of a journal asks of its store.</summary>
internal interface ICheckedJournal
{
    /// <summary>
    /// Some conversations as they stand in the table itself, in one transaction of 100 ms at most, and whether the
    /// indexes lead to them.
    /// </summary>
    /// <param name="behind">The place of the table behind which to read; 0: from its begin.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task<RosterPage> ReadRosterAsync(long behind, CancellationToken cancellationToken);

    /// <summary>A conversation's log, read as when it is opened.</summary>
    IAsyncEnumerable<JournalEntry> ReadAsync(
        ConversationKey key, JournalEnd from, CancellationToken cancellationToken);
}

/// <summary>A part of the table of conversations.</summary>
/// <param name="Entries">The conversations.</param>
/// <param name="Next">The place behind which the next part begins; null: this was the last.</param>
/// <param name="Damage">What of the table could not be read; null: nothing.</param>
internal readonly record struct RosterPage(IReadOnlyList<RosterEntry> Entries, long? Next, string? Damage = null);

/// <summary>A conversation as the table has it.</summary>
/// <param name="Key">Whose it is, and its id.</param>
/// <param name="Damage">What is wrong with the way to it; null: nothing.</param>
/// <param name="IsHidden">Whether nobody finds it: it would seem not to be there.</param>
internal readonly record struct RosterEntry(ConversationKey Key, string? Damage, bool IsHidden)
{
    /// <summary>Grows with each conversation that begins.</summary>
    public long Number { get; init; }
}
