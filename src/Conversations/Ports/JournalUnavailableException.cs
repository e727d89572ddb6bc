namespace Evergrain.Conversations.Ports;

/// <summary>
/// The journal's store cannot be opened, read or written. The message is one sentence: what is wrong, where, and the
/// way out. At the start it goes to stderr; later the append's or the read's caller gets it.
/// </summary>
public sealed class JournalUnavailableException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>What is wrong, without names of places: anyone may see it.</summary>
    public string Brief { get; init; } = "The journal cannot be read or written.";
}
