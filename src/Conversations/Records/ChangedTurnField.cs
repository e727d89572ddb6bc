using System.Buffers.Binary;

namespace Evergrain.Conversations.Records;

/// <summary>
/// The field of a <see cref="ValueHeld"/> that an ended turn shows from here on in place of the value it began with:
/// the turn's number, 32 bits, little-endian, at least 1. A program without it shows the value that the turn began
/// with, and loses nothing else.
/// </summary>
internal static class ChangedTurnField
{
    private const string Name = "turn";

    /// <summary>The fields that a record is written with.</summary>
    /// <param name="record">The record.</param>
    /// <param name="fields">Its other fields.</param>
    public static IReadOnlyList<RecordField> AddTo(Record record, IReadOnlyList<RecordField> fields)
    {
        if (record is not ValueHeld { Turn: not 0 } changed)
        {
            return fields;
        }

        var value = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(value, changed.Turn);
        return [.. fields, new RecordField(Name, 0, value)];
    }

    /// <summary>Reads it; returns the record with it, and the other fields.</summary>
    /// <exception cref="FormatException">It is no number of a turn.</exception>
    public static (Record Record, IReadOnlyList<RecordField> Others) TakeFrom(
        Record record, IReadOnlyList<RecordField> fields)
    {
        if (record is not ValueHeld held || fields.FirstOrDefault(static field => field.Name == Name) is not { } turn)
        {
            return (record, fields);
        }

        var number = turn.Value.Length == sizeof(int) ? BinaryPrimitives.ReadInt32LittleEndian(turn.Value.Span) : 0;
        return number > 0
            ? (held with { Turn = number }, [.. fields.Where(field => field != turn)])
            : throw new FormatException("a value's turn is none");
    }
}
