namespace Evergrain.Providers.Chat;

/// <summary>What chat-completions servers do not agree on.</summary>
internal sealed record ChatApiOptions
{
    /// <summary>
    /// The member of assistant messages that takes earlier reasoning back: <c>reasoning_content</c>, or
    /// <c>reasoning</c>. Null, the default: reasoning is not sent again; most servers' templates drop it themselves.
    /// </summary>
    public string? ReasoningField { get; init; }

    /// <summary>
    /// The member that bounds an answer's tokens. <c>max_tokens</c>, the default, is what vLLM, SGLang, llama.cpp and
    /// Ollama all take; OpenAI's newer models take <c>max_completion_tokens</c> only.
    /// </summary>
    public string OutputLimitField { get; init; } = "max_tokens";
}
