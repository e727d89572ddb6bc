using Evergrain.Providers.Dialects;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Chat;

/// <summary>One part of a message or an output.</summary>
/// <param name="IsText">Whether it is text.</param>
/// <param name="Bytes">The inside of a JSON string; of what is no text, the part as the server takes it.</param>
internal readonly record struct ContentPart(bool IsText, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Writes the part as an element of a message's <c>content</c>.</summary>
    public void WriteTo(BodyWriter output)
    {
        if (IsText)
        {
            output.Raw("{\"type\":\"text\",\"text\":\""u8).Raw(Bytes).Raw("\"}"u8);
        }
        else
        {
            output.Raw(Bytes);
        }
    }
}

/// <summary>
/// Reads the parts of messages, reasoning and outputs into those that chat completions have. What they do not have is
/// replaced by words that say so: the model can tell the user, and no later turn is refused for it.
/// </summary>
/// <param name="dialect">What the server takes.</param>
/// <param name="takesMedia">Whether images, files and audio have a place where the parts go.</param>
internal sealed class ContentReader(Dialect dialect, bool takesMedia)
{
    private readonly List<ContentPart> _parts = [];

    /// <summary>Stands between paragraphs; JSON string content.</summary>
    public static ReadOnlySpan<byte> Paragraph => "\\n\\n"u8;

    /// <summary>The types of parts that were replaced.</summary>
    public Omissions Omitted { get; private set; } = Omissions.None;

    /// <summary>Reads a content: a string is one text, an array its parts.</summary>
    public List<ContentPart> Read(ReadOnlyMemory<byte> content)
    {
        if (JsonContent.IsString(content))
        {
            _parts.Add(Text(JsonContent.Inside(content)));
        }

        foreach (var part in JsonMembers.Elements(content))
        {
            Add(JsonMembers.Of(part));
        }

        return _parts;
    }

    /// <summary>All texts, a separator between those that are not empty.</summary>
    public static void WriteTexts(BodyWriter output, IEnumerable<ReadOnlyMemory<byte>> texts,
        ReadOnlySpan<byte> separator)
    {
        var isFirst = true;
        foreach (var text in texts)
        {
            if (!text.IsEmpty)
            {
                output.Raw(isFirst ? default : separator).Raw(text);
                isFirst = false;
            }
        }
    }

    private static ContentPart Text(ReadOnlyMemory<byte> content) => new(IsText: true, PairedEscapes.Of(content));

    private void Add(in JsonMembers part)
    {
        var type = JsonContent.Text(part["type"u8]) ?? "text";
        ContentPart? read = type switch
        {
            "input_text" or "text" or "output_text" or "reasoning_text" or "summary_text" =>
                Text(JsonContent.Inside(part["text"u8])),
            "refusal" => Text(JsonContent.Inside(part["refusal"u8])),
            "input_image" when takesMedia => Image(part),
            "input_file" when takesMedia && dialect.Files => File(part),
            "input_audio" when takesMedia && dialect.Audio => Audio(part),
            _ => null,
        };
        if (read is null)
        {
            Omitted = Omitted.With(type);
            var words = $"[{type} was left out: the model server cannot be given it]";
            read = Text(new BodyWriter().Content(words).ToArray());
        }

        _parts.Add(read.Value);
    }

    private ContentPart? Image(in JsonMembers part)
    {
        var (url, detail) = (part["image_url"u8], part["detail"u8]);
        if (!JsonContent.IsString(url))
        {
            return null;
        }

        var output = new BodyWriter(url.Length + 80).Raw("{\"type\":\"image_url\",\"image_url\":{\"url\":"u8)
            .Raw(PairedEscapes.Of(url));
        if (JsonContent.Text(detail) is { } asked && dialect.ImageDetails.Count > 0)
        {
            output.Raw(",\"detail\":"u8).Quoted(KnownDetail(asked));
        }

        return new ContentPart(IsText: false, output.Raw("}}"u8).ToArray());
    }

    // "original" is an image that nothing was taken from.
    private string KnownDetail(string asked) => dialect.ImageDetails.Contains(asked, StringComparer.Ordinal) ? asked
        : asked == "original" && dialect.ImageDetails.Contains("high", StringComparer.Ordinal) ? "high"
        : dialect.ImageDetails[0];

    private static ContentPart? File(in JsonMembers part)
    {
        var (content, id, name) = (part["file_data"u8], part["file_id"u8], part["filename"u8]);
        if (!JsonContent.IsString(content) && !JsonContent.IsString(id))
        {
            return null;
        }

        var output = new BodyWriter(content.Length + 128).Raw("{\"type\":\"file\",\"file\":{"u8);
        var (member, value) = JsonContent.IsString(content) ? ("file_data", content) : ("file_id", id);
        output.Quoted(member).Raw(":"u8).Raw(PairedEscapes.Of(value));
        if (JsonContent.IsString(name))
        {
            output.Raw(",\"filename\":"u8).Raw(PairedEscapes.Of(name));
        }

        return new ContentPart(IsText: false, output.Raw("}}"u8).ToArray());
    }

    private static ContentPart? Audio(in JsonMembers part)
    {
        var audio = part["input_audio"u8];
        return audio.IsEmpty
            ? null
            : new ContentPart(IsText: false, new BodyWriter(audio.Length + 48)
                .Raw("{\"type\":\"input_audio\",\"input_audio\":"u8).Raw(PairedEscapes.Of(audio)).Raw("}"u8).ToArray());
    }
}
