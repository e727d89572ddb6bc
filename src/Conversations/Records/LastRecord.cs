using System.Buffers.Binary;
using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Records;

/// <summary>Reads a time from the end of an append: that of its last record, if it is a turn's start or end.</summary>
internal static class LastRecord
{
    /// <summary>
    /// In milliseconds since the Unix epoch; null: the bytes do not end in a whole record of a turn. Its checksums are
    /// compared.
    /// </summary>
    /// <param name="tail">The append, or its last bytes.</param>
    /// <param name="key">Whose records they are.</param>
    public static long? TimeOf(ReadOnlyMemory<byte> tail, ConversationKey key)
    {
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

    /// <summary>When a turn started or ended by a record; null: it tells of neither.</summary>
    public static long? TimeOf(Record record) => record switch
    {
        TurnStarted started => started.CreatedAt,
        TurnFinished finished => finished.Ending.EndedAt,
        _ => null,
    };

    private static long? Read(ReadOnlyMemory<byte> frame, ConversationKey key)
    {
        try
        {
            // A turn that is cancelled before it starts ends in the same append.
            return RecordFrames.Read(frame, new RecordOwner(key)) is [var record] ? TimeOf(record) : null;
        }
        catch (JournalCorruptException)
        {
            return null;
        }
    }
}
