using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Chat;

/// <summary>Reads what a call used. Figures that are missing are 0.</summary>
internal static class UsageReader
{
    /// <summary>Reads the value behind the member's name; null where it is none.</summary>
    public static Usage? Read(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return null;
        }

        long input = 0, cached = 0, output = 0, reasoning = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonContent.NameIs(ref reader, "prompt_tokens"u8))
            {
                input = Figure(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "completion_tokens"u8))
            {
                output = Figure(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "prompt_tokens_details"u8))
            {
                cached = Detail(ref reader, "cached_tokens"u8);
            }
            else if (JsonContent.NameIs(ref reader, "completion_tokens_details"u8))
            {
                reasoning = Detail(ref reader, "reasoning_tokens"u8);
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }

        return new Usage(input, Math.Min(cached, input), output, Math.Min(reasoning, output));
    }

    private static long Detail(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return 0;
        }

        var figure = 0L;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonContent.NameIs(ref reader, name))
            {
                figure = Figure(ref reader);
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }

        return figure;
    }

    private static long Figure(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var figure))
        {
            return Math.Max(0, figure);
        }

        reader.Skip();
        return 0;
    }
}
