using System.Text.Json;

namespace Evergrain.Providers.Servers;

/// <summary>What a server says of its error; any of it may be missing.</summary>
/// <param name="Message">Its words; empty where there are none.</param>
/// <param name="Code">Its code, a word or a number.</param>
/// <param name="Type">Its type.</param>
internal sealed record SaidError(string Message, string? Code, string? Type)
{
    private static readonly SaidError Nothing = new("", null, null);

    /// <summary>The status that an error stands for which came with status 200; null where it says none.</summary>
    public int? Status => (Code, Type) switch
    {
        ({ Length: 3 } code, _) when int.TryParse(code, out var status) && status is >= 400 and < 600 => status,
        ("insufficient_quota" or "rate_limit_exceeded", _) or (_, "insufficient_quota" or "rate_limit_error") => 429,
        ("server_is_overloaded", _) or (_, "overloaded_error") => 503,
        (_, "invalid_request_error" or "BadRequestError") => 400,
        (_, "authentication_error" or "permission_error") => 401,
        _ => null,
    };

    public bool Names(string code) => Code == code || Type == code;

    /// <summary>Reads the body of an error; bytes that make no sense say nothing.</summary>
    public static SaidError Of(ReadOnlyMemory<byte> body) => Parse(body, static root => Read(root)) ?? Nothing;

    /// <summary>Reads a document that may be an answer; null where it is one, or no JSON.</summary>
    public static SaidError? Find(ReadOnlyMemory<byte> document) =>
        Parse(document, static root => IsError(root) ? Read(root) : null);

    private static SaidError? Parse(ReadOnlyMemory<byte> body, Func<JsonElement, SaidError?> read)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // A proxy's page, cut off, or half a character: the status says enough.
            return null;
        }
    }

    // An answer may hold an error beside its output, which its decoder reads.
    private static bool IsError(JsonElement root) => root.ValueKind switch
    {
        JsonValueKind.Array => true,
        JsonValueKind.Object => !root.TryGetProperty("choices", out _) && !root.TryGetProperty("output", out _) &&
            Text(root, "object") != "response" && (Member(root, "error") is not null ||
                Member(root, "detail") is not null || Text(root, "object") == "error"),
        _ => false,
    };

    private static SaidError Read(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => new SaidError(json.GetString()!, null, null),
        JsonValueKind.Array when json.GetArrayLength() > 0 => Read(json[0]),
        JsonValueKind.Object when Member(json, "error") is { } error => Read(error),
        JsonValueKind.Object when Member(json, "detail") is { } detail => Read(detail),
        JsonValueKind.Object => new SaidError(
            MessageOf(json), Text(json, "code") ?? Number(json, "code"), Text(json, "type")),
        _ => Nothing,
    };

    // Source: OpenRouter: what the provider behind it said stands in metadata.raw.
    private static string MessageOf(JsonElement json)
    {
        var message = Text(json, "message") ?? Text(json, "msg") ?? "";
        return json.TryGetProperty("metadata", out var metadata) && metadata.ValueKind == JsonValueKind.Object &&
            Text(metadata, "raw") is { Length: > 0 } raw ? $"{message}: {raw}" : message;
    }

    private static JsonElement? Member(JsonElement json, string name) => json.TryGetProperty(name, out var value) &&
        value.ValueKind is JsonValueKind.Object or JsonValueKind.Array or JsonValueKind.String ? value : null;

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string? Number(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetRawText() : null;
}
