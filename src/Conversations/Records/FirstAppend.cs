using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Records;

/// <summary>
/// Reads from the end of a conversation's first append when the conversation was created. The append ends with the
/// record of its first turn's start.
/// </summary>
internal static class FirstAppend
{
    /// <summary>
    /// In milliseconds since the Unix epoch; null: the bytes do not end in a whole record of a turn. Its checksums are
    /// compared.
    /// </summary>
    /// <param name="append">The append, or its last bytes.</param>
    /// <param name="key">Whose records they are.</param>
    public static long? TimeOf(ReadOnlyMemory<byte> append, ConversationKey key)
    {
        const int bytes = JournalBounds.FirstTailBytes;
        return LastRecord.TimeOf(append.Length <= bytes ? append : append[^bytes..], key);
    }
}
