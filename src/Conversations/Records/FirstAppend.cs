using System.Buffers.Binary;
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
        var tail = append.Length <= bytes ? append : append[^bytes..];
        for (var at = tail.Length - RecordFrames.HeaderBytes; at >= 0; at--)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(tail.Span[at..]);
            if (length == tail.Length - at - RecordFrames.HeaderBytes && Read(tail[at..], key) is { } time)
            {
                return time;
            }
        }

        return null;
    }

    private static long? Read(ReadOnlyMemory<byte> frame, ConversationKey key)
    {
        try
        {
            // A turn that is cancelled before it starts ends in the same append.
            return RecordFrames.Read(frame, new RecordOwner(key)) switch
            {
                [TurnStarted started] => started.CreatedAt,
                [TurnFinished finished] => finished.Ending.EndedAt,
                _ => null,
            };
        }
        catch (JournalCorruptException)
        {
            return null;
        }
    }
}
