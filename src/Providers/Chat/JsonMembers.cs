using System.Text.Json;

namespace Evergrain.Providers.Chat;

/// <summary>The members of a JSON object as slices of its bytes; made in one pass, nothing is copied.</summary>
internal readonly struct JsonMembers
{
    private readonly List<(ReadOnlyMemory<byte> Name, ReadOnlyMemory<byte> Value)>? _members;

    private JsonMembers(List<(ReadOnlyMemory<byte> Name, ReadOnlyMemory<byte> Value)> members) => _members = members;

    /// <summary>All members, names as the insides of their strings.</summary>
    public IReadOnlyList<(ReadOnlyMemory<byte> Name, ReadOnlyMemory<byte> Value)> All => _members ?? [];

    /// <summary>A member's value; empty where it is missing or null.</summary>
    public ReadOnlyMemory<byte> this[ReadOnlySpan<byte> name]
    {
        get
        {
            foreach (var member in _members ?? [])
            {
                if (JsonContent.ContentIs(member.Name.Span, name))
                {
                    return member.Value.Span[0] == 'n' ? default : member.Value;
                }
            }

            return default;
        }
    }

    /// <summary>Reads a well-formed value; what is no object has no members.</summary>
    public static JsonMembers Of(ReadOnlyMemory<byte> json)
    {
        if (!IsContainer(json, '{'))
        {
            return default;
        }

        var members = new List<(ReadOnlyMemory<byte>, ReadOnlyMemory<byte>)>(8);
        var reader = new Utf8JsonReader(json.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = json.Slice((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length);
            reader.Read();
            members.Add((name, Value(ref reader, json)));
        }

        return new JsonMembers(members);
    }

    /// <summary>The elements of a well-formed array; what is no array has none.</summary>
    public static List<ReadOnlyMemory<byte>> Elements(ReadOnlyMemory<byte> json)
    {
        var elements = new List<ReadOnlyMemory<byte>>();
        if (!IsContainer(json, '['))
        {
            return elements;
        }

        var reader = new Utf8JsonReader(json.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            elements.Add(Value(ref reader, json));
        }

        return elements;
    }

    private static bool IsContainer(ReadOnlyMemory<byte> json, char opening) =>
        !json.IsEmpty && json.Span.TrimStart(" \t\r\n"u8) is [var first, ..] && first == opening;

    private static ReadOnlyMemory<byte> Value(ref Utf8JsonReader reader, ReadOnlyMemory<byte> json)
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return json[start..(int)reader.BytesConsumed];
    }
}
