using System.Text.Json;

namespace Evergrain.Suites.Crash;

/// <summary>A response object, as a terminal event or a GET gave it.</summary>
internal sealed class ResponseView
{
    private static readonly Dictionary<string, string> Answers = new()
    {
        ["function_call"] = "function_call_output",
        ["custom_tool_call"] = "custom_tool_call_output",
    };

    private readonly JsonElement _root;

    public ResponseView(string raw)
    {
        Raw = raw;
        using var document = JsonDocument.Parse(raw);
        _root = document.RootElement.Clone();
        Output = [.. _root.GetProperty("output").EnumerateArray()];
    }

    /// <summary>Its very characters: two equal ones are one response.</summary>
    public string Raw { get; }

    public string Id => _root.GetProperty("id").GetString()!;

    public string? Previous => _root.GetProperty("previous_response_id").GetString();

    public string Status => _root.GetProperty("status").GetString()!;

    public string? Digest =>
        _root.TryGetProperty("evergrain", out var ours) ? ours.GetProperty("digest").GetString() : null;

    /// <summary>Which create it is the response to, by what the client wrote in that create's metadata.</summary>
    public string? Nonce => NonceOf(_root);

    public IReadOnlyList<JsonElement> Output { get; }

    public bool IsInterrupted => Status == "failed" && _root.GetProperty("error").GetProperty("message").GetString()!
        .StartsWith("interrupted:", StringComparison.Ordinal);

    /// <summary>Whether it ended because its server died: by itself, or by a client that gave it up.</summary>
    public bool IsCut => IsInterrupted || Status == "cancelled";

    public static string? NonceOf(JsonElement response) =>
        response.GetProperty("metadata").TryGetProperty("nonce", out var nonce) ? nonce.GetString() : null;

    public static bool IsCall(JsonElement item) => Answers.ContainsKey(item.GetProperty("type").GetString()!);

    /// <summary>One output for each call that waits.</summary>
    public IEnumerable<JsonElement> AnswersToCalls(string output) =>
        from item in Output
        where IsCall(item)
        select JsonSerializer.SerializeToElement(new Dictionary<string, string>
        {
            ["type"] = Answers[item.GetProperty("type").GetString()!],
            ["call_id"] = item.GetProperty("call_id").GetString()!,
            ["output"] = output,
        });
}
