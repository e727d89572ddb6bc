using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Completions;

/// <summary>What a message's content may hold.</summary>
internal enum ContentKind
{
    /// <summary>Texts: of system and developer messages.</summary>
    Texts,

    /// <summary>Texts, images, audio and files: of user messages and of what tools answer.</summary>
    Media,

    /// <summary>What a model said: texts and refusals.</summary>
    Answer,
}

/// <summary>Writes a message's <c>content</c> as that of an item.</summary>
/// <remarks>Source: OpenAI's package for Node 7.57.0, ChatCompletionContentPart; OpenAPI file 2.3.0,
/// InputContent.</remarks>
internal static class MessageParts
{
    // A part may end a cached prefix, in both APIs by the same member.
    private const string Breakpoint = "prompt_cache_breakpoint";

    private static readonly string[] Members =
        ["type", "text", "refusal", "image_url", "input_audio", "file", Breakpoint];

    private static readonly string[] ImageMembers = ["url", "detail"];
    private static readonly string[] FileMembers = ["file_data", "file_id", "filename"];

    /// <summary>Writes a content: a string stays one, and parts become the parts of an item.</summary>
    /// <exception cref="ConversationException">It is missing, or a part is none that an item may have.</exception>
    public static void Write(RentedBuffer output, ReadOnlyMemory<byte> content, ContentKind kind, string path)
    {
        if (content.IsEmpty)
        {
            throw CompletionRefusals.Missing(path);
        }

        if (JsonSlots.IsString(content))
        {
            output.Append(content.Span);
            return;
        }

        output.Append("["u8);
        WriteParts(output, content, kind, path);
        output.Append("]"u8);
    }

    /// <summary>Writes the parts of a content, a comma between them.</summary>
    /// <exception cref="ConversationException">A part is none that an item may have.</exception>
    public static void WriteParts(RentedBuffer output, ReadOnlyMemory<byte> content, ContentKind kind, string path)
    {
        if (!JsonSlots.IsArray(content))
        {
            throw CompletionRefusals.Invalid($"'{path}' must be a string or an array of parts.", path);
        }

        var reader = new Utf8JsonReader(content.Span);
        reader.Read();
        for (var i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
        {
            var at = $"{path}[{i}]";
            output.Append(i > 0 ? ","u8 : default);
            WritePart(output, JsonSlots.Read(ref reader, content, Members, at), kind, at);
        }
    }

    private static void WritePart(RentedBuffer output, in JsonSlots part, ContentKind kind, string path)
    {
        switch (JsonSlots.TextOf(part["type"]), kind)
        {
            case ("text", ContentKind.Answer):
                Begin(output, "output_text"u8, ",\"text\":"u8, CompletionRefusals.NeedText(part, "text", path));
                break;
            case ("text", _):
                Begin(output, "input_text"u8, ",\"text\":"u8, CompletionRefusals.NeedText(part, "text", path));
                break;
            case ("refusal", ContentKind.Answer):
                Begin(output, "refusal"u8, ",\"refusal\":"u8, CompletionRefusals.NeedText(part, "refusal", path));
                break;
            case ("image_url", ContentKind.Media):
                WriteImage(output, NeedObject(part, "image_url", path), $"{path}.image_url");
                break;
            case ("input_audio", ContentKind.Media):
                Begin(output, "input_audio"u8, ",\"input_audio\":"u8, NeedObject(part, "input_audio", path).Span);
                break;
            case ("file", ContentKind.Media):
                WriteFile(output, NeedObject(part, "file", path), $"{path}.file");
                break;
            case (null, _):
                throw CompletionRefusals.Missing($"{path}.type");
            case var (type, _):
                throw CompletionRefusals.Invalid(
                    $"A part of type '{RoutingFields.Shorten(type!)}' is not taken there.", $"{path}.type");
        }

        if (part[Breakpoint] is { IsEmpty: false } breakpoint)
        {
            output.Append(",\"prompt_cache_breakpoint\":"u8);
            output.Append(breakpoint.Span);
        }

        output.Append("}"u8);
    }

    private static void WriteImage(RentedBuffer output, ReadOnlyMemory<byte> image, string path)
    {
        var slots = JsonSlots.Read(image, ImageMembers, path);
        Begin(output, "input_image"u8, ",\"image_url\":"u8, CompletionRefusals.NeedText(slots, "url", path));
        if (slots["detail"] is { IsEmpty: false } detail)
        {
            output.Append(",\"detail\":"u8);
            output.Append(detail.Span);
        }
    }

    private static void WriteFile(RentedBuffer output, ReadOnlyMemory<byte> file, string path)
    {
        var slots = JsonSlots.Read(file, FileMembers, path);
        output.Append("{\"type\":\"input_file\""u8);
        foreach (var name in FileMembers)
        {
            if (slots[name] is { IsEmpty: false } value)
            {
                JsonAppends.Member(output, name, value.Span);
            }
        }
    }

    private static ReadOnlyMemory<byte> NeedObject(in JsonSlots part, string name, string path)
    {
        var value = part[name];
        return value.IsEmpty ? throw CompletionRefusals.Missing($"{path}.{name}")
            : value.Span[0] == '{' ? value
            : throw CompletionRefusals.Invalid($"'{path}.{name}' must be an object.", $"{path}.{name}");
    }

    private static void Begin(
        RentedBuffer output, ReadOnlySpan<byte> type, ReadOnlySpan<byte> member, ReadOnlySpan<byte> value)
    {
        output.Append("{\"type\":\""u8);
        output.Append(type);
        output.Append("\""u8);
        output.Append(member);
        output.Append(value);
    }
}
