using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Evergrain.Conversations.Records;

/// <summary>Writes a record's payload: LEB128 numbers, length-prefixed bytes, little-endian words.</summary>
internal readonly ref struct PayloadWriter(IBufferWriter<byte> output)
{
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

    public void Flag(bool value) => Number(value ? 1 : 0);

    public void Bytes(ReadOnlySpan<byte> value)
    {
        Number(value.Length);
        output.Write(value);
    }

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

    public void Word128(UInt128 value)
    {
        BinaryPrimitives.WriteUInt128LittleEndian(output.GetSpan(16), value);
        output.Advance(16);
    }

    /// <summary>Bytes without a length, up to the payload's end.</summary>
    public void Rest(ReadOnlySpan<byte> value) => output.Write(value);
}
