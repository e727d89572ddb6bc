using System.Buffers.Binary;
using System.Text;

namespace Evergrain.Conversations.Records;

/// <summary>Reads what <see cref="PayloadWriter"/> wrote. Slices share the journal's buffer.</summary>
internal ref struct PayloadReader(ReadOnlyMemory<byte> payload)
{
    private ReadOnlyMemory<byte> _rest = payload;

    public readonly bool IsAtEnd => _rest.IsEmpty;

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

    public int Int() => checked((int)Number());

    public bool Flag() => Number() != 0;

    public ReadOnlyMemory<byte> Bytes() => Take(Int());

    public string Text() => Encoding.UTF8.GetString(Bytes().Span);

    public string? OptionalText() => Flag() ? Text() : null;

    public UInt128 Word128() => BinaryPrimitives.ReadUInt128LittleEndian(Take(16).Span);

    public ReadOnlyMemory<byte> Rest() => Take(_rest.Length);

    private ReadOnlyMemory<byte> Take(int count)
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
