using System.Text.Json;
using Evergrain.Conversations;
using Evergrain.Conversations.Ports;

namespace Evergrain.Frontend.Completions;

/// <summary>
/// The members of a JSON object that a table names, as slices of its bytes. Nothing is copied, and other members are
/// skipped.
/// </summary>
internal readonly struct JsonSlots
{
    // An event holds a response, which holds parameters of a create's depth.
    private static readonly JsonReaderOptions Options = new() { MaxDepth = Limits.JsonDepthMax + 4 };

    private readonly string[] _names;
    private readonly ReadOnlyMemory<byte>[] _values;

    private JsonSlots(string[] names) => (_names, _values) = (names, new ReadOnlyMemory<byte>[names.Length]);

    /// <summary>The JSON of a member of the table; empty where the member is missing or null.</summary>
    public ReadOnlyMemory<byte> this[string name]
    {
        get
        {
            var value = _values[Array.IndexOf(_names, name)];
            return !value.IsEmpty && value.Span[0] == 'n' ? default : value;
        }
    }

    /// <summary>Whether a member is there, null or not.</summary>
    public bool Has(string name) => !_values[Array.IndexOf(_names, name)].IsEmpty;

    /// <summary>Reads a well-formed value.</summary>
    /// <param name="json">The value.</param>
    /// <param name="names">The members that are wanted.</param>
    /// <param name="path">Where it stands, for refusals.</param>
    /// <exception cref="ConversationException">It is no object, or has one of the members twice.</exception>
    public static JsonSlots Read(ReadOnlyMemory<byte> json, string[] names, string path)
    {
        var reader = new Utf8JsonReader(json.Span, Options);
        reader.Read();
        return Read(ref reader, json, names, path);
    }

    /// <summary>Reads the value that a reader stands on, and leaves the reader on its end.</summary>
    /// <param name="reader">The reader.</param>
    /// <param name="json">All that the reader reads.</param>
    /// <param name="names">The members that are wanted.</param>
    /// <param name="path">Where the value stands, for refusals.</param>
    /// <exception cref="ConversationException">It is no object, or has one of the members twice.</exception>
    public static JsonSlots Read(
        ref Utf8JsonReader reader, ReadOnlyMemory<byte> json, string[] names, string path)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw path.Length == 0
                ? CompletionRefusals.Invalid("The request must be a JSON object.", null)
                : CompletionRefusals.Invalid($"'{path}' must be an object.", path);
        }

        var slots = new JsonSlots(names);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var at = Find(ref reader, names);
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (at >= 0)
            {
                slots.Put(at, json[start..(int)reader.BytesConsumed], path);
            }
        }

        return slots;
    }

    /// <summary>The text of a string; null where the value is none.</summary>
    /// <exception cref="InvalidOperationException">It holds an unpaired surrogate.</exception>
    public static string? TextOf(ReadOnlyMemory<byte> value)
    {
        if (!IsString(value))
        {
            return null;
        }

        var reader = new Utf8JsonReader(value.Span);
        reader.Read();
        return reader.GetString();
    }

    /// <summary>Whether a value is a string.</summary>
    public static bool IsString(ReadOnlyMemory<byte> value) => !value.IsEmpty && value.Span[0] == '"';

    /// <summary>Whether a value is an array.</summary>
    public static bool IsArray(ReadOnlyMemory<byte> value) => !value.IsEmpty && value.Span[0] == '[';

    /// <summary>Whether a value is <c>true</c>.</summary>
    public static bool IsTrue(ReadOnlyMemory<byte> value) => !value.IsEmpty && value.Span[0] == 't';

    private static int Find(ref Utf8JsonReader reader, string[] names)
    {
        for (var i = 0; i < names.Length; i++)
        {
            if (reader.ValueTextEquals(names[i]))
            {
                return i;
            }
        }

        return -1;
    }

    private void Put(int at, ReadOnlyMemory<byte> value, string path)
    {
        if (!_values[at].IsEmpty)
        {
            var name = path.Length == 0 ? _names[at] : $"{path}.{_names[at]}";
            throw CompletionRefusals.Invalid($"'{name}' is there twice.", name);
        }

        _values[at] = value;
    }
}
