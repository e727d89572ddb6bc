using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Wire;

/// <summary>One output item while it is built, and the JSON it becomes.</summary>
internal sealed class OutputItem
{
    private readonly List<OutputPart> _parts = new(1);
    private readonly ReadOnlyMemory<byte> _startedAs;

    public OutputItem(ResponseId response, int index, ModelEvent started)
    {
        (Index, Kind) = (index, started.Item);
        (Name, Namespace, CallId) = (started.Name, started.Namespace, started.CallId);
        IsAsync = started.IsAsync;
        _startedAs = started.Json;
        Id = $"{Prefix(started)}_{response.Conversation.Code}_{response.Turn}_{index}";
    }

    public string Id { get; }

    public int Index { get; }

    public OutputKind Kind { get; }

    public string? Name { get; }

    public string? Namespace { get; }

    public string? CallId { get; }

    /// <summary>Whether the item says that its tool is async.</summary>
    public bool IsAsync { get; }

    /// <summary>Bytes of text streamed so far, in all its parts.</summary>
    public long TextBytes { get; set; }

    /// <summary>The part that is being streamed, if any.</summary>
    public OutputPart? Open { get; private set; }

    /// <summary>Whether the streamed texts are those of the item as its server said it.</summary>
    public bool Matches(ReplayedItem item) => _parts.TrueForAll(part => item.HasNext(part.Kind, part.Text.WrittenSpan));

    /// <summary>Whether a client answers this item with an output that names its call id.</summary>
    public bool IsCall => Kind is OutputKind.FunctionCall or OutputKind.CustomToolCall;

    /// <summary>An item of ours without its id, which is always its first member.</summary>
    public static ReadOnlyMemory<byte> WithoutId(ReadOnlyMemory<byte> json)
    {
        var end = IdStart.Length + json.Span[IdStart.Length..].IndexOf((byte)'"') + 1;
        var rest = json.Span[end] == ',' ? end + 1 : end;
        return (byte[])[(byte)'{', .. json.Span[rest..]];
    }

    public OutputPart Begin(PartKind kind)
    {
        if (Kind == OutputKind.Other)
        {
            throw new FormatException("an item of a kind that only its server knows has no parts");
        }

        Open = new OutputPart(kind, _parts.Count(part => part.Kind == kind || IsContent(kind)));
        _parts.Add(Open);
        return Open;
    }

    public void EndPart() => Open = null;

    /// <summary>Writes the item as it is when it begins.</summary>
    public void WriteStarted(WireBuffer output)
    {
        if (_startedAs.IsEmpty)
        {
            Write(output, "in_progress"u8);
        }
        else
        {
            WriteAs(output, _startedAs.Span);
        }
    }

    /// <summary>Writes the item as its server said it, with our id.</summary>
    public void WriteAs(WireBuffer output, ReadOnlySpan<byte> json)
    {
        var members = json[(json.IndexOf((byte)'{') + 1)..].TrimStart(" \t\r\n"u8);
        output.Raw(IdStart).Raw(System.Text.Encoding.ASCII.GetBytes(Id))
            .Raw(members.StartsWith("}"u8) ? "\""u8 : "\","u8).Raw(members);
    }

    /// <summary>Writes the item from what was streamed of it.</summary>
    public void Write(WireBuffer output, ReadOnlySpan<byte> status)
    {
        if (Kind == OutputKind.Other)
        {
            WriteAs(output, _startedAs.Span);
            return;
        }

        output.Raw(IdStart).Raw(System.Text.Encoding.ASCII.GetBytes(Id));
        switch (Kind)
        {
            case OutputKind.Message:
                output.Raw("\",\"type\":\"message\",\"status\":\""u8).Raw(status)
                    .Raw("\",\"role\":\"assistant\",\"content\":"u8);
                WriteParts(output, static part => part.Kind is PartKind.OutputText or PartKind.Refusal);
                break;
            case OutputKind.Reasoning:
                WriteReasoning(output);
                break;
            case OutputKind.FunctionCall:
                WriteCall(output, status, "function_call"u8, ",\"arguments\":\""u8);
                break;
            case OutputKind.CustomToolCall:
                WriteCall(output, status, "custom_tool_call"u8, ",\"input\":\""u8);
                break;
            default:
                output.Raw("\",\"type\":\"compaction\",\"encrypted_content\":\""u8).Raw(OnlyText()).Raw("\""u8);
                break;
        }

        output.Raw("}"u8);
    }

    private static ReadOnlySpan<byte> IdStart => "{\"id\":\""u8;

