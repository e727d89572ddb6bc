namespace Evergrain.Providers.Servers;

/// <summary>Tells from an error whether the context was too long: few servers have a code for it.</summary>
/// <remarks>
/// Sources: OpenAI and Groq (the code), llama.cpp (the type), and the words of OpenAI, Azure, vLLM, SGLang, llama.cpp,
/// Ollama, LM Studio, Mistral, Gemini, Groq, DeepSeek, OpenRouter, Bedrock, Anthropic, xAI, Cohere, Moonshot, Zhipu,
/// Qwen and TGI. The tests hold a sentence of each.
/// </remarks>
internal static class ContextLength
{
    /// <summary>The protocol's code.</summary>
    public const string Code = "context_length_exceeded";

    private static readonly string[] Phrases =
    [
        "prompt is too long", "prompt too long", "input is too long", "messages is too long", "too many tokens",
        "too many input tokens", "reduce the length of", "prompt exceeds max length", "range of input length",
        "tokens + `max_new_tokens`", "`inputs` must have less than",
    ];

    private static readonly string[] Windows =
    [
        "context length", "context size", "context window", "context limit", "max context", "model length",
        "max_model_len", "allowed length", "prompt length", "token count", "token limit", "input tokens",
    ];

    private static readonly string[] Excesses =
        ["exceed", "maximum", "longer than", "too long", "larger than", "greater than", "too large", "overflow"];

    // Tokens of a time, which waiting brings back.
    private static readonly string[] Rates =
        ["per minute", "per hour", "per day", "rate limit", "quota", "please wait", "tpm", "tpd"];

    public static bool IsExceeded(string message, string? type, string? code) =>
        code == Code || type == Code || type == "exceed_context_size_error" ||
        (!Mentions(message, Rates) && !IsOfCharacters(message) &&
            (Mentions(message, Phrases) || (Mentions(message, Windows) && Mentions(message, Excesses))));

    // A name or a field that is too long says so in characters.
    private static bool IsOfCharacters(string message) =>
        message.Contains("character", StringComparison.OrdinalIgnoreCase) &&
        !message.Contains("token", StringComparison.OrdinalIgnoreCase);

    private static bool Mentions(string message, string[] words) =>
        Array.Exists(words, word => message.Contains(word, StringComparison.OrdinalIgnoreCase));
}
