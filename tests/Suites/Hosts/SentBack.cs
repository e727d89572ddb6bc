using System.Text.Json;

namespace Evergrain.Suites.Hosts;

/// <summary>How clients send output items back: the JSON of each; null where it is left out.</summary>
internal static class SentBack
{
    /// <summary>As it came.</summary>
    public static string? Whole(JsonElement item) => item.GetRawText();

    /// <summary>Without reasoning, as clients do that keep no reasoning which they cannot read.</summary>
    public static string? Bare(JsonElement item) => TypeOf(item) == "reasoning" ? null : item.GetRawText();

    /// <summary>Reasoning and messages by their ids, calls in full and without an id, as the AI SDK does.</summary>
    public static string? Named(JsonElement item) => TypeOf(item) is "reasoning" or "message"
        ? Reference(item.GetProperty("id").GetString()!)
        : "{" + string.Join(',', item.EnumerateObject().Where(static member => member.Name != "id")
            .Select(static member => $"\"{member.Name}\":{member.Value.GetRawText()}")) + "}";

    public static string Reference(string id) => $$"""{"type":"item_reference","id":"{{id}}"}""";

    private static string? TypeOf(JsonElement item) => item.GetProperty("type").GetString();
}
