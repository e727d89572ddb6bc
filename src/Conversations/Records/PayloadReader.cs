using System.Buffers.Binary;
using System.Text;

namespace Evergrain.Conversations.Records;

/// <summary>
/// Reads what <see cref="PayloadWriter"/> wrote, in the same order. Slices share the buffer. What does not fit is a
/// <see cref="FormatException"/>, or an <see cref="OverflowException"/> where a number is too large.
/// </summary>
/// <param name="payload">What was written.</param>
public ref struct PayloadReader(ReadOnlyMemory<byte> payload)
{
    private ReadOnlyMemory<byte> _rest = payload;

    /// <summary>Whether all was read.</summary>
    public readonly bool IsAtEnd => _rest.IsEmpty;

    /// <summary>Bytes that are left to read.</summary>
    public readonly int Left => _rest.Length;

    /// <summary>A number of 64 bits.</summary>
    public long Number()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = Take(1).Span[0];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return (long)value;
            }
        }

        throw new FormatException("a number runs over 64 bits");
    }

    /// <summary>A number of 32 bits.</summary>
    public int Int() => checked((int)Number());

    /// <summary>A flag.</summary>
    public bool Flag() => Number() != 0;

    /// <summary>
    /// How many things follow that take <paramref name="bytesEach"/> at least: so damage cannot ask for much memory.
    /// </summary>
    public int Count(int bytesEach = 1)
    {
        var count = Number();
        return count >= 0 && count <= Left / bytesEach
            ? (int)count
            : throw new FormatException("the payload counts more than it can hold");
    }

    /// <summary>Bytes with their length before them.</summary>
    public ReadOnlyMemory<byte> Bytes() => Take(Int());

    /// <summary>A text.</summary>
    public string Text() => Encoding.UTF8.GetString(Bytes().Span);

    /// <summary>A text, or null where there is none.</summary>
    public string? OptionalText() => Flag() ? Text() : null;

    /// <summary>A word of 128 bits.</summary>
    public UInt128 Word128() => BinaryPrimitives.ReadUInt128LittleEndian(Take(16).Span);

    /// <summary>All that is left.</summary>
    public ReadOnlyMemory<byte> Rest() => Take(_rest.Length);

    /// <summary>So many bytes.</summary>
    public ReadOnlyMemory<byte> Take(int count)
    {
        if (count < 0 || count > _rest.Length)
        {
            throw new FormatException("the payload ends too early");
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
