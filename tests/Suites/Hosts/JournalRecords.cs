using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Record = Evergrain.Conversations.Records.Record;

namespace Evergrain.Suites.Hosts;

/// <summary>Reads the records of a journal.</summary>
internal static class JournalRecords
{
    /// <summary>All records of a conversation's appends.</summary>
    public static IEnumerable<Record> RecordsOf(this IEnumerable<JournalEntry> entries, ConversationKey key) =>
        entries.SelectMany(entry => RecordFrames.Read(entry.Records, new RecordOwner(key)));
}
