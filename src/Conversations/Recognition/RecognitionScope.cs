using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Evergrain.Conversations.Context;

namespace Evergrain.Conversations.Recognition;

/// <summary>
/// Who may meet in one conversation: creates of one tenant with the same <c>safety_identifier</c> and <c>user</c>. It
/// makes the key of a history from the digest of its items. Unstored turns have keys of their own.
/// </summary>
/// <remarks>
/// The digest is that of <c>docs/digest.md</c>. It leaves out what clients change when they send items back. A key that
/// leaves out more would find histories that the digest then refuses.
/// </remarks>
internal readonly struct RecognitionScope
{
    private readonly Digest _scope;

    private RecognitionScope(Digest scope) => _scope = scope;

    /// <summary>Tells it from others.</summary>
    public Digest Id => _scope;

    /// <summary>The scope of a create.</summary>
    /// <param name="tenant">The tenant.</param>
    /// <param name="safetyIdentifier">The field's JSON as it came; empty where the create has none.</param>
    /// <param name="user">The same of <c>user</c>.</param>
    /// <param name="isStored">Whether its keys are those of stored turns.</param>
    public static RecognitionScope Of(
        string tenant, ReadOnlyMemory<byte> safetyIdentifier, ReadOnlyMemory<byte> user, bool isStored)
    {
        var bytes = new ArrayBufferWriter<byte>(256);
        bytes.Write(isStored ? "evergrain:recognition:1"u8 : "evergrain:recognition:unstored"u8);
        Write(bytes, Encoding.UTF8.GetBytes(tenant));
        Write(bytes, safetyIdentifier.Span);
        Write(bytes, user.Span);
        return new RecognitionScope(Hash(bytes.WrittenSpan));
    }

    /// <summary>The key of the items up to a place whose digest is given.</summary>
    public Digest KeyOf(Digest context)
    {
        Span<byte> bytes = stackalloc byte[2 * Digest.Size];
        _scope.AsSpan().CopyTo(bytes);
        context.AsSpan().CopyTo(bytes[Digest.Size..]);
        return Hash(bytes);
    }

    private static Digest Hash(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[Digest.Size];
        SHA256.HashData(bytes, hash);
        return Digest.From(hash);
    }

    // With its length before it, so that no two scopes are the same bytes.
    private static void Write(ArrayBufferWriter<byte> bytes, ReadOnlySpan<byte> part)
    {
        BinaryPrimitives.WriteInt32LittleEndian(bytes.GetSpan(sizeof(int)), part.Length);
        bytes.Advance(sizeof(int));
        bytes.Write(part);
    }
}
