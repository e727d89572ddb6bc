namespace Evergrain.Conversations.Context;

/// <summary>
/// A create's parameters: everything that is not context. Values are the exact JSON that came, held once per distinct
/// value and conversation.
/// </summary>
public sealed class Parameters
{
    private const string Metadata = "metadata";

    private static readonly HeldValue NoMetadata = new(-1, Metadata, "{}"u8.ToArray(), "{}"u8.ToArray());

    private readonly HeldValue[] _values;

    internal Parameters(HeldValue[] values) => _values = values;

    /// <summary>Every field that the create had, with its value's exact JSON in UTF-8.</summary>
    public IEnumerable<(string Field, ReadOnlyMemory<byte> Json)> All =>
        _values.Select(static value => (value.Field, value.Json));

    /// <summary>The held values, in the order of their fields.</summary>
    internal ReadOnlySpan<HeldValue> Values => _values;

    /// <summary>The numbers of the values in the journal.</summary>
    internal IReadOnlyList<int> Numbers => Array.ConvertAll(_values, value => value.Number);

    /// <summary>The JSON of a field, if the create had it.</summary>
    /// <param name="field">The field's name: <c>tools</c>, <c>instructions</c>, <c>temperature</c>…</param>
    /// <param name="json">Its value's exact JSON in UTF-8.</param>
    public bool TryGet(string field, out ReadOnlyMemory<byte> json)
    {
        foreach (var value in _values)
        {
            if (value.Field == field)
            {
                json = value.Json;
                return true;
            }
        }

        json = default;
        return false;
    }

    /// <summary>
    /// The same with the metadata that a client changed later. It replaces the create's own; see <see cref="With"/>.
    /// </summary>
    internal Parameters Changed =>
        _values is [.., { Field: Metadata }] && Array.FindIndex(_values, IsMetadata) < _values.Length - 1
            ? new([.. _values.Where(static value => !IsMetadata(value)), _values[^1]])
            : this;

    /// <summary>
    /// Adds other metadata behind what the create had, in place of an earlier change. The create's own metadata stays
    /// first, empty where it had none: events are made again as they were sent.
    /// </summary>
    internal Parameters With(HeldValue metadata)
    {
        var first = Array.Find(_values, IsMetadata) ?? NoMetadata;
        return new([.. _values.Where(static value => !IsMetadata(value)), first, metadata]);
    }

    /// <summary>The tools that the create declares.</summary>
    internal DeclaredTools Tools => ToolsOf(_values);

    /// <summary>The tools that some values declare.</summary>
    internal static DeclaredTools ToolsOf(IEnumerable<HeldValue> values) =>
        values.FirstOrDefault(static value => value.Field == "tools")?.Tools ?? DeclaredTools.None;

    private static bool IsMetadata(HeldValue value) => value.Field == Metadata;

    /// <summary>What response objects say of a field; empty where the create did not have it.</summary>
    internal ReadOnlyMemory<byte> Echo(string field)
    {
        foreach (var value in _values)
        {
            if (value.Field == field)
            {
                return value.Echo;
            }
        }

        return default;
    }
}

/// <summary>One distinct value of one parameter field.</summary>
/// <param name="Number">Its number in the conversation's journal, from 0; -1 while only unstored turns use it.</param>
/// <param name="Field">The field.</param>
/// <param name="Json">The value's exact JSON.</param>
/// <param name="Echo">What response objects say: the value with the schema's defaults filled in.</param>
internal sealed record HeldValue(int Number, string Field, ReadOnlyMemory<byte> Json, ReadOnlyMemory<byte> Echo)
{
    /// <summary>Of the field <c>tools</c>: what it declares, read when it is first asked for.</summary>
    public DeclaredTools Tools => field ??= DeclaredTools.Read(Json);
}
