using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Evergrain.Providers.Servers;

/// <summary>Reads what a model server answers instead of an answer: its status, its headers, its error.</summary>
/// <remarks>
/// Errors come as <c>{"error":{"message","type","code"}}</c> (OpenAI, vLLM, llama.cpp, Ollama), <c>{"error":"…"}</c>,
/// <c>{"object":"error","message","type","code"}</c> (SGLang, older vLLM), <c>{"detail":…}</c> (FastAPI), and any of
/// them in an array (Gemini).
/// </remarks>
internal static class UpstreamRefusal
{
    /// <summary>Bytes read of an error; a message is a few hundred.</summary>
    public const int BodyBytesMax = 64 << 10;

    private const int MessageCharsMax = 500;
    private const string QuotaCode = "insufficient_quota";

    // Longer means never; see also RetryHint.
    private static readonly TimeSpan RetryMax = TimeSpan.FromDays(1);

    public static UpstreamFault Read(HttpResponseMessage response, ReadOnlyMemory<byte> body, DateTimeOffset now)
    {
        var status = (int)response.StatusCode;
        var said = Parse(body);
        var fault = Classify(status, said);
        var asked = fault.Remedy == Remedy.None ? null : RetryAfter(response.Headers, now);
        return fault with { RetryAfter = asked, Reason = $"status {status}" };
    }

    private static UpstreamFault Classify(int status, Said said) => status switch
    {
        401 or 403 => new UpstreamFault(CallOutcome.Refused, UpstreamFault.ServerError,
            "The model server did not let this server in; its operator has to look at the key."),
        402 => new UpstreamFault(CallOutcome.Refused, QuotaCode, Sentence("The model server wants to be paid", said)),
        429 when said.Names(QuotaCode) =>
            new UpstreamFault(CallOutcome.RateLimited, QuotaCode, Sentence("The model server's quota is used up", said))
            {
                Remedy = Remedy.HealthyUrl,
            },
        429 => new UpstreamFault(CallOutcome.RateLimited, "rate_limit_exceeded",
            Sentence("The model server takes no more requests for now", said)) { Remedy = Remedy.HealthyUrl },
        503 or 529 => new UpstreamFault(CallOutcome.Faulted, "server_is_overloaded",
            Sentence("The model server is overloaded", said)) { Remedy = Remedy.OtherUrl },
        >= 400 when ContextLength.IsExceeded(said.Message, said.Type, said.Code) => new UpstreamFault(
            CallOutcome.Refused, ContextLength.Code,
            Sentence("The model server finds the context too long", said)),
        400 or 404 or 413 or 422 => new UpstreamFault(CallOutcome.Refused, "invalid_prompt",
            Sentence($"The model server refused the request ({status})", said)),
        >= 400 and < 500 and not 408 => new UpstreamFault(CallOutcome.Refused, UpstreamFault.ServerError,
            Sentence($"The model server did not take the request ({status})", said)),
        _ => new UpstreamFault(CallOutcome.Faulted, UpstreamFault.ServerError,
            Sentence($"The model server failed ({status})", said)) { Remedy = Remedy.OtherUrl },
    };

    private static string Sentence(string what, Said said)
    {
        var message = said.Message.Trim();
        if (message.Length > MessageCharsMax)
        {
            var end = char.IsHighSurrogate(message[MessageCharsMax - 1]) ? MessageCharsMax - 1 : MessageCharsMax;
            message = message[..end] + "…";
        }

        return message.Length == 0 ? $"{what}."
            : message[^1] is '.' or '!' or '?' or '…' ? $"{what}: {message}"
            : $"{what}: {message}.";
    }

    private static TimeSpan? RetryAfter(HttpResponseHeaders headers, DateTimeOffset now)
    {
        var wait = Number(headers, "retry-after-ms") is { } milliseconds ? milliseconds / 1000
            : Number(headers, "retry-after") is { } seconds ? seconds
            : headers.RetryAfter?.Date is { } date ? Math.Max(0, (date - now).TotalSeconds)
            : (double?)null;
        return wait >= 0 && wait <= RetryMax.TotalSeconds ? TimeSpan.FromSeconds(wait.Value) : null;
    }

    private static double? Number(HttpResponseHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out var values) && double.TryParse(
            values.ToString(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    private static Said Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return Find(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // A proxy's page, cut off, or half a character: the status says enough.
            return Said.Nothing;
        }
    }

    private static Said Find(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => new Said(json.GetString()!, null, null),
        JsonValueKind.Array when json.GetArrayLength() > 0 => Find(json[0]),
        JsonValueKind.Object when Member(json, "error") is { } error => Find(error),
        JsonValueKind.Object when Member(json, "detail") is { } detail => Find(detail),
        JsonValueKind.Object => new Said(Text(json, "message") ?? Text(json, "msg") ?? "", Text(json, "code"),
            Text(json, "type")),
        _ => Said.Nothing,
    };

    private static JsonElement? Member(JsonElement json, string name) => json.TryGetProperty(name, out var value) &&
        value.ValueKind is JsonValueKind.Object or JsonValueKind.Array or JsonValueKind.String ? value : null;

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>What a server says of its error; any of it may be missing.</summary>
    private sealed record Said(string Message, string? Code, string? Type)
    {
        public static readonly Said Nothing = new("", null, null);

        public bool Names(string code) => Code == code || Type == code;
    }
}
