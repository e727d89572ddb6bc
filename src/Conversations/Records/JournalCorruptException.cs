namespace Evergrain.Conversations.Records;

/// <summary>A journal holds what this build cannot read: the conversation cannot be opened.</summary>
public sealed class JournalCorruptException : Exception
{
    /// <summary>An append that is damaged, or was written by a newer build.</summary>
    /// <param name="offset">Where in the append.</param>
    /// <param name="reason">What is wrong.</param>
    /// <param name="isNewer">Whether a newer build wrote it, so that the journal is whole.</param>
    public JournalCorruptException(long offset, string reason, bool isNewer = false)
        : base(isNewer
            ? $"A newer build wrote the journal, at byte {offset} of an append: {reason}. Start that build."
            : $"The journal is corrupt at byte {offset} of an append: {reason}.") =>
        (Offset, IsNewer) = (offset, isNewer);

    /// <summary>A log that is damaged as a whole, or whose appends are not its own.</summary>
    /// <param name="reason">What is wrong.</param>
    /// <param name="inner">What the store said.</param>
    public JournalCorruptException(string reason, Exception? inner = null)
        : base($"The journal is damaged ({reason}): restore it from a backup.", inner)
    {
    }

    /// <summary>Where in the append.</summary>
    public long Offset { get; }

    /// <summary>Whether a newer build wrote it, so that the journal is whole.</summary>
    public bool IsNewer { get; }
}

/// <summary>A record says what only a newer build knows.</summary>
internal sealed class UnknownRecordException(string reason) : FormatException(reason);
