namespace Evergrain.Conversations.Records;

/// <summary>
/// The field of a <see cref="TurnStarted"/> that continues its parent's input, without the parent's output. It has no
/// value. It is critical, since a program without it would give the turn another context.
/// </summary>
internal static class ContinuesInputField
{
    private const string Name = "continues_input";

    /// <summary>The fields that a record is written with.</summary>
    /// <param name="record">The record.</param>
    /// <param name="fields">Its other fields.</param>
    public static IReadOnlyList<RecordField> AddTo(Record record, IReadOnlyList<RecordField> fields) =>
        record is TurnStarted { ContinuesInput: true }
            ? [.. fields, new RecordField(Name, RecordField.Critical, default)]
            : fields;

    /// <summary>Reads it; returns the record with it, and the other fields.</summary>
    public static (Record Record, IReadOnlyList<RecordField> Others) TakeFrom(
        Record record, IReadOnlyList<RecordField> fields) =>
        record is TurnStarted started && fields.Any(static field => field.Name == Name)
            ? (started with { ContinuesInput = true }, [.. fields.Where(static field => field.Name != Name)])
            : (record, fields);
}
