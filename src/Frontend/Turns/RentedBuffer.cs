using System.Numerics;
using Evergrain.Conversations.Holding;
using Evergrain.Frontend.Admission;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// A rented, growing buffer for one message, and what it is charged for it, if anything. Whoever holds it returns both
/// once, by disposing it; it is empty then.
/// </summary>
internal sealed class RentedBuffer(int bytesMax, ByteCharge? charge = null, int beside = 0) : IDisposable
{
    // Most messages are a tool result of about 2 KB.
    private const int FirstBytes = 4096;

    // A message that says how long it is must have sent this part of it before it gets room for all.
    private const int ExpectedPart = 8;

    private byte[] _bytes = PooledBytes.Rent(FirstBytes);

    public int Length { get; private set; }

    /// <summary>How long the message says that it is, in bytes; 0: it says nothing.</summary>
    public long Expected { get; init; }

    /// <summary>Whether <see cref="Free"/> would rent a larger buffer.</summary>
    public bool IsFull => Length == _bytes.Length;

    public bool IsOverLong => Length > bytesMax;

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Length);

    /// <summary>How long it has waited for room.</summary>
    public TimeSpan Waited => charge?.Waited ?? TimeSpan.Zero;

    /// <summary>
    /// Charges what holding so many bytes takes, as soon as there is room. The first, small buffer is free until this
    /// is called.
    /// </summary>
    /// <exception cref="Conversations.Ports.ConversationException">There was no room in time.</exception>
    public ValueTask ReserveAsync(int length, CancellationToken cancellationToken) =>
        charge?.GrowAsync(beside + (long)CapacityFor(length), cancellationToken) ?? ValueTask.CompletedTask;

    /// <summary>Waits, where so many more bytes take a larger buffer, until there is room for it.</summary>
    /// <exception cref="Conversations.Ports.ConversationException">There was no room in time.</exception>
    public ValueTask MakeRoomAsync(int more, CancellationToken cancellationToken) => _bytes.Length - Length < more
        ? ReserveAsync(Length + more, cancellationToken)
        : ValueTask.CompletedTask;

    /// <summary>Gives back what was charged: the bytes stay with whoever still writes into them.</summary>
    public void Discharge() => charge?.Dispose();

    /// <summary>
    /// A second buffer on the same charge, which then counts both; it keeps doing so when this one is surrendered.
    /// </summary>
    public RentedBuffer Beside() => new(bytesMax, charge, _bytes.Length);

    /// <summary>Gives the memory back and leaves what was charged for it to the buffer beside it.</summary>
    public void Surrender()
    {
        if (_bytes.Length > 0)
        {
            PooledBytes.Return(_bytes);
            (_bytes, Length) = ([], 0);
        }
    }

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

    /// <summary>Gives back all but a small buffer: of the rest of the message only the length counts.</summary>
    public void Shrink()
    {
        PooledBytes.Return(_bytes);
        _bytes = PooledBytes.Rent(FirstBytes);
        Discharge();
    }

    public void Dispose()
    {
        Discharge();
        Surrender();
    }

    private int CapacityFor(int length)
    {
        if (length <= _bytes.Length)
        {
            return _bytes.Length;
        }

        // The pool gives powers of two.
        var larger = Larger(length);
        return larger <= PooledBytes.PooledMax ? (int)BitOperations.RoundUpToPowerOf2((uint)larger) : larger;
    }

    // Arrays that the pool does not keep are made once rather than for each doubling.
    private int Larger(int least)
    {
        var part = _bytes.Length < PooledBytes.PooledMax ? 0 : (long)ExpectedPart * _bytes.Length;
        var expected = Math.Min(Expected, part);
        return Math.Max(least, (int)Math.Min(Math.Max(2L * _bytes.Length, expected), bytesMax + 1L));
    }

    private void Grow(int least)
    {
        var larger = PooledBytes.Rent(Larger(least));
        Written.CopyTo(larger);
        PooledBytes.Return(_bytes);
        _bytes = larger;
    }
}
