using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;

namespace Evergrain.Grains.Calls;

/// <summary>Bytes on their way between processes; co-hosted callers share them.</summary>
/// <remarks>
/// Orleans writes a <see cref="ReadOnlyMemory{T}"/> of bytes as it is where it is a member. Where it is an element of
/// an array or a type argument, each byte goes as a field of its own: two bytes for one, and fifty times the work.
/// </remarks>
/// <param name="Bytes">The bytes; nobody writes to them any more.</param>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.Payload")]
public readonly record struct Payload([property: Id(0)] ReadOnlyMemory<byte> Bytes)
{
    /// <summary>An answer for one message; one that no message may hold is refused.</summary>
    internal static Answer<Payload> Wrap(Answer<ReadOnlyMemory<byte>> answer) =>
        answer.Value.Length > MessageBounds.AnswerBytesMax
            ? Answer.Refused<Payload>(TooLarge("The answer", answer.Value.Length, MessageBounds.AnswerBytesMax))
            : new(answer.Kind, new Payload(answer.Value), answer.Refusal);

    internal static Answer<ReadOnlyMemory<byte>> Unwrap(Answer<Payload> answer) =>
        new(answer.Kind, answer.Value.Bytes, answer.Refusal);

    internal static Payload[] Wrap(IReadOnlyList<ReadOnlyMemory<byte>> pieces)
    {
        var wrapped = new Payload[pieces.Count];
        for (var i = 0; i < wrapped.Length; i++)
        {
            wrapped[i] = new Payload(pieces[i]);
        }

        return wrapped;
    }

    internal static ReadOnlyMemory<byte>[] Unwrap(Payload[] wrapped)
    {
        var pieces = new ReadOnlyMemory<byte>[wrapped.Length];
        for (var i = 0; i < pieces.Length; i++)
        {
            pieces[i] = wrapped[i].Bytes;
        }

        return pieces;
    }

    /// <summary>Bytes in the order of their pieces, each of which fits into a message.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="pieceBytes">Bytes of a piece; 0: they go whole.</param>
    internal static IEnumerable<Payload> Cut(ReadOnlyMemory<byte> bytes, int pieceBytes)
    {
        for (; pieceBytes > 0 && bytes.Length > pieceBytes; bytes = bytes[pieceBytes..])
        {
            yield return new Payload(bytes[..pieceBytes]);
        }

        yield return new Payload(bytes);
    }

    /// <summary>Why something does not go to another process.</summary>
    internal static Refusal TooLarge(string what, long bytes, int bytesMax) => new(RefusalKind.TooLarge,
        $"{what} has {bytes} bytes, and at most {bytesMax} go between the processes of a cluster.");
}
