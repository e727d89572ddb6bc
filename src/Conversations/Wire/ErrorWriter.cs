using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Wire;

/// <summary>The one place that maps a refusal to what a client reads.</summary>
/// <remarks>
/// Source: OpenAI's WebSocket guide and its HTTP error body. An error frame always carries <c>status</c> and a string
/// <c>error.code</c>: Open Responses requires both, and Codex ignores a frame without a status and then hangs.
/// </remarks>
public static class ErrorWriter
{
    private const string InvalidRequest = "invalid_request_error";
    private const string ServerError = "server_error";

    // The relaxed encoder leaves quotes and letters readable; the text is never put into a web page.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The HTTP status of a refusal.</summary>
    public static int StatusOf(Refusal refusal) => ShapeOf(refusal).Status;

    /// <summary>The wire's <c>code</c> of a refusal.</summary>
    public static string CodeOf(Refusal refusal) => ShapeOf(refusal).Code;

    /// <summary>A delay as <c>Retry-After</c> says it: whole seconds, at least one.</summary>
    public static long SecondsOf(TimeSpan delay) => Math.Max(1, (long)Math.Ceiling(delay.TotalSeconds));

    /// <summary>Writes <c>{"type":"error","status":…,"error":{…}}</c>, one WebSocket text frame.</summary>
    /// <param name="output">Gets the frame.</param>
    /// <param name="refusal">What it says.</param>
    /// <param name="lane">The <c>stream_id</c> of the request that it answers; null: it had none.</param>
    public static void WriteFrame(IBufferWriter<byte> output, Refusal refusal, string? lane = null)
    {
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        json.WriteString("type"u8, "error"u8);
        json.WriteNumber("status"u8, StatusOf(refusal));
        WriteError(json, refusal);
        if (refusal.RetryAfter is { } delay)
        {
            // Source: Codex reads the delay from here; a socket has no other place for a header.
            json.WriteStartObject("headers"u8);
            json.WriteString("retry-after"u8, SecondsOf(delay).ToString(CultureInfo.InvariantCulture));
            json.WriteEndObject();
        }

        if (lane is not null)
        {
            // Without it the session of OpenAI's SDK gives the error to nobody, and its caller waits for ever.
            json.WriteString("stream_id"u8, lane);
        }

        json.WriteEndObject();
    }

    /// <summary>Writes <c>{"error":{…}}</c>, the body of an HTTP answer.</summary>
    public static void WriteBody(IBufferWriter<byte> output, Refusal refusal)
    {
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        WriteError(json, refusal);
        json.WriteEndObject();
    }

    private static void WriteError(Utf8JsonWriter json, Refusal refusal)
    {
        var shape = ShapeOf(refusal);
        json.WriteStartObject("error"u8);
        json.WriteString("message"u8, refusal.Message);
        json.WriteString("type"u8, shape.Type);
        json.WriteString("param"u8, refusal.Param);
        json.WriteString("code"u8, shape.Code);
        json.WriteEndObject();
    }

    private static Shape ShapeOf(Refusal refusal) => refusal.Kind switch
    {
        RefusalKind.InvalidRequest when refusal.Param == "stream_id" => new(400, InvalidRequest, "invalid_stream_id"),
        RefusalKind.InvalidRequest => new(400, InvalidRequest, "invalid_value"),
        RefusalKind.MissingField => new(400, InvalidRequest, "missing_required_parameter"),
        RefusalKind.ModelNotFound => new(400, InvalidRequest, "model_not_found"),
        RefusalKind.PreviousResponseNotFound => new(400, InvalidRequest, "previous_response_not_found"),
        RefusalKind.ConnectionLimit => new(400, InvalidRequest, "websocket_connection_limit_reached"),
        RefusalKind.Unauthorized => new(401, InvalidRequest, "invalid_api_key"),
        RefusalKind.Forbidden => new(403, InvalidRequest, "forbidden"),
        RefusalKind.NotFound => new(404, InvalidRequest, "not_found"),
        RefusalKind.MethodNotAllowed => new(405, InvalidRequest, "method_not_allowed"),
        RefusalKind.Conflict => new(409, InvalidRequest, "idempotency_key_reused"),
        RefusalKind.TooLarge => new(413, InvalidRequest, "request_too_large"),
        RefusalKind.UpgradeRequired => new(426, InvalidRequest, "upgrade_required"),
        RefusalKind.InputRefused => new(400, InvalidRequest, "invalid_prompt"),
        RefusalKind.UnsupportedMedia => new(415, InvalidRequest, "unsupported_media_type"),
        RefusalKind.TooManyRequests => new(429, "too_many_requests", "rate_limit_exceeded"),
        RefusalKind.MemoryExceeded => new(429, "too_many_requests", TenantHolding.Code),
        RefusalKind.Overloaded => new(503, ServerError, "server_is_overloaded"),

        // Not server_is_overloaded: Codex gives up on that code, and this refusal means "try again".
        RefusalKind.Unavailable => new(503, ServerError, ServerError),
        RefusalKind.Internal => new(500, ServerError, ServerError),
        _ => throw new ArgumentOutOfRangeException(nameof(refusal), refusal.Kind, "No wire shape for this refusal."),
    };

    private readonly record struct Shape(int Status, string Type, string Code);
}
