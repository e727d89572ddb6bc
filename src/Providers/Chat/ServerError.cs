using System.Text.Json;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Chat;

/// <summary>An error that a server reports within its stream.</summary>
/// <param name="Code">The code of <c>response.failed</c>.</param>
/// <param name="Message">The server's own words, or ours where it has none.</param>
internal sealed record ServerError(string Code, string Message)
{
    public const string Unspecified = "server_error";

    // A client shows it to a person; a stack trace is none of theirs.
    private const int MessageCharsMax = 1000;

    /// <summary>
    /// Reads the value that a reader comes to next: an object or a sentence; null where it is null, false or no text.
    /// </summary>
    public static ServerError? Read(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType is JsonTokenType.Null or JsonTokenType.False)
        {
            return null;
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            var sentence = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            reader.Skip();
            return sentence is { Length: 0 } ? null : Of(sentence, null, null);
        }

        string? message = null, type = null, code = null, cause = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonContent.NameIs(ref reader, "message"u8) || JsonContent.NameIs(ref reader, "detail"u8))
            {
                message = ChunkJson.Word(ref reader) ?? message;
            }
            else if (JsonContent.NameIs(ref reader, "type"u8))
            {
                type = ChunkJson.Word(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "code"u8))
            {
                code = ChunkJson.Word(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "metadata"u8))
            {
                cause = ReadCause(ref reader);
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }

        return Of(cause is null ? message : $"{message}: {cause}", type, code);
    }

    /// <summary>A text with at most so many characters, none of them cut.</summary>
    public static string Cut(string words, int charsMax) => words.Length <= charsMax ? words
        : words[..(char.IsHighSurrogate(words[charsMax - 1]) ? charsMax - 1 : charsMax)];

    // Source: OpenRouter: "Provider returned error", and the provider's own words apart.
    private static string? ReadCause(ref Utf8JsonReader reader)
    {
        if (!ChunkJson.TryEnter(ref reader))
        {
            reader.Skip();
            return null;
        }

        var cause = default(string);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isCause = JsonContent.NameIs(ref reader, "raw"u8);
            var word = ChunkJson.Word(ref reader);
            cause = isCause && !string.IsNullOrWhiteSpace(word) ? word : cause;
        }

        return cause;
    }

    private static ServerError Of(string? message, string? type, string? code)
    {
        var words = KeyFault.IsNamed(code, type) ? KeyFault.Message
            : string.IsNullOrWhiteSpace(message) ? "The model server reported an error."
            : message;
        return new ServerError(
            CodeOf(words, type ?? string.Empty, code ?? string.Empty), Cut(words, MessageCharsMax));
    }

    // Source: the codes that Codex tells apart, and what OpenAI, vLLM, SGLang and llama.cpp say.
    private static string CodeOf(string message, string type, string code) => (code, type) switch
    {
        _ when ContextLength.IsExceeded(message, type, code) => ContextLength.Code,
        _ when RequestFault.IsNamed(message) => "invalid_prompt",
        ("insufficient_quota" or "402", _) or (_, "insufficient_quota") => "insufficient_quota",
        ("rate_limit_exceeded" or "429", _) or (_, "rate_limit_error" or "too_many_requests") => "rate_limit_exceeded",
        ("server_is_overloaded" or "503" or "529", _) or (_, "overloaded_error") => "server_is_overloaded",
        ("400" or "404" or "413" or "422", _) or (_, "invalid_request_error" or "BadRequestError") => "invalid_prompt",
        _ => Unspecified,
    };
}
