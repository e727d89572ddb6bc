using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Lifetimes;

/// <summary>The last start or end of a turn in a log, and where the log ended when it was read.</summary>
/// <param name="At">In milliseconds since the Unix epoch.</param>
/// <param name="End">The end of the log: whoever deletes names it, and so deletes nothing that came after.</param>
internal readonly record struct LastTurn(long At, JournalEnd End)
{
    /// <summary>Reads it from the end of the last append, or from the whole log where that tells no time.</summary>
    /// <returns>Null: the log tells no time at all.</returns>
    /// <exception cref="JournalCorruptException">The log is damaged.</exception>
    public static async ValueTask<LastTurn?> ReadAsync(
        IJournal journal, AgedConversation aged, CancellationToken cancellationToken)
    {
        if (LastRecord.TimeOf(aged.LastTail, aged.Key) is { } time)
        {
            return new LastTurn(time, aged.End);
        }

        LastTurn? last = null;
        var owner = new RecordOwner(aged.Key);
        await foreach (var entry in journal.ReadAsync(aged.Key, JournalEnd.None, cancellationToken))
        {
            var at = RecordFrames.Read(entry.Records, owner).Max(LastRecord.TimeOf) ?? last?.At;
            last = at is null ? null : new LastTurn(at.Value, JournalEnd.Behind(entry));
        }

        return last;
    }
}
