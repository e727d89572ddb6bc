using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// A client's idempotency key: the header <c>Idempotency-Key</c>, or the member <c>idempotency_key</c> of a WebSocket
/// create. Every id that a frontend would draw for a create comes from it instead, so that a second try reaches the
/// same conversation and the same turn, through any frontend and after a restart.
/// </summary>
internal static class IdempotencyKey
{
    public const string Header = "Idempotency-Key";
    public const string Member = "idempotency_key";

    // As long as the keys of other APIs may be.
    private const int CharsMax = 255;

    // A tenant is at most 64 characters of ASCII; a key's characters take at most three bytes each.
    private const int TextBytesMax = 128 + (3 * CharsMax);

    /// <summary>Why a key cannot be one; null if it can.</summary>
    public static Refusal? Check(string key) => key.Length is > 0 and <= CharsMax
        ? null
        : new Refusal(RefusalKind.InvalidRequest, $"An idempotency key has 1 to {CharsMax} characters.", Member);

    /// <summary>The ids of a create with a key.</summary>
    /// <param name="tenant">Whose key it is: another tenant's same key is another one.</param>
    /// <param name="key">A key that passed <see cref="Check"/>.</param>
    /// <param name="create">The create's bytes as they came: any other bytes are another request.</param>
    public static KeyedIds Derive(string tenant, string key, ReadOnlySpan<byte> create)
    {
        // No tenant holds a 0, so no two pairs make the same text.
        Span<byte> text = stackalloc byte[TextBytesMax];
        var length = Encoding.UTF8.GetBytes(tenant, text);
        text[length++] = 0;
        length += Encoding.UTF8.GetBytes(key, text[length..]);

        Span<byte> ofKey = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(text[..length], ofKey);
        Span<byte> ofCreate = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(create, ofCreate);
        return new KeyedIds(
            new ConversationId(BinaryPrimitives.ReadUInt128BigEndian(ofKey)),
            new UInt128(BinaryPrimitives.ReadUInt64BigEndian(ofKey[16..]),
                BinaryPrimitives.ReadUInt64BigEndian(ofCreate)));
    }
}

/// <summary>What an idempotency key fixes.</summary>
/// <param name="Conversation">The conversation of a first turn; any other turn is in its parent's.</param>
/// <param name="RequestId">The high half is the key's, the low half the create's.</param>
internal readonly record struct KeyedIds(ConversationId Conversation, UInt128 RequestId);
