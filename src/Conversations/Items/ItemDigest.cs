using System.Buffers;
using System.Security.Cryptography;
using Evergrain.Conversations.Context;

namespace Evergrain.Conversations.Items;

/// <summary>
/// Digests of a context: SHA-256 chained over its items in canonical form. Equal digests mean equal contexts, on
/// every node and at the client (<c>docs/digest.md</c>).
/// </summary>
public static class ItemDigest
{
    /// <summary>Room for an ordinary item, in bytes; it grows with the item.</summary>
    private const int BytesFirst = 4096;

    /// <summary>A longer buffer is left to the collector: no huge item's memory stays in the pool.</summary>
    private const int BytesPooledMax = 1024 * 1024;

    /// <summary>The digest of an empty context: SHA-256 of the ASCII text <c>evergrain:digest:1</c>.</summary>
    public static Digest Root { get; } = Digest.From(SHA256.HashData("evergrain:digest:1"u8));

    /// <summary>The digest after one more item: SHA-256 of the one before and the item's canonical form.</summary>
    /// <param name="previous">The digest before the item; <see cref="Root"/> before the first.</param>
    /// <param name="itemJson">The item in UTF-8, as it came.</param>
    /// <exception cref="Ports.ConversationException">
    /// The item has no canonical form; see
    /// <see cref="CanonicalItem.Write(ReadOnlySpan{byte}, IBufferWriter{byte})"/>.
    /// </exception>
    public static Digest Chain(Digest previous, ReadOnlySpan<byte> itemJson)
    {
        using var tree = ItemTree.Read(itemJson);
        return Chain(previous, tree);
    }

    /// <summary>The same for an item that was read.</summary>
    internal static Digest Chain(Digest previous, ItemTree item)
    {
        using var buffer = new RentedBuffer(BytesFirst);
        buffer.Write(previous.AsSpan());
        CanonicalItem.Write(item, buffer);
        Span<byte> hash = stackalloc byte[Digest.Size];
        SHA256.HashData(buffer.Written, hash);
        return Digest.From(hash);
    }

    private sealed class RentedBuffer(int length) : IBufferWriter<byte>, IDisposable
    {
        private byte[] _bytes = ArrayPool<byte>.Shared.Rent(length);
        private int _count;

        public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _count);

        public void Advance(int count) => _count += count;

        public Memory<byte> GetMemory(int sizeHint = 0)
        {
            Reserve(Math.Max(sizeHint, 1));
            return _bytes.AsMemory(_count);
        }

        public Span<byte> GetSpan(int sizeHint = 0)
        {
            Reserve(Math.Max(sizeHint, 1));
            return _bytes.AsSpan(_count);
        }

        public void Dispose() => Return(_bytes);

        private static void Return(byte[] bytes)
        {
            if (bytes.Length <= BytesPooledMax)
            {
                ArrayPool<byte>.Shared.Return(bytes);
            }
        }

        private void Reserve(int room)
        {
            if (_bytes.Length - _count >= room)
            {
                return;
            }

            var larger = Math.Max(_bytes.Length * 2, _count + room);
            var grown = larger <= BytesPooledMax ? ArrayPool<byte>.Shared.Rent(larger) : new byte[larger];
            Written.CopyTo(grown);
            Return(_bytes);
            _bytes = grown;
        }
    }
}