    private static string Prefix(in ModelEvent started) => started.Item switch
    {
        OutputKind.Message => "msg",
        OutputKind.Reasoning => "rs",
        OutputKind.FunctionCall => "fc",
        OutputKind.CustomToolCall => "ctc",
        OutputKind.Compaction => "cmp",
        _ => started.IdPrefix is { Length: > 0 and <= 16 } prefix && prefix.All(char.IsAsciiLetterLower)
            ? prefix
            : "item",
    };

    private static bool IsContent(PartKind kind) => kind is PartKind.OutputText or PartKind.Refusal;

    private void WriteReasoning(WireBuffer output)
    {
        output.Raw("\",\"type\":\"reasoning\",\"summary\":"u8);
        WriteParts(output, static part => part.Kind == PartKind.SummaryText);
        if (_parts.Exists(static part => part.Kind == PartKind.ReasoningText))
        {
            output.Raw(",\"content\":"u8);
            WriteParts(output, static part => part.Kind == PartKind.ReasoningText);
        }
    }

    private void WriteCall(WireBuffer output, ReadOnlySpan<byte> status, ReadOnlySpan<byte> type,
        ReadOnlySpan<byte> lastField)
    {
        output.Raw("\",\"type\":\""u8).Raw(type).Raw("\",\"status\":\""u8).Raw(status)
            .Raw("\",\"call_id\":"u8).Quoted(CallId ?? string.Empty)
            .Raw(",\"name\":"u8).Quoted(Name ?? string.Empty);
        if (Namespace is not null)
        {
            output.Raw(",\"namespace\":"u8).Quoted(Namespace);
        }

        output.Raw(IsAsync ? ",\"async\":true"u8 : default);
        output.Raw(lastField).Raw(OnlyText()).Raw("\""u8);
    }

    private ReadOnlySpan<byte> OnlyText() => _parts.Count == 0 ? default : _parts[0].Text.WrittenSpan;

    private void WriteParts(WireBuffer output, Func<OutputPart, bool> chosen)
    {
        output.Raw("["u8);
        var written = 0;
        foreach (var part in _parts)
        {
            if (chosen(part))
            {
                output.Raw(written++ > 0 ? ","u8 : default);
                part.Write(output);
            }
        }

        output.Raw("]"u8);
    }
}

/// <summary>One text inside an output item.</summary>
/// <param name="kind">Which text.</param>
/// <param name="index">Its content or summary index.</param>
internal sealed class OutputPart(PartKind kind, int index)
{
    public PartKind Kind { get; } = kind;

    public int Index { get; } = index;

    /// <summary>The inside of a JSON string.</summary>
    public ArrayBufferWriter<byte> Text { get; } = new();

    /// <summary>Log probabilities of the text so far, the inside of a JSON array; null for none.</summary>
    public ArrayBufferWriter<byte>? Logprobs { get; private set; }

    /// <summary>Adds the log probabilities of a delta: a JSON array.</summary>
    public void AddLogprobs(ReadOnlySpan<byte> array)
    {
        var inside = array.Trim(" \t\r\n"u8)[1..^1].Trim(" \t\r\n"u8);
        if (inside.IsEmpty)
        {
            return;
        }

        Logprobs ??= new ArrayBufferWriter<byte>();
        Logprobs.Write(Logprobs.WrittenCount > 0 ? ","u8 : default);
        Logprobs.Write(inside);
    }

    /// <summary>Writes the log probabilities of the whole text, as an array.</summary>
    public WireBuffer WriteLogprobs(WireBuffer output) =>
        output.Raw("["u8).Raw(Logprobs is null ? default : Logprobs.WrittenSpan).Raw("]"u8);

    /// <summary>Writes the part as content or summary objects show it.</summary>
    public void Write(WireBuffer output) => _ = Kind switch
    {
        PartKind.OutputText => WriteLogprobs(
                output.Raw("{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":"u8))
            .Raw(",\"text\":\""u8).Raw(Text.WrittenSpan).Raw("\"}"u8),
        PartKind.Refusal => output.Raw("{\"type\":\"refusal\",\"refusal\":\""u8).Raw(Text.WrittenSpan).Raw("\"}"u8),
        PartKind.SummaryText => output.Raw("{\"type\":\"summary_text\",\"text\":\""u8)
            .Raw(Text.WrittenSpan).Raw("\"}"u8),
        _ => output.Raw("{\"type\":\"reasoning_text\",\"text\":\""u8).Raw(Text.WrittenSpan).Raw("\"}"u8),
    };
}
