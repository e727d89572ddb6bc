using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Evergrain.Conversations.Recognition;

/// <summary>What a client called its chat, as 64 bits: see <see cref="Ports.HistoryMark.Hint"/>.</summary>
internal static class HistoryHint
{
    /// <summary>The hint of a create: its <c>prompt_cache_key</c>, or else its session.</summary>
    /// <param name="promptCacheKey">The field's JSON as it came; empty where the create has none.</param>
    /// <param name="session">The hint of its session.</param>
    public static ulong Of(ReadOnlyMemory<byte> promptCacheKey, ulong session) =>
        promptCacheKey.IsEmpty || promptCacheKey.Span.SequenceEqual("null"u8) ? session : Hash(promptCacheKey.Span);

    /// <summary>The hint of a session; 0 where there is none.</summary>
    public static ulong OfSession(string? session) =>
        string.IsNullOrEmpty(session) ? 0 : Hash(Encoding.UTF8.GetBytes(session));

    private static ulong Hash(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);

        // 0 stands for none.
        return BinaryPrimitives.ReadUInt64LittleEndian(hash) | 1;
    }
}
