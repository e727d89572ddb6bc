using System.Buffers;

namespace Evergrain.Conversations.Turns;

/// <content>Moving to another process with all that is held here.</content>
public sealed partial class Conversation
{
    /// <summary>
    /// Writes all that this activation holds, unstored turns and renderings too. It changes nothing: whoever moves the
    /// conversation drops this activation.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// It is not at rest (<see cref="IsAtRest"/>), or it is over (<see cref="IsLost"/>, <see cref="IsDeleted"/>).
    /// </exception>
    public void Dehydrate(IBufferWriter<byte> writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        throw new InvalidOperationException("not yet");
    }

    /// <summary>
    /// Takes over what <see cref="Dehydrate"/> wrote, into a new activation before any other input. The host takes the
    /// effects after it.
    /// </summary>
    /// <param name="snapshot">What was written; the conversation keeps it and nobody may write to it again.</param>
    /// <param name="now">The time: leases end when they would have ended, at most one whole lease from now.</param>
    /// <exception cref="FormatException">
    /// It is another conversation's, another version's, or damaged. Nothing was taken over: read the journal instead.
    /// </exception>
    public void Rehydrate(ReadOnlyMemory<byte> snapshot, DateTimeOffset now) =>
        throw new FormatException("not yet");
}
