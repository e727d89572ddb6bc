namespace Evergrain.Providers.Servers;

/// <summary>
/// Tells from the words of a server's own failure whether the request is at fault: it would fail at every replica, and
/// at every try.
/// </summary>
/// <remarks>
/// Sources: llama.cpp answers 500 for an image without a projector, a chat template's exception, arguments that are no
/// JSON, and a schema that it cannot turn into a grammar. Ollama does for images and templates, SGLang and LM Studio
/// for templates. What a model writes may be malformed too ("Failed to parse input at pos", "error parsing tool call"):
/// that is nobody's request, and another try may help.
/// </remarks>
internal static class RequestFault
{
    private static readonly string[] Phrases =
    [
        // Images and sound.
        "image input is not supported", "audio input is not supported", "video input is not supported",
        "required for image input", "not support image", "not support audio", "not support video",
        "failed to load image", "failed to download image", "failed to process inputs: image",
        "image: unknown format", "cannot identify image file", "url must be base64 encoded", "invalid url",

        // Templates, and what they say.
        "jinja", "templateerror", "raise_exception", "roles must alternate", "system role not supported",
        "only user and assistant roles", "only supports single tool-calls", "no user query found",

        // Members of the request.
        "failed to parse tool call arguments", "failed to parse messages", "failed to parse tools",
        "json schema conversion failed", "failed to parse grammar", "unsupported content", "unsupported param",
        "unsupported role", "unsupported image", "not supported by this model", "not support tool",
        "param requires --jinja", "both json_schema and grammar",
    ];

    // The template engines of llama.cpp and Go say where, but not what they are.
    private static readonly (string First, string Second)[] Places =
        [(" at row ", ", column "), ("while executing", "in source"), ("template: ", "executing")];

    /// <summary>Whether a message says so.</summary>
    public static bool IsNamed(string message) =>
        Array.Exists(Phrases, phrase => Mentions(message, phrase)) ||
        Array.Exists(Places, place => Mentions(message, place.First) && Mentions(message, place.Second));

    private static bool Mentions(string message, string words) =>
        message.Contains(words, StringComparison.OrdinalIgnoreCase);
}
