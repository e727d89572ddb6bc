using System.Buffers;

namespace Evergrain.Conversations.Holding;

/// <summary>
/// Arrays of the shared pool, but for large ones, which are left to the collector. The pool keeps for minutes what was
/// given back, one of each size for each thread and more, so a few large requests would hold memory long after them.
/// </summary>
public static class PooledBytes
{
    /// <summary>The longest array that the pool keeps.</summary>
    public const int PooledMax = 256 << 10;

    /// <summary>An array of at least so many bytes, with any content.</summary>
    public static byte[] Rent(int length) => length <= PooledMax
        ? ArrayPool<byte>.Shared.Rent(length)
        : GC.AllocateUninitializedArray<byte>(length);

    /// <summary>Takes an array back, once.</summary>
    public static void Return(byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        if (bytes.Length <= PooledMax)
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }
}
