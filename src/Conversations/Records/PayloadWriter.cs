using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Evergrain.Conversations.Records;

/// <summary>
/// Writes a payload of a record, a snapshot or a state: LEB128 numbers, length-prefixed bytes, little-endian words.
/// </summary>
/// <param name="output">Where it goes.</param>
public readonly ref struct PayloadWriter(IBufferWriter<byte> output)
{
    /// <summary>A number of 64 bits; a small one takes one byte.</summary>
    public void Number(long value)
    {
        var rest = (ulong)value;
        var span = output.GetSpan(10);
        var count = 0;
        while (rest >= 0x80)
        {
            span[count++] = (byte)(rest | 0x80);
            rest >>= 7;
        }

        span[count++] = (byte)rest;
        output.Advance(count);
    }

    /// <summary>A flag.</summary>
    public void Flag(bool value) => Number(value ? 1 : 0);

    /// <summary>Bytes with their length before them.</summary>
    public void Bytes(ReadOnlySpan<byte> value)
    {
        Number(value.Length);
        output.Write(value);
    }

    /// <summary>A text, as UTF-8.</summary>
    public void Text(string value) => Bytes(Encoding.UTF8.GetBytes(value));

    /// <summary>A text that may be missing: absence is its own mark, an empty text is a text.</summary>
    public void OptionalText(string? value)
    {
        Flag(value is not null);
        if (value is not null)
        {
            Text(value);
        }
    }

    /// <summary>A word of 128 bits.</summary>
    public void Word128(UInt128 value)
    {
        BinaryPrimitives.WriteUInt128LittleEndian(output.GetSpan(16), value);
        output.Advance(16);
    }

    /// <summary>Bytes without a length, up to the payload's end.</summary>
    public void Rest(ReadOnlySpan<byte> value) => output.Write(value);
}
