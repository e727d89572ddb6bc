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

    /// <summary>Reads the value that a reader comes to next: an object or a sentence; null where it is null.</summary>
    public static ServerError? Read(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            var sentence = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            reader.Skip();
            return Of(sentence, null, null);
        }

        string? message = null, type = null, code = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonContent.NameIs(ref reader, "message"u8))
            {
                message = Word(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "type"u8))
            {
                type = Word(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "code"u8))
            {
                code = Word(ref reader);
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }

        return Of(message, type, code);
    }

    private static string? Word(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType is JsonTokenType.String)
        {
            return reader.GetString();
        }

        var number = reader.TokenType == JsonTokenType.Number ? JsonContent.Decode(reader.ValueSpan) : null;
        reader.Skip();
        return number;
    }

    private static ServerError Of(string? message, string? type, string? code)
    {
        var words = string.IsNullOrWhiteSpace(message) ? "The model server reported an error." : message;
        return new ServerError(
            CodeOf(words, type ?? string.Empty, code ?? string.Empty),
            words.Length > MessageCharsMax ? words[..LengthOfWhole(words)] : words);
    }

    // Never between the halves of a character.
    private static int LengthOfWhole(string words) =>
        char.IsHighSurrogate(words[MessageCharsMax - 1]) ? MessageCharsMax - 1 : MessageCharsMax;

    // Source: the codes that Codex tells apart, and what OpenAI, vLLM, SGLang and llama.cpp say.
    private static string CodeOf(string message, string type, string code) => (code, type) switch
    {
        _ when ContextLength.IsExceeded(message, type, code) => ContextLength.Code,
        ("insufficient_quota", _) or (_, "insufficient_quota") => "insufficient_quota",
        ("rate_limit_exceeded" or "429", _) or (_, "rate_limit_error" or "too_many_requests") => "rate_limit_exceeded",
        ("server_is_overloaded" or "503", _) or (_, "overloaded_error") => "server_is_overloaded",
        ("400", _) or (_, "invalid_request_error" or "BadRequestError") => "invalid_prompt",
        _ => Unspecified,
    };
}
