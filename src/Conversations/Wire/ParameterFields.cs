using System.Collections.Frozen;
using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Wire;

/// <summary>What a parameter's value must be.</summary>
internal enum ParameterShape
{
    Text,
    TextOrObject,
    Flag,
    Number,
    Integer,
    Object,
    Array,
}

/// <summary>One field of a create that is kept as a parameter.</summary>
/// <param name="Name">Its name on the wire.</param>
/// <param name="Shape">What its value must be; null is always allowed and counts as absent.</param>
internal sealed record ParameterField(string Name, ParameterShape Shape)
{
    /// <summary>What a response object says where the create said nothing; null: the member is left out.</summary>
    public string? Default { get; init; }

    /// <summary>Whether response objects say it.</summary>
    public bool IsEchoed { get; init; } = true;

    /// <summary>Least value of a number, least length of a text.</summary>
    public double Least { get; init; } = double.MinValue;

    /// <summary>Greatest value of a number, greatest length of a text, most members of an object.</summary>
    public double Most { get; init; } = double.MaxValue;

    /// <summary>The name in UTF-8.</summary>
    public byte[] NameBytes { get; } = System.Text.Encoding.UTF8.GetBytes(Name);

    /// <summary>The default in UTF-8; empty where there is none.</summary>
    public byte[] DefaultBytes => field ??= System.Text.Encoding.UTF8.GetBytes(Default ?? string.Empty);

    /// <summary>Refuses a value that is not what the field takes.</summary>
    /// <exception cref="ConversationException">It is not; the refusal names the field.</exception>
    public void Validate(JsonElement value)
    {
        var isValid = Shape switch
        {
            ParameterShape.Text => value.ValueKind == JsonValueKind.String &&
                (!IsBounded || IsWithin(value.GetString()!.Length)),
            ParameterShape.TextOrObject => value.ValueKind is JsonValueKind.String or JsonValueKind.Object,
            ParameterShape.Flag => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
            ParameterShape.Number => value.ValueKind == JsonValueKind.Number && IsWithin(value.GetDouble()),
            ParameterShape.Integer => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var whole) &&
                IsWithin(whole),
            ParameterShape.Object => value.ValueKind == JsonValueKind.Object && IsWithin(value.GetPropertyCount()),
            _ => value.ValueKind == JsonValueKind.Array,
        };
        if (!isValid)
        {
            throw ConversationException.Of(RefusalKind.InvalidRequest, $"'{Name}' must be {Words()}.", Name);
        }
    }

    private bool IsBounded => Least > double.MinValue || Most < double.MaxValue;

    private bool IsWithin(double value) => value >= Least && value <= Most;

    private string Words()
    {
        var kind = Shape switch
        {
            ParameterShape.Text => "a string",
            ParameterShape.TextOrObject => "a string or an object",
            ParameterShape.Flag => "true or false",
            ParameterShape.Number => "a number",
            ParameterShape.Integer => "a whole number",
            ParameterShape.Object => "an object",
            _ => "an array",
        };
        var what = Shape switch
        {
            ParameterShape.Text => " characters",
            ParameterShape.Object => " members",
            _ => string.Empty,
        };
        return (Least > double.MinValue, Most < double.MaxValue) switch
        {
            (true, true) => $"{kind} from {Least} to {Most}{what}",
            (true, false) => $"{kind} of at least {Least}{what}",
            (false, true) => $"{kind} of at most {Most}{what}",
            _ => kind,
        };
    }
}

/// <summary>
/// Every field of a create that is kept. Others are tolerated and dropped: no response echoes them, no backend reads
/// them. Source: OpenAI's OpenAPI file 2.3.0, CreateResponse, and Open Responses' ResponseResource.
/// </summary>
internal static class ParameterFields
{
    /// <summary>All fields, in the order in which response objects name them.</summary>
    public static readonly ParameterField[] All =
    [
        new("background", ParameterShape.Flag) { Default = "false" },
        new("model", ParameterShape.Text) { Least = 1, Most = 256 },
        new("instructions", ParameterShape.Text) { Default = "null" },
        new("tools", ParameterShape.Array) { Default = "[]" },
        new("tool_choice", ParameterShape.TextOrObject) { Default = "\"auto\"" },
        new("parallel_tool_calls", ParameterShape.Flag) { Default = "true" },
        new("truncation", ParameterShape.Text) { Default = "\"disabled\"" },
        new("text", ParameterShape.Object) { Default = """{"format":{"type":"text"}}""" },
        new("reasoning", ParameterShape.Object) { Default = """{"effort":null,"summary":null}""" },
        new("temperature", ParameterShape.Number) { Default = "1", Least = 0, Most = 2 },
        new("top_p", ParameterShape.Number) { Default = "1", Least = 0, Most = 1 },
        new("presence_penalty", ParameterShape.Number) { Default = "0", Least = -2, Most = 2 },
        new("frequency_penalty", ParameterShape.Number) { Default = "0", Least = -2, Most = 2 },
        new("top_logprobs", ParameterShape.Integer) { Default = "0", Least = 0, Most = 20 },
        new("max_output_tokens", ParameterShape.Integer) { Default = "null", Least = 16 },
        new("max_tool_calls", ParameterShape.Integer) { Default = "null", Least = 0 },
        new("service_tier", ParameterShape.Text) { Default = "\"default\"" },
        new("metadata", ParameterShape.Object) { Default = "{}", Most = 16 },
        new("safety_identifier", ParameterShape.Text) { Default = "null", Most = 64 },
        new("prompt_cache_key", ParameterShape.Text) { Default = "null" },
        new("prompt_cache_retention", ParameterShape.Text),
        new("prompt_cache_options", ParameterShape.Object),
        new("user", ParameterShape.Text),
        new("include", ParameterShape.Array) { IsEchoed = false },
        new("context_management", ParameterShape.Array) { IsEchoed = false },
        new("moderation", ParameterShape.Object) { IsEchoed = false },
    ];

    private static readonly FrozenDictionary<string, ParameterField> ByName =
        All.ToFrozenDictionary(field => field.Name, StringComparer.Ordinal);

    /// <summary>The field of a name; null if it is not kept.</summary>
    public static ParameterField? Find(string name) => ByName.GetValueOrDefault(name);
}
