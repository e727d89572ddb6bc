namespace Evergrain.Providers.Servers;

/// <summary>Tells from an error whether the context was too long: few servers have a code for it.</summary>
/// <remarks>
/// Sources: OpenAI and Evergrain (the code), llama.cpp (the type), and the words of OpenAI, vLLM, llama.cpp, SGLang and
/// Ollama: "maximum context length", "exceeds the available context size", "longer than the model's context length",
/// "exceeds the context window", "exceeds the maximum allowed length".
/// </remarks>
internal static class ContextLength
{
    /// <summary>The protocol's code.</summary>
    public const string Code = "context_length_exceeded";

    private static readonly string[] Windows =
        ["context length", "context size", "context window", "model length", "allowed length"];

    private static readonly string[] Excesses = ["exceed", "maximum", "longer than", "too long", "larger than"];

    public static bool IsExceeded(string message, string? type, string? code) =>
        code == Code || type == Code || type == "exceed_context_size_error" ||
        (Mentions(message, Windows) && Mentions(message, Excesses));

    private static bool Mentions(string message, string[] words) =>
        Array.Exists(words, word => message.Contains(word, StringComparison.OrdinalIgnoreCase));
}
