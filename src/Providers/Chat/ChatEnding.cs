using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Chat;

/// <summary>What an answer's finish reason means.</summary>
/// <remarks>
/// Sources: OpenAI's reference; <c>model_length</c> of Mistral; <c>abort</c> and <c>error</c> of vLLM and SGLang;
/// <c>sensitive</c> and <c>network_error</c> of GLM; <c>insufficient_system_resource</c> of DeepSeek;
/// <c>content_filter: …</c> and <c>function_call_filter: …</c> of Gemini. A router such as OpenRouter repeats its
/// server's own word as <c>native_finish_reason</c>: <c>MAX_TOKENS</c>, <c>SAFETY</c>, <c>MALFORMED_FUNCTION_CALL</c>.
/// </remarks>
internal static class ChatEnding
{
    // The longest in use has 43.
    private const int ReasonCharsMax = 64;

    private static readonly string[] Limits =
    [
        "length", "model_length", "max_tokens", "max_output_tokens", "model_context_window_exceeded",
    ];

    private static readonly string[] Filters =
        ["content_filter", "sensitive", "safety", "recitation", "blocklist", "prohibited_content", "spii"];

    private static readonly string[] Failures =
    [
        "abort", "cancelled", "insufficient_system_resource", "function_call_filter", "malformed_function_call",
    ];

    /// <summary>The answer was cut, whatever its server says.</summary>
    public static ModelEvent Cut => new(ModelEventKind.Incomplete) { Code = "max_output_tokens" };

    /// <summary>The last event of an answer.</summary>
    /// <param name="finish">The finish reason; null where the server gave none.</param>
    /// <param name="upstream">What a server behind this one said. It counts where it is worse.</param>
    public static ModelEvent Of(string? finish, string? upstream)
    {
        var end = Of(finish);
        return end.Kind == ModelEventKind.Completed ? Of(upstream) : end;
    }

    /// <summary>Whether a reason says that the answer is cut or failed.</summary>
    public static bool IsBad(string? finish) => finish is not null && Of(finish).Kind != ModelEventKind.Completed;

    private static ModelEvent Of(string? finish)
    {
        // A colon leads to a cause.
        var word = (finish ?? string.Empty).Split(':')[0].Trim();
        if (IsAmong(Limits, word))
        {
            return Cut;
        }

        if (IsAmong(Filters, word))
        {
            return new ModelEvent(ModelEventKind.Incomplete) { Code = "content_filter" };
        }

        return !IsAmong(Failures, word) && !word.Contains("error", StringComparison.OrdinalIgnoreCase)
            ? new ModelEvent(ModelEventKind.Completed)
            : new ModelEvent(ModelEventKind.Failed)
            {
                Code = ServerError.Unspecified,
                Message = $"The model server ended its answer with '{ServerError.Cut(finish!, ReasonCharsMax)}'.",
            };
    }

    private static bool IsAmong(string[] words, string word) =>
        words.Contains(word, StringComparer.OrdinalIgnoreCase);
}
