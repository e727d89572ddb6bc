using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Records;

/// <summary>Checks stored records without reading what they say.</summary>
public static class RecordCheck
{
    /// <summary>Refuses an append whose records are not whole, or are another conversation's.</summary>
    /// <param name="key">The conversation in whose log the append was found.</param>
    /// <param name="append">Its framed records.</param>
    /// <exception cref="JournalCorruptException">A checksum does not match, or the append is cut short.</exception>
    public static void Check(ConversationKey key, ReadOnlySpan<byte> append)
    {
        var whole = RecordFrames.WholeLength(append, new RecordOwner(key));
        if (whole == 0 || whole < append.Length)
        {
            throw new JournalCorruptException(whole, "the append is cut short");
        }
    }
}
