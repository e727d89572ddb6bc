using System.Globalization;
using System.Net.Http.Headers;

namespace Evergrain.Providers.Servers;

/// <summary>Reads what a model server answers instead of an answer: its status, its headers, its error.</summary>
/// <remarks>
/// Errors come as <c>{"error":{"message","type","code"}}</c> (OpenAI, vLLM, llama.cpp, Ollama), <c>{"error":"…"}</c>,
/// <c>{"object":"error","message","type","code"}</c> (SGLang, older vLLM), <c>{"detail":…}</c> (FastAPI), and any of
/// them in an array (Gemini). A gateway may pass one on with status 200, with the status as the error's code.
/// </remarks>
internal static class UpstreamRefusal
{
    /// <summary>Bytes read of an error; a message is a few hundred.</summary>
    public const int BodyBytesMax = 64 << 10;

    private const int MessageCharsMax = 500;
    private const string QuotaCode = "insufficient_quota";

    // Longer means never; see also RetryHint.
    private static readonly TimeSpan RetryMax = TimeSpan.FromDays(1);

    /// <summary>Reads an answer whose status says that it is none.</summary>
    public static UpstreamFault Read(HttpResponseMessage response, ReadOnlyMemory<byte> body, DateTimeOffset now)
    {
        var status = (int)response.StatusCode;
        return Read(status, $"status {status}", SaidError.Of(EventData(body)), response, now);
    }

    /// <summary>Reads a document that came with status 200.</summary>
    /// <returns>The fault; null where the document is no error, but an answer.</returns>
    public static UpstreamFault? Find(HttpResponseMessage response, ReadOnlyMemory<byte> json, DateTimeOffset now) =>
        SaidError.Find(json) is { } said
            ? Read(said.Status ?? (int)response.StatusCode, "an error with status 200", said, response, now)
            : null;

    private static UpstreamFault Read(
        int status, string reason, SaidError said, HttpResponseMessage response, DateTimeOffset now)
    {
        var fault = Classify(status, said);
        var asked = fault.Remedy == Remedy.None ? null : RetryAfter(response.Headers, now);
        return fault with { RetryAfter = asked, Reason = reason, HasWords = said.Message.Length > 0 };
    }

    // A server may tell of its failure as an event.
    private static ReadOnlyMemory<byte> EventData(ReadOnlyMemory<byte> body)
    {
        var begin = body.Span.IndexOf("data:"u8);
        if (begin < 0 || body.Span.TrimStart(" \t\r\n"u8) is not [(byte)'d' or (byte)'e' or (byte)':', ..])
        {
            return body;
        }

        var data = body[(begin + "data:".Length)..];
        var length = data.Span.IndexOfAny((byte)'\r', (byte)'\n');
        return length < 0 ? data : data[..length];
    }

    private static UpstreamFault Classify(int status, SaidError said) => status switch
    {
        _ when status is 401 or 403 || KeyFault.IsNamed(said.Code, said.Type) =>
            new UpstreamFault(CallOutcome.Refused, UpstreamFault.ServerError, KeyFault.Message),
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
        >= 400 or 200 when ContextLength.IsExceeded(said.Message, said.Type, said.Code) => new UpstreamFault(
            CallOutcome.Refused, ContextLength.Code,
            Sentence("The model server finds the context too long", said)),
        400 or 404 or 413 or 422 => Refused(status, said),
        >= 500 or 200 when RequestFault.IsNamed(said.Message) => Refused(status, said),
        >= 400 and < 500 and not 408 => new UpstreamFault(CallOutcome.Refused, UpstreamFault.ServerError,
            Sentence($"The model server did not take the request ({status})", said)),
        _ => new UpstreamFault(CallOutcome.Faulted, UpstreamFault.ServerError,
            Sentence($"The model server failed ({status})", said)) { Remedy = Remedy.OtherUrl },
    };

    private static UpstreamFault Refused(int status, SaidError said) => new(CallOutcome.Refused, "invalid_prompt",
        Sentence($"The model server refused the request ({status})", said));

    private static string Sentence(string what, SaidError said)
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
}
