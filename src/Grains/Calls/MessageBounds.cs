namespace Evergrain.Grains.Calls;

/// <summary>
/// Bytes of one message between processes. Orleans closes the connection on which a message of 100 MiB comes, with all
/// other calls on it. So every message is far smaller, and says by itself how long it may take.
/// </summary>
internal static class MessageBounds
{
    /// <summary>Bytes of an answer that goes whole: an item of the largest size, in a list.</summary>
    public const int AnswerBytesMax = 20 << 20;

    /// <summary>Bytes of a create that goes whole.</summary>
    public const int CreateBytesMax = 4 << 20;

    /// <summary>Bytes of a piece of what is larger: other calls come between two messages.</summary>
    public const int PieceBytesMax = 1 << 20;

    // The pieces of one message.
    private const int PiecesBytesMax = 16 << 20;

    // What a busy machine sends, reads and stores in a second, at least.
    private const double BytesPerSecond = 4 << 20;

    /// <summary>Bytes of one piece, where a message holds so many.</summary>
    public static int PieceBytes(int pieces) => Math.Min(PieceBytesMax, PiecesBytesMax / pieces);

    /// <summary>How long a call may take that sends so many bytes.</summary>
    /// <param name="least">How long a call may take that sends none.</param>
    /// <param name="bytes">The bytes.</param>
    public static TimeSpan CallTime(TimeSpan least, long bytes) => least + TimeSpan.FromSeconds(bytes / BytesPerSecond);
}
