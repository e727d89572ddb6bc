using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Chat;

/// <summary>
/// Reads content that is a list of parts: texts, thoughts and refusals. A part of another type holds nothing that an
/// answer has here, and is left out.
/// </summary>
/// <remarks>
/// Source: Mistral's API: <c>text</c>, <c>thinking</c>, whose <c>thinking</c> is a list of parts again, and
/// <c>reference</c>. Some proxies give a thought as a string.
/// </remarks>
internal static class AnswerContent
{
    /// <summary>Reads the parts.</summary>
    /// <param name="json">The list, or one part; empty where there is none.</param>
    /// <param name="items">Takes the texts.</param>
    /// <param name="events">Takes the events.</param>
    public static void Read(ReadOnlySpan<byte> json, AnswerItems items, List<ModelEvent> events)
    {
        if (!json.IsEmpty)
        {
            var reader = new Utf8JsonReader(json);
            reader.Read();
            ReadValue(ref reader, PartKind.OutputText, items, events);
        }
    }

    private static void ReadValue(ref Utf8JsonReader reader, PartKind kind, AnswerItems items, List<ModelEvent> events)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartArray:
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    ReadValue(ref reader, kind, items, events);
                }

                break;
            case JsonTokenType.StartObject:
                ReadPart(ref reader, kind, items, events);
                break;
            default:
                items.Text(kind, ChunkJson.Inside(ref reader), events);
                break;
        }
    }

    private static void ReadPart(ref Utf8JsonReader reader, PartKind outer, AnswerItems items, List<ModelEvent> events)
    {
        ReadOnlySpan<byte> type = default;
        var text = default(Utf8JsonReader);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonContent.NameIs(ref reader, "type"u8))
            {
                type = ChunkJson.TextIfAny(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "text"u8) || JsonContent.NameIs(ref reader, "thinking"u8) ||
                JsonContent.NameIs(ref reader, "reasoning"u8) || JsonContent.NameIs(ref reader, "refusal"u8))
            {
                reader.Read();
                text = reader;
                reader.Skip();
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }

        var kind = KindOf(type, outer);
        if (kind != default && text.TokenType is JsonTokenType.String or JsonTokenType.StartArray)
        {
            ReadValue(ref text, kind, items, events);
        }
    }

    private static PartKind KindOf(ReadOnlySpan<byte> type, PartKind outer) =>
        type.IsEmpty || JsonContent.ContentIs(type, "text"u8) || JsonContent.ContentIs(type, "output_text"u8) ? outer
        : type.StartsWith("thinking"u8) || type.StartsWith("reasoning"u8) ? PartKind.ReasoningText
        : JsonContent.ContentIs(type, "refusal"u8) ? PartKind.Refusal
        : default;
}
