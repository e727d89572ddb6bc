using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>The port as most tests speak to it: whoever appends or deletes wrote all that is there.</summary>
internal static class PlainJournal
{
    /// <summary>Appends behind appends of the same writer.</summary>
    public static ValueTask AppendAsync(this IJournal journal, ConversationKey key, long position, ulong writer,
        ReadOnlyMemory<byte> records, CancellationToken cancellationToken) =>
        journal.AppendAsync(key, End(position, writer), writer, records, cancellationToken);

    /// <summary>Reads behind appends of writer 1.</summary>
    public static IAsyncEnumerable<JournalEntry> ReadAsync(this IJournal journal, ConversationKey key, long from,
        CancellationToken cancellationToken) => journal.ReadAsync(key, End(from, 1), cancellationToken);

    /// <summary>Deletes whatever is there.</summary>
    public static async Task DeleteAsync(this IJournal journal, ConversationKey key,
        CancellationToken cancellationToken) =>
        await journal.DeleteAsync(key, await journal.EndAsync(key, cancellationToken), cancellationToken);

    /// <summary>Where the log ends.</summary>
    public static async Task<JournalEnd> EndAsync(this IJournal journal, ConversationKey key,
        CancellationToken cancellationToken)
    {
        var end = JournalEnd.None;
        await foreach (var entry in journal.ReadAsync(key, end, cancellationToken))
        {
            end = JournalEnd.Behind(entry);
        }

        return end;
    }

    private static JournalEnd End(long position, ulong writer) =>
        position == 0 ? JournalEnd.None : new JournalEnd(position, writer);
}
