using System.Collections.Frozen;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Responses;

/// <summary>Reads how a server's answer ended, and what it used.</summary>
internal static class ServerEnding
{
    private const string ServerError = "server_error";
    private const string RateLimit = "rate_limit_exceeded";
    private const string Overload = "server_is_overloaded";
    private const string OutputLimit = "max_output_tokens";

    // A message is a sentence or two; longer is somebody's page.
    private const int MessageCharsMax = 2000;

    // As long as a reason could be: the longest in use has 17.
    private const int ReasonCharsMax = 64;

    // Those of the API's schema, and those that Codex tells apart.
    private static readonly FrozenSet<string> Codes = FrozenSet.Create(
        StringComparer.Ordinal,
        ServerError, RateLimit, "invalid_prompt", "data_residency_mismatch", "bio_policy", "cyber_policy",
        "vector_store_timeout", "invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url",
        "image_too_large", "image_too_small", "image_parse_error", "image_content_policy_violation",
        "invalid_image_mode", "image_file_too_large", "unsupported_image_media_type", "empty_image_file",
        "failed_to_download_image", "image_file_not_found", "context_length_exceeded", "insufficient_quota",
        "usage_not_included", Overload, "slow_down");

    /// <summary>The last event of an answer that is whole.</summary>
    public static ModelEvent Completed(JsonElement response) =>
        new(ModelEventKind.Completed) { Usage = UsageOf(response) };

    /// <summary>The last event of an answer that was cut short.</summary>
    public static ModelEvent Incomplete(JsonElement response)
    {
        if (IsCancelled(response))
        {
            return Failed(ServerError, "The model server cancelled its response.", response);
        }

        var reason = ItemJson.Text(ItemJson.Member(response, "incomplete_details"), "reason");
        return new ModelEvent(ModelEventKind.Incomplete)
        {
            Code = reason is { Length: > 0 and <= ReasonCharsMax } ? reason : OutputLimit,
            Usage = UsageOf(response),
        };
    }

    /// <summary>Whether a response that ended early was cancelled: by whom, nobody here knows.</summary>
    public static bool IsCancelled(JsonElement response) => ItemJson.Text(response, "status") == "cancelled";

    /// <summary>
    /// Whether a response says that it failed, whatever the event that brings it is called. One that holds an error
    /// failed, too: of a completed one the error is null.
    /// </summary>
    public static bool IsFailed(JsonElement response) =>
        ItemJson.Text(response, "status") == "failed" || HasError(ItemJson.Member(response, "error"));

    /// <summary>Whether a response says that it ended early.</summary>
    public static bool IsIncomplete(JsonElement response) =>
        ItemJson.Text(response, "status") is "incomplete" or "cancelled";

    /// <summary>
    /// The last event of an answer that failed: <c>response.failed</c>, a flat or nested <c>error</c>, or an error
    /// without a type, as vLLM sends it.
    /// </summary>
    public static ModelEvent Failed(JsonElement json)
    {
        var response = ItemJson.Member(json, "response");
        var nested = ItemJson.Member(response.ValueKind == JsonValueKind.Object ? response : json, "error");
        var error = nested.ValueKind == JsonValueKind.Object ? nested : json;
        var message = nested.ValueKind == JsonValueKind.String ? nested.GetString() : ItemJson.Text(error, "message");
        var isOfKey = KeyFault.IsNamed(ItemJson.Member(error, "code").ToString(), ItemJson.Text(error, "type"));
        return Failed(CodeOf(error), isOfKey ? KeyFault.Message : Sentence(message),
            response.ValueKind == JsonValueKind.Object ? response : json);
    }

    /// <summary>The last event of an answer whose end has no response.</summary>
    public static ModelEvent Missing() => new(ModelEventKind.Failed)
    {
        Code = ServerError, Message = "The model server ended its answer without a response.",
    };

    private static bool HasError(JsonElement error) => error.ValueKind == JsonValueKind.Object
        ? ItemJson.Text(error, "message") is { Length: > 0 } ||
            ItemJson.Member(error, "code").ValueKind is JsonValueKind.String or JsonValueKind.Number
        : error.ValueKind == JsonValueKind.String && error.GetString()!.Length > 0;

    private static ModelEvent Failed(string code, string message, JsonElement response) =>
        new(ModelEventKind.Failed) { Code = code, Message = message, Usage = UsageOf(response) };

    private static string CodeOf(JsonElement error)
    {
        var code = ItemJson.Text(error, "code");
        if (code is not null && Codes.Contains(code))
        {
            return code;
        }

        // Servers that put HTTP's status there.
        if (ItemJson.Member(error, "code") is { ValueKind: JsonValueKind.Number } number &&
            number.TryGetInt32(out var status))
        {
            return status switch { 429 => RateLimit, 503 => Overload, _ => ServerError };
        }

        // Open Responses has a type for it, and no code.
        return ItemJson.Text(error, "type") is "too_many_requests" or "rate_limit_error" ? RateLimit : ServerError;
    }

    private static string Sentence(string? message)
    {
        if (string.IsNullOrWhiteSpace(message))
        {
            return "The model server failed without saying why.";
        }

        if (message.Length > MessageCharsMax)
        {
            message = message[..(char.IsHighSurrogate(message[MessageCharsMax - 1]) ? MessageCharsMax - 1
                : MessageCharsMax)] + "…";
        }

        // Another Evergrain's word for its own crash; here it would say that this server had one.
        return message.StartsWith("interrupted:", StringComparison.Ordinal)
            ? "The model server's response was " + message
            : message;
    }

    private static Usage? UsageOf(JsonElement response)
    {
        var usage = ItemJson.Member(response, "usage");
        if (usage.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        // A server that counts more in the total than in both parts leaves thoughts out of the output.
        var input = Tokens(usage, "input_tokens");
        return new Usage(
            input,
            Tokens(ItemJson.Member(usage, "input_tokens_details"), "cached_tokens"),
            Math.Max(Tokens(usage, "output_tokens"), Tokens(usage, "total_tokens") - input),
            Tokens(ItemJson.Member(usage, "output_tokens_details"), "reasoning_tokens"));
    }

    private static long Tokens(JsonElement figures, string name) =>
        ItemJson.Member(figures, name) is { ValueKind: JsonValueKind.Number } figure &&
        figure.TryGetInt64(out var tokens) && tokens is >= 0 and <= int.MaxValue ? tokens : 0;
}
