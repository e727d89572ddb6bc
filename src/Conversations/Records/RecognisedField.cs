namespace Evergrain.Conversations.Records;

/// <summary>
/// The field of a <see cref="TurnStarted"/> whose parent the server found by the history that the client sent. It has
/// no value. A program without it shows the parent's id in the response, and loses nothing else.
/// </summary>
internal static class RecognisedField
{
    private const string Name = "recognised";

    /// <summary>The fields that a record is written with.</summary>
    /// <param name="record">The record.</param>
    /// <param name="fields">Its other fields.</param>
    public static IReadOnlyList<RecordField> AddTo(Record record, IReadOnlyList<RecordField> fields) =>
        record is TurnStarted { IsRecognised: true } ? [.. fields, new RecordField(Name, 0, default)] : fields;

    /// <summary>Reads it; returns the record with it, and the other fields.</summary>
    public static (Record Record, IReadOnlyList<RecordField> Others) TakeFrom(
        Record record, IReadOnlyList<RecordField> fields) =>
        record is TurnStarted started && fields.Any(static field => field.Name == Name)
            ? (started with { IsRecognised = true }, [.. fields.Where(static field => field.Name != Name)])
            : (record, fields);
}
