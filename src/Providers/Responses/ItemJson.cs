using System.Runtime.InteropServices;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Chat;

namespace Evergrain.Providers.Responses;

/// <summary>One part of an item, as its server says it.</summary>
/// <param name="Kind">Which text it holds; 0 for a part that only its server knows.</param>
/// <param name="Text">The inside of its text's JSON string.</param>
/// <param name="Json">
/// The part's own JSON; empty where it says no more than the text, and is written from that.
/// </param>
/// <param name="Logprobs">The log probabilities of its text, a JSON array; empty where it has none.</param>
internal readonly record struct ServerPart(
    PartKind Kind, ReadOnlyMemory<byte> Text, ReadOnlyMemory<byte> Json, ReadOnlyMemory<byte> Logprobs = default);

/// <summary>Reads the items and parts that a Responses server says.</summary>
internal static class ItemJson
{
    private const int PrefixLettersMax = 16;

    // A repeated name would mean one thing to us and another to a client.
    private static readonly JsonDocumentOptions Options = new()
    {
        AllowDuplicateProperties = false, MaxDepth = EventSkim.DepthMax,
    };

    /// <summary>An event as an object that is its own.</summary>
    public static JsonElement Parse(ReadOnlySpan<byte> json) => JsonElement.Parse(json, Options);

    /// <summary>The item of an event.</summary>
    /// <exception cref="FormatException">It is no object with a type.</exception>
    public static JsonElement Item(JsonElement json) => Checked(Member(json, "item"));

    /// <summary>An item that is one.</summary>
    /// <exception cref="FormatException">It is no object with a type.</exception>
    public static JsonElement Checked(JsonElement item) => string.IsNullOrEmpty(Text(item, "type"))
        ? throw new FormatException("the model server sent an item that is no object with a type")
        : item;

    /// <summary>A member; undefined where there is no object, or no such member.</summary>
    public static JsonElement Member(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value : default;

    /// <summary>A member's text; null where it is no string.</summary>
    public static string? Text(JsonElement json, string name) =>
        Member(json, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    /// <summary>The inside of a member's JSON string; empty where it is no string.</summary>
    public static ReadOnlyMemory<byte> Inside(JsonElement json, string name) =>
        Member(json, name) is { ValueKind: JsonValueKind.String } value
            ? JsonMarshal.GetRawUtf8Value(value)[1..^1].ToArray()
            : default;

    public static OutputKind KindOf(string type) => type switch
    {
        "message" => OutputKind.Message,
        "reasoning" => OutputKind.Reasoning,
        "function_call" => OutputKind.FunctionCall,
        "custom_tool_call" => OutputKind.CustomToolCall,
        "compaction" => OutputKind.Compaction,
        _ => OutputKind.Other,
    };

    /// <summary>The letters before an id's first underscore, as ids of items of this kind begin.</summary>
    public static string PrefixOf(string? id)
    {
        var prefix = id?[..Math.Max(0, id.IndexOf('_', StringComparison.Ordinal))] ?? "";
        return prefix.Length is > 0 and <= PrefixLettersMax && prefix.All(char.IsAsciiLetterLower) ? prefix : "item";
    }

    /// <summary>An item as it came, without its id.</summary>
    public static ReadOnlyMemory<byte> WithoutId(JsonElement item) =>
        ItemId.Replace(JsonMarshal.GetRawUtf8Value(item), null);

    /// <summary>Whether an item holds text that could also stream.</summary>
    public static bool HasText(JsonElement item) =>
        Parts(item, "content").Count > 0 || Parts(item, "summary").Count > 0 ||
        !Inside(item, "arguments").IsEmpty || !Inside(item, "input").IsEmpty;

    /// <summary>Whether an item is a function call whose arguments are there and no JSON: they are cut.</summary>
    public static bool IsCutCall(JsonElement item)
    {
        var type = Text(item, "type");
        if (type is "function_call" or "custom_tool_call" && Text(item, "status") == "incomplete")
        {
            return true;
        }

        var spelled = type == "function_call" ? Inside(item, "arguments").Span : default;
        var arguments = new byte[spelled.Length];
        arguments = arguments[..JsonContent.Unescape(spelled, arguments)];
        if (arguments.AsSpan().Trim(" \t\r\n"u8).IsEmpty)
        {
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(arguments);
            reader.Read();
            reader.Skip();
            return reader.Read();
        }
        catch (JsonException)
        {
            return true;
        }
    }

    /// <summary>The parts in one of an item's lists; none where there is no list.</summary>
    public static List<ServerPart> Parts(JsonElement item, string list) =>
        Member(item, list) is { ValueKind: JsonValueKind.Array } parts
            ? [.. parts.EnumerateArray().Select(Part)]
            : [];

    public static ServerPart Part(JsonElement part)
    {
        var kind = Text(part, "type") switch
        {
            "output_text" => PartKind.OutputText,
            "refusal" => PartKind.Refusal,
            "summary_text" => PartKind.SummaryText,
            "reasoning_text" => PartKind.ReasoningText,
            _ => default,
        };
        return new ServerPart(kind, Inside(part, kind == PartKind.Refusal ? "refusal" : "text"),
            kind == default || IsPlain(part) ? default : JsonMarshal.GetRawUtf8Value(part).ToArray(),
            Logprobs(part));
    }

    /// <summary>The <c>logprobs</c> of a part or an event; empty where they are no array, or hold nothing.</summary>
    public static ReadOnlyMemory<byte> Logprobs(JsonElement json) =>
        Member(json, "logprobs") is { ValueKind: JsonValueKind.Array } array && array.GetArrayLength() > 0
            ? JsonMarshal.GetRawUtf8Value(array).ToArray()
            : default;

    /// <summary>An event's members as an object, without those that a stream gives each event of its own.</summary>
    public static ReadOnlyMemory<byte> OwnMembers(JsonElement json)
    {
        var members = new List<byte> { (byte)'{' };
        foreach (var member in json.EnumerateObject())
        {
            if (member.Name is "type" or "sequence_number" or "item_id" or "output_index")
            {
                continue;
            }

            members.AddRange(members.Count > 1 ? ",\""u8 : "\""u8);
            members.AddRange(JsonMarshal.GetRawUtf8PropertyName(member));
            members.AddRange("\":"u8);
            members.AddRange(JsonMarshal.GetRawUtf8Value(member.Value));
        }

        members.Add((byte)'}');
        return members.ToArray();
    }

    private static bool IsPlain(JsonElement part)
    {
        foreach (var member in part.EnumerateObject())
        {
            var isPlain = member.Name switch
            {
                "type" or "text" or "refusal" => true,
                "annotations" or "logprobs" => member.Value.ValueKind == JsonValueKind.Null ||
                    (member.Value.ValueKind == JsonValueKind.Array && member.Value.GetArrayLength() == 0),
                _ => false,
            };
            if (!isPlain)
            {
                return false;
            }
        }

        return true;
    }
}
