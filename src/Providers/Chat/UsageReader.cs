using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Chat;

/// <summary>Reads what a call used. Figures that are missing are 0.</summary>
/// <remarks>
/// The total is the server's own where it is larger than input and output together: Gemini and xAI count thoughts in
/// the total, and not in <c>completion_tokens</c>. What is missing is output. Cached tokens stand in
/// <c>prompt_tokens_details</c> (OpenAI), in <c>prompt_cache_hit_tokens</c> (DeepSeek) or in <c>cached_tokens</c>
/// (Moonshot), thoughts in <c>completion_tokens_details</c> or in <c>reasoning_tokens</c> (SGLang).
/// </remarks>
internal static class UsageReader
{
    /// <summary>Reads the value behind the member's name; null where it is none.</summary>
    public static Usage? Read(ref Utf8JsonReader reader)
    {
        if (!ChunkJson.TryEnter(ref reader))
        {
            reader.Skip();
            return null;
        }

        long input = 0, cached = 0, output = 0, reasoning = 0, total = 0;
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
            else if (JsonContent.NameIs(ref reader, "total_tokens"u8))
            {
                total = Figure(ref reader);
            }
            else if (IsCached(ref reader))
            {
                cached = Math.Max(cached, Detail(ref reader, "cached_tokens"u8));
            }
            else if (IsReasoning(ref reader))
            {
                reasoning = Math.Max(reasoning, Detail(ref reader, "reasoning_tokens"u8));
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }

        output = Math.Max(output, total - input);
        return new Usage(input, Math.Min(cached, input), output, Math.Min(reasoning, output));
    }

    /// <summary>Reads llama.cpp's <c>timings</c>, which count the prompt without its cached part.</summary>
    public static Usage? ReadTimings(ref Utf8JsonReader reader)
    {
        if (!ChunkJson.TryEnter(ref reader))
        {
            reader.Skip();
            return null;
        }

        long cached = 0, input = 0, output = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonContent.NameIs(ref reader, "cache_n"u8))
            {
                cached = Figure(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "prompt_n"u8))
            {
                input = Figure(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "predicted_n"u8))
            {
                output = Figure(ref reader);
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }

        return new Usage(cached + input, cached, output, 0);
    }

    private static bool IsCached(ref Utf8JsonReader reader) =>
        JsonContent.NameIs(ref reader, "prompt_tokens_details"u8) ||
        JsonContent.NameIs(ref reader, "prompt_cache_hit_tokens"u8) ||
        JsonContent.NameIs(ref reader, "cached_tokens"u8);

    private static bool IsReasoning(ref Utf8JsonReader reader) =>
        JsonContent.NameIs(ref reader, "completion_tokens_details"u8) ||
        JsonContent.NameIs(ref reader, "reasoning_tokens"u8);

    /// <summary>A figure, or the one of this name in an object.</summary>
    private static long Detail(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return Value(ref reader);
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
        return Value(ref reader);
    }

    private static long Value(ref Utf8JsonReader reader)
    {
        // More tokens than an Int32 holds are a mistake, and sums of such must not overflow.
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var figure))
        {
            return Math.Max(0, figure);
        }

        reader.Skip();
        return 0;
    }
}
