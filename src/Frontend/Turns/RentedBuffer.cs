using System.Buffers;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// A rented, growing buffer for one message. Whoever holds it returns it once, by disposing it; it is empty then.
/// </summary>
internal sealed class RentedBuffer(int bytesMax) : IDisposable
{
    // Most messages are a tool result of about 2 KB.
    private const int FirstBytes = 4096;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(FirstBytes);

    public int Length { get; private set; }

    public bool IsOverLong => Length > bytesMax;

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Length);

    /// <summary>What was written, for those who take nothing but an array.</summary>
    public ArraySegment<byte> Segment => new(_bytes, 0, Length);

    /// <summary>Room for at least one byte more, and at most one more than allowed: so too long can be told.</summary>
    public Memory<byte> Free()
    {
        if (Length == _bytes.Length)
        {
            Grow(Length + 1);
        }

        return _bytes.AsMemory(Length, (int)Math.Min(_bytes.Length - Length, bytesMax + 1L - Length));
    }

    public void Advance(int count) => Length += count;

    public void Append(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Claim(bytes.Length));

    /// <summary>Counts so many bytes as written; the caller writes them.</summary>
    public Span<byte> Claim(int count)
    {
        if (_bytes.Length - Length < count)
        {
            Grow(Length + count);
        }

        var room = _bytes.AsSpan(Length, count);
        Length += count;
        return room;
    }

    /// <summary>Forgets what was written.</summary>
    public void Clear() => Length = 0;

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

    private void Grow(int least)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(least, (int)Math.Min(2L * _bytes.Length, bytesMax + 1L)));
        Written.CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
    }
}
