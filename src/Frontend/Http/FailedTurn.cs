using System.Buffers;
using System.Collections.Frozen;
using System.Text.Encodings.Web;
using System.Text.Json;
using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Wire;

namespace Evergrain.Frontend.Http;

/// <summary>
/// A turn that failed before it put anything out: a client that waits for JSON gets an HTTP error, as it would from
/// the model's own server. A failed turn with output is answered as it is: its calls can be answered, its text read.
/// </summary>
internal static class FailedTurn
{
    private const string InvalidRequest = "invalid_request_error";
    private const string ServerError = "server_error";
    private const string Cancelled = "cancelled";
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Codes that say: this request, and not the server, is at fault. Source: OpenAI's OpenAPI file 2.3.0,
    /// ResponseErrorCode, and the codes on which Codex gives up.
    /// </summary>
    private static readonly FrozenSet<string> ClientCodes = FrozenSet.ToFrozenSet(
    [
        "invalid_prompt", "context_length_exceeded", "bio_policy", "cyber_policy", "content_policy_violation",
        "data_residency_mismatch", "invalid_request_error", "invalid_value", "model_not_found",
        "unsupported_parameter", "unsupported_value", "invalid_image", "invalid_image_format",
        "invalid_base64_image", "invalid_image_url", "invalid_image_mode", "image_too_large", "image_too_small",
        "image_parse_error", "image_content_policy_violation", "image_file_too_large", "image_file_not_found",
        "unsupported_image_media_type", "empty_image_file", "failed_to_download_image",
    ], StringComparer.Ordinal);

    /// <summary>The error of a turn whose response was deleted while it ran, which cancels it.</summary>
    public static ErrorAnswer Deleted => Answer(Cancelled, "The response was deleted before its turn ended.");

    /// <summary>The error that a response object stands for; null if it is to be answered as it is.</summary>
    /// <param name="response">The response object.</param>
    /// <param name="hasStatus">Whether the answer can say that a turn failed behind its output.</param>
    public static ErrorAnswer? Read(ReadOnlyMemory<byte> response, bool hasStatus = true)
    {
        var fields = default(Fields);
        ReadFields(response.Span, ref fields);
        if (fields.IsCancelled && !hasStatus)
        {
            return Answer(Cancelled, "The turn was cancelled before its end.");
        }

        return fields.IsFailed && !(hasStatus && fields.HasOutput)
            ? Answer(fields.Code ?? ServerError, fields.Message ?? "The turn failed.")
            : null;
    }

    private static void ReadFields(ReadOnlySpan<byte> response, ref Fields fields)
    {
        var json = new Utf8JsonReader(response);
        json.Read();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("status"u8))
            {
                json.Read();
                fields.IsFailed = json.ValueTextEquals("failed"u8);
                fields.IsCancelled = json.ValueTextEquals("cancelled"u8);
            }
            else if (json.ValueTextEquals("error"u8))
            {
                json.Read();
                ReadError(ref json, ref fields);
            }
            else if (json.ValueTextEquals("output"u8))
            {
                json.Read();
                fields.HasOutput = json.Read() && json.TokenType != JsonTokenType.EndArray;
                return;
            }
            else
            {
                json.Skip();
            }
        }
    }

    private static void ReadError(ref Utf8JsonReader json, ref Fields fields)
    {
        if (json.TokenType != JsonTokenType.StartObject)
        {
            return;
        }

        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var isCode = json.ValueTextEquals("code"u8);
            json.Read();
            if (isCode)
            {
                fields.Code = json.GetString();
            }
            else
            {
                fields.Message = json.GetString();
            }
        }
    }

    private static ErrorAnswer Answer(string code, string message)
    {
        var (status, type) = code switch
        {
            "rate_limit_exceeded" or "insufficient_quota" or TenantHolding.Code => (429, "too_many_requests"),
            "server_is_overloaded" or "slow_down" => (503, ServerError),
            Cancelled => (409, InvalidRequest),
            _ when ClientCodes.Contains(code) => (400, InvalidRequest),
            _ => (500, ServerError),
        };
        var body = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(body, Options);
        json.WriteStartObject();
        json.WriteStartObject("error"u8);
        json.WriteString("message"u8, message);
        json.WriteString("type"u8, type);
        json.WriteNull("param"u8);
        json.WriteString("code"u8, code);
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return new ErrorAnswer(status, body.WrittenMemory)
        {
            RetryAfter = RetryHint.Read(message),

            // A quota does not come back by asking again.
            IsFinal = code == "insufficient_quota",
        };
    }

    private struct Fields
    {
        public bool IsFailed;
        public bool IsCancelled;
        public bool HasOutput;
        public string? Code;
        public string? Message;
    }
}
