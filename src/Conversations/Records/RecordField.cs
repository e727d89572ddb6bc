using System.Buffers;
using System.Buffers.Binary;

namespace Evergrain.Conversations.Records;

/// <summary>An optional field at the end of a record's payload, from format 2 on.</summary>
/// <param name="Name">Its name, 1 to 64 characters; a record holds each name once, and at most 64 fields.</param>
/// <param name="Flags">Bit 0: critical. The other bits are kept and mean nothing yet.</param>
/// <param name="Value">Its bytes; the name says what they mean.</param>
internal sealed record RecordField(string Name, long Flags, ReadOnlyMemory<byte> Value)
{
    /// <summary>The flag of a field without which a record means something else.</summary>
    public const long Critical = 1;

    private const int NameCharsMax = 64;
    private const int CountMax = 64;

    /// <summary>Whether a program that does not know the field must refuse the record.</summary>
    public bool IsCritical => (Flags & Critical) != 0;

    /// <summary>Writes a record's fields behind its payload: number of fields, fields, length of both.</summary>
    public static void WriteAll(IReadOnlyList<RecordField> fields, ArrayBufferWriter<byte> payload)
    {
        var begin = payload.WrittenCount;
        var output = new PayloadWriter(payload);
        output.Number(fields.Count);
        foreach (var field in fields)
        {
            output.Text(field.Name);
            output.Number(field.Flags);
            output.Bytes(field.Value.Span);
        }

        var length = payload.WrittenCount - begin;
        BinaryPrimitives.WriteInt32LittleEndian(payload.GetSpan(sizeof(int)), length);
        payload.Advance(sizeof(int));
    }

    /// <summary>Parts a payload into what stands before the fields, and the fields.</summary>
    /// <exception cref="FormatException">The payload is damaged.</exception>
    public static (ReadOnlyMemory<byte> Before, IReadOnlyList<RecordField> Fields) Split(ReadOnlyMemory<byte> payload)
    {
        var end = payload.Length - sizeof(int);
        var length = end < 0 ? -1 : BinaryPrimitives.ReadInt32LittleEndian(payload.Span[end..]);
        if (length < 1 || length > end)
        {
            throw new FormatException("the payload ends too early for its fields");
        }

        return (payload[..(end - length)], ReadAll(payload[(end - length)..end]));
    }

    private static IReadOnlyList<RecordField> ReadAll(ReadOnlyMemory<byte> table)
    {
        var input = new PayloadReader(table);
        var count = input.Int();
        if (count is < 0 or > CountMax)
        {
            throw new FormatException($"a record has {count} fields, the most is {CountMax}");
        }

        if (count == 0 && input.IsAtEnd)
        {
            return [];
        }

        var fields = new List<RecordField>(count);
        for (; count > 0; count--)
        {
            var field = new RecordField(input.Text(), input.Number(), input.Bytes());
            if (field.Name.Length is 0 or > NameCharsMax || fields.Exists(other => other.Name == field.Name))
            {
                throw new FormatException("a field has no name, a long one, or another field's");
            }

            fields.Add(field);
        }

        return input.IsAtEnd ? fields : throw new FormatException("the fields are longer than they say");
    }
}
