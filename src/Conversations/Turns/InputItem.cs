using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Turns;

/// <summary>What a new input item says of itself, read once and checked.</summary>
/// <remarks>
/// Known types must have the members that make them what they are; unknown types pass as they are, verbatim.
/// Source: OpenAI's OpenAPI file 2.3.0, InputItem.
/// </remarks>
internal sealed class InputItem
{
    private static readonly JsonReaderOptions ReaderOptions = new() { MaxDepth = Limits.JsonDepthMax };
    private readonly Dictionary<string, JsonTokenType> _members = new(StringComparer.Ordinal);
    private readonly string _path;

    private InputItem(string path) => _path = path;

    public string Type { get; private set; } = string.Empty;

    public ItemRole Role { get; private set; }

    public string? Id { get; private set; }

    public string? CallId { get; private set; }

    /// <summary>Reads and checks one item.</summary>
    /// <param name="json">Its JSON object, well-formed.</param>
    /// <param name="path">Where it stands in the request, for refusals: <c>input[3]</c>.</param>
    /// <exception cref="ConversationException">A member is missing or of the wrong type.</exception>
    public static InputItem Read(ReadOnlySpan<byte> json, string path)
    {
        var item = new InputItem(path);
        var reader = new Utf8JsonReader(json, ReaderOptions);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            item.ReadMember(ref reader);
        }

        item.Complete();
        item.Check();
        return item;
    }

    private void ReadMember(ref Utf8JsonReader reader)
    {
        var name = NameOf(ref reader);
        reader.Read();
        _members[name] = reader.TokenType;
        switch (name)
        {
            case "type" when reader.TokenType != JsonTokenType.Null:
                var type = Text(ref reader, name);
                Type = string.IsInterned(type) ?? type;
                break;
            case "role":
                Role = Text(ref reader, name) switch
                {
                    "user" => ItemRole.User,
                    "assistant" => ItemRole.Assistant,
                    "system" => ItemRole.System,
                    "developer" => ItemRole.Developer,
                    _ => ItemRole.None,
                };
                break;
            case "id" when reader.TokenType == JsonTokenType.String:
                Id = Text(ref reader, name);
                break;
            case "call_id" when reader.TokenType == JsonTokenType.String:
                CallId = Text(ref reader, name);
                break;
            default:
                reader.Skip();
                break;
        }
    }

    // A name with an unpaired surrogate is none that we know; any text that is no known name will do.
    private static string NameOf(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            return string.Empty;
        }
    }

    private string Text(ref Utf8JsonReader reader, string name)
    {
        try
        {
            return reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw Wrong(name, "a string");
        }
        catch (InvalidOperationException)
        {
            throw Wrong(name, "a string of Unicode characters");
        }
    }

    private void Complete()
    {
        if (Type.Length > 0)
        {
            return;
        }

        // Source: protocol: an easy message has a role and no type; a reference may have neither.
        Type = (_members.ContainsKey("role"), Id) switch
        {
            (true, _) => "message",
            (_, not null) => "item_reference",
            _ => throw Wrong("type", "a string"),
        };
    }

    private void Check()
    {
        switch (Type)
        {
            case "message":
                CheckMessage();
                break;
            case "function_call":
                NeedCallId();
                Need("name", JsonTokenType.String);
                Need("arguments", JsonTokenType.String);
                break;
            case "custom_tool_call":
                NeedCallId();
                Need("name", JsonTokenType.String);
                Need("input", JsonTokenType.String);
                break;
            case "function_call_output" or "custom_tool_call_output":
                NeedCallId();
                Need("output", JsonTokenType.String, JsonTokenType.StartArray);
                break;
            case "reasoning":
                Need("summary", JsonTokenType.StartArray);
                break;
            case "item_reference":
                Need("id", JsonTokenType.String);
                break;
            case "compaction":
                Need("encrypted_content", JsonTokenType.String);
                break;
        }
    }

    private void CheckMessage()
    {
        Need("content", JsonTokenType.String, JsonTokenType.StartArray);
        if (Role == ItemRole.None)
        {
            throw Wrong("role", "user, assistant, system or developer");
        }
    }

    private void NeedCallId()
    {
        Need("call_id", JsonTokenType.String);
        if (CallId!.Length is 0 or > Limits.CallIdCharsMax)
        {
            throw Wrong("call_id", $"a string of 1 to {Limits.CallIdCharsMax} characters");
        }
    }

    private void Need(string name, JsonTokenType type, JsonTokenType? orType = null)
    {
        if (!_members.TryGetValue(name, out var found))
        {
            throw ConversationException.Of(
                RefusalKind.MissingField, $"'{_path}.{name}' is missing.", $"{_path}.{name}");
        }

        if (found != type && found != orType)
        {
            throw Wrong(name, (type, orType) switch
            {
                (JsonTokenType.String, null) => "a string",
                (JsonTokenType.String, _) => "a string or an array",
                _ => "an array",
            });
        }
    }

    private ConversationException Wrong(string name, string what) => ConversationException.Of(
        RefusalKind.InvalidRequest, $"'{_path}.{name}' must be {what}.", $"{_path}.{name}");
}
