using System.Buffers;
using System.Numerics;
using Evergrain.Frontend.Admission;

namespace Evergrain.Frontend.Sockets;

/// <summary>
/// A rented, growing buffer for one message, and what it is charged. Whoever holds it returns both once, by disposing
/// it.
/// </summary>
internal sealed class FrameBuffer(int bytesMax, ByteCharge charge) : IDisposable
{
    // Most frames are a tool result of about 2 KB.
    private const int FirstBytes = 4096;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(FirstBytes);

    /// <summary>What the message holds of the bytes that may be received; its first, small buffer is free.</summary>
    public ByteCharge Charge { get; } = charge;

    public int Length { get; private set; }

    public int Capacity => _bytes.Length;

    /// <summary>Whether <see cref="Free"/> would rent a larger buffer.</summary>
    public bool IsFull => Length == _bytes.Length;

    /// <summary>Bytes of that larger buffer: pools give powers of two.</summary>
    public int LargerCapacity => (int)BitOperations.RoundUpToPowerOf2((uint)LargerBytes);

    public bool IsOverLong => Length > bytesMax;

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Length);

    private int LargerBytes => Math.Min(2 * _bytes.Length, bytesMax + 1);

    /// <summary>Room for at least one byte more.</summary>
    public Memory<byte> Free()
    {
        if (IsFull)
        {
            var larger = ArrayPool<byte>.Shared.Rent(LargerBytes);
            Written.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }

        return _bytes.AsMemory(Length);
    }

    public void Advance(int count) => Length += count;

    /// <summary>Forgets the content of a message that is only consumed, yet still counts its bytes.</summary>
    public Memory<byte> Reuse() => _bytes;

    /// <summary>Gives back all but a small buffer: of the rest of the message only the length counts.</summary>
    public void Shrink()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = ArrayPool<byte>.Shared.Rent(FirstBytes);
        Charge.Dispose();
    }

    public void Dispose()
    {
        Charge.Dispose();
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            (_bytes, Length) = ([], 0);
        }
    }
}
