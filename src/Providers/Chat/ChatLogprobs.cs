using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Evergrain.Providers.Chat;

/// <summary>
/// Writes a choice's <c>logprobs</c> as the Responses API spells them: an array of <c>token</c>, <c>logprob</c>,
/// <c>bytes</c> and <c>top_logprobs</c>, each always there.
/// </summary>
/// <remarks>Source: OpenAI's OpenAPI file, <c>ChatCompletionTokenLogprob</c> and <c>LogProb</c>.</remarks>
internal static class ChatLogprobs
{
    /// <summary>Reads those of the content; empty where there are none.</summary>
    /// <param name="json">The member's value; empty where there is none.</param>
    public static byte[] Read(ReadOnlySpan<byte> json) => json is [(byte)'{', ..] ? Convert(json) : [];

    private static byte[] Convert(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        BodyWriter? output = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isContent = JsonContent.NameIs(ref reader, "content"u8);
            reader.Read();
            if (isContent && reader.TokenType == JsonTokenType.StartArray)
            {
                output = new BodyWriter(1024);
                WriteAll(ref reader, output, hasTop: true);
            }
            else
            {
                reader.Skip();
            }
        }

        var written = output?.ToArray() ?? [];
        return written.Length > "[]".Length ? written : [];
    }

    private static void WriteAll(ref Utf8JsonReader reader, BodyWriter output, bool hasTop)
    {
        output.Raw("["u8);
        for (var count = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray;)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                continue;
            }

            output.Raw(count++ > 0 ? ","u8 : default);
            WriteEntry(ref reader, output, hasTop);
        }

        output.Raw("]"u8);
    }

    private static void WriteEntry(ref Utf8JsonReader reader, BodyWriter output, bool hasTop)
    {
        var token = string.Empty;
        var logprob = "0"u8;
        Utf8JsonReader bytes = default, top = default;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonContent.NameIs(ref reader, "token"u8))
            {
                token = JsonContent.Decode(ChunkJson.TextIfAny(ref reader));
            }
            else if (JsonContent.NameIs(ref reader, "logprob"u8))
            {
                reader.Read();
                logprob = reader.TokenType == JsonTokenType.Number ? reader.ValueSpan : logprob;
                reader.Skip();
            }
            else if (JsonContent.NameIs(ref reader, "bytes"u8))
            {
                bytes = Pass(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "top_logprobs"u8))
            {
                top = Pass(ref reader);
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }

        output.Raw("{\"token\":"u8).Quoted(token).Raw(",\"logprob\":"u8).Raw(logprob).Raw(",\"bytes\":["u8);
        WriteBytes(bytes, token, output);
        output.Raw("]"u8);
        if (hasTop)
        {
            output.Raw(",\"top_logprobs\":"u8);
            WriteTop(ref top, output);
        }

        output.Raw("}"u8);
    }

    /// <summary>Passes a value over; gives a reader that stands on its beginning.</summary>
    private static Utf8JsonReader Pass(scoped ref Utf8JsonReader reader)
    {
        reader.Read();
        var value = reader;
        reader.Skip();
        return value;
    }

    private static void WriteTop(ref Utf8JsonReader top, BodyWriter output)
    {
        if (top.TokenType == JsonTokenType.StartArray)
        {
            WriteAll(ref top, output, hasTop: false);
        }
        else
        {
            output.Raw("[]"u8);
        }
    }

    /// <summary>Writes a token's bytes: the server's, which may be half a character, else those of its text.</summary>
    private static void WriteBytes(Utf8JsonReader bytes, string token, BodyWriter output)
    {
        var given = new List<int>();
        while (bytes.TokenType != JsonTokenType.None && bytes.Read() && bytes.TokenType == JsonTokenType.Number)
        {
            given.Add(bytes.TryGetByte(out var value) ? value : 0);
        }

        var all = given.Count > 0 ? given : [.. Encoding.UTF8.GetBytes(token).Select(value => (int)value)];
        output.Content(string.Join(',', all.Select(value => value.ToString(CultureInfo.InvariantCulture))));
    }
}
