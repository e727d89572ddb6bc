using System.Buffers;

namespace Evergrain.Frontend.Sockets;

/// <summary>A rented, growing buffer for one message. Whoever holds it returns it once, by disposing it.</summary>
internal sealed class FrameBuffer(int bytesMax) : IDisposable
{
    // Most frames are a tool result of about 2 KB.
    private const int FirstBytes = 4096;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(FirstBytes);

    public int Length { get; private set; }

    public bool IsOverLong => Length > bytesMax;

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Length);

    /// <summary>Room for at least one byte more.</summary>
    public Memory<byte> Free()
    {
        if (Length == _bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Min(2 * _bytes.Length, bytesMax + 1));
            Written.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }

        return _bytes.AsMemory(Length);
    }

    public void Advance(int count) => Length += count;

    /// <summary>Forgets the content of a message that is only consumed, yet still counts its bytes.</summary>
    public Memory<byte> Reuse() => _bytes;

    public void Dispose()
    {
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            (_bytes, Length) = ([], 0);
        }
    }
}
