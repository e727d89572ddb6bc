using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Wire;

/// <summary>One output item while it is built, and the JSON it becomes.</summary>
internal sealed class OutputItem
{
    private readonly List<OutputPart> _parts = new(1);

    public OutputItem(ResponseId response, int index, ModelEvent started)
    {
        (Index, Kind) = (index, started.Item);
        (Name, Namespace, CallId) = (started.Name, started.Namespace, started.CallId);
        Id = $"{Prefix(Kind)}_{response.Conversation.Code}_{response.Turn}_{index}";
    }

    public string Id { get; }

    public int Index { get; }

    public OutputKind Kind { get; }

    public string? Name { get; }

    public string? Namespace { get; }

    public string? CallId { get; }

    /// <summary>Bytes of text streamed so far, in all its parts.</summary>
    public long TextBytes { get; set; }

    /// <summary>The part that is being streamed, if any.</summary>
    public OutputPart? Open { get; private set; }

    /// <summary>Whether a client answers this item with an output that names its call id.</summary>
    public bool IsCall => Kind is OutputKind.FunctionCall or OutputKind.CustomToolCall;

    public OutputPart Begin(PartKind kind)
    {
        Open = new OutputPart(kind, _parts.Count(part => part.Kind == kind || IsContent(kind)));
        _parts.Add(Open);
        return Open;
    }

    public void EndPart() => Open = null;

    /// <summary>Writes the item: as it is when it begins (no parts yet), or whole.</summary>
    public void Write(WireBuffer output, ReadOnlySpan<byte> status)
    {
        output.Raw("{\"id\":\""u8).Raw(System.Text.Encoding.ASCII.GetBytes(Id));
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

    private static string Prefix(OutputKind kind) => kind switch
    {
        OutputKind.Message => "msg",
        OutputKind.Reasoning => "rs",
        OutputKind.FunctionCall => "fc",
        OutputKind.CustomToolCall => "ctc",
        OutputKind.Compaction => "cmp",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown output kind"),
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

    /// <summary>Writes the part as content or summary objects show it.</summary>
    public void Write(WireBuffer output) => _ = Kind switch
    {
        PartKind.OutputText => output.Raw("{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\""u8)
            .Raw(Text.WrittenSpan).Raw("\"}"u8),
        PartKind.Refusal => output.Raw("{\"type\":\"refusal\",\"refusal\":\""u8).Raw(Text.WrittenSpan).Raw("\"}"u8),
        PartKind.SummaryText => output.Raw("{\"type\":\"summary_text\",\"text\":\""u8)
            .Raw(Text.WrittenSpan).Raw("\"}"u8),
        _ => output.Raw("{\"type\":\"reasoning_text\",\"text\":\""u8).Raw(Text.WrittenSpan).Raw("\"}"u8),
    };
}
