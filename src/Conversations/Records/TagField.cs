using System.Buffers.Binary;
using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Records;

/// <summary>
/// The field of a <see cref="TurnStarted"/> that holds the tag of its turn's id: 32 bits, little-endian, at least 1. It
/// is critical, since a program without it would give the turn another id.
/// </summary>
internal static class TagField
{
    private const string Name = "tag";

    /// <summary>The fields that a record is written with.</summary>
    public static IReadOnlyList<RecordField> AddTo(Record record)
    {
        if (record is not TurnStarted { Tag: not 0 } started)
        {
            return record.Fields;
        }

        var value = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(value, started.Tag);
        return [new RecordField(Name, RecordField.Critical, value), .. record.Fields];
    }

    /// <summary>Reads the tag; returns the record with it, and the other fields.</summary>
    /// <exception cref="FormatException">It is no tag.</exception>
    public static (Record Record, IReadOnlyList<RecordField> Others) TakeFrom(
        Record record, IReadOnlyList<RecordField> fields)
    {
        if (record is not TurnStarted started ||
            fields.FirstOrDefault(static field => field.Name == Name) is not { } tag)
        {
            return (record, fields);
        }

        var value = tag.Value.Length == sizeof(int) ? BinaryPrimitives.ReadInt32LittleEndian(tag.Value.Span) : 0;
        return value is > 0 and < TurnId.TagsMax
            ? (started with { Tag = value }, [.. fields.Where(field => field != tag)])
            : throw new FormatException("a turn's tag is none");
    }
}
