using System.Collections.Immutable;
using System.Text.Json;
using Evergrain.Conversations.Context;

namespace Evergrain.Providers.Chat;

/// <summary>
/// Renders one item behind a state: bytes that continue the array of messages, each message with the comma before it.
/// </summary>
/// <param name="before">What the item before it left.</param>
/// <param name="reasoningField">The member that takes reasoning back, or null.</param>
/// <param name="output">Where the bytes go.</param>
internal sealed class ItemRenderer(ChatState before, string? reasoningField, BodyWriter output)
{
    // OpenAI's ids have 24 random characters and more, vLLM's 32; "call_0" is counted.
    private const int CountedIdCharsMax = 15;

    /// <summary>The state behind the item.</summary>
    public ChatState State { get; private set; } = before;

    /// <summary>Renders the item.</summary>
    public void Render(Item item)
    {
        State = State.AsksForSummary ? State with { AsksForSummary = false } : State;
        var members = JsonMembers.Of(item.Json);
        switch (item.Type)
        {
            case "message":
                Message(item.Role, members["content"u8]);
                break;
            case "reasoning":
                Reason(members);
                break;
            case "function_call":
                Call(members, Arguments(members["arguments"u8]));
                break;
            case "custom_tool_call":
                Call(members, Wrapped(JsonContent.Inside(members["input"u8]).Span));
                break;
            case "function_call_output" or "custom_tool_call_output":
                Output(members);
                break;
            case "compaction" when !Summaries.IsSealed(JsonContent.Inside(members["encrypted_content"u8]).Span):
                User().Raw("\""u8).Raw(Summaries.LeadIn).Raw(JsonContent.Inside(members["encrypted_content"u8]))
                    .Raw("\"}"u8);
                break;
            case "compaction_trigger":
                User().Raw("\""u8).Raw(Summaries.Request).Raw("\"}"u8);
                State = State with { AsksForSummary = true };
                break;
            case "additional_tools":
                Offer(members["tools"u8]);
                break;
            default:
                State = State with { Omitted = State.Omitted.With(item.Type) };
                break;
        }
    }

    /// <summary>Closes what the item before left open.</summary>
    public void Close()
    {
        CloseAssistant();
        Attach();
    }

    private void Message(ItemRole role, ReadOnlyMemory<byte> content)
    {
        switch (role)
        {
            case ItemRole.Assistant:
                Attach();
                State = State with { Texts = State.Texts.AddRange(Texts(Read(content, takesMedia: false))) };
                break;
            case ItemRole.User:
                CloseAssistant();
                var parts = State.Attachments.AddRange(Read(content));
                Attached();
                WriteUser(parts);
                break;
            default:
                Close();
                output.Raw(",{\"role\":\"system\",\"content\":"u8);
                WriteText(Read(content, takesMedia: false));
                output.Raw("}"u8);
                break;
        }
    }

    private void Reason(in JsonMembers members)
    {
        if (reasoningField is null)
        {
            return;
        }

        Attach();
        var content = members["content"u8];
        var parts = Read(content.IsEmpty ? members["summary"u8] : content);
        State = State with { Reasoning = State.Reasoning.AddRange(Texts(parts)) };
    }

    private void Call(in JsonMembers members, ReadOnlySpan<byte> arguments)
    {
        Attach();
        var name = ToolNames.Flat(JsonContent.Text(members["namespace"u8]), JsonContent.Text(members["name"u8]) ?? "");
        output.Raw(State.HasCalls ? ","u8 : ",{\"role\":\"assistant\",\"tool_calls\":["u8)
            .Raw("{\"id\":"u8).Raw(members["call_id"u8]).Raw(",\"type\":\"function\",\"function\":{\"name\":"u8)
            .Quoted(name).Raw(",\"arguments\":\""u8).Raw(arguments).Raw("\"}}"u8);
        var id = JsonContent.Text(members["call_id"u8])!;
        State = State with
        {
            HasCalls = true,
            CountedCallIds = id.Length > CountedIdCharsMax ? State.CountedCallIds : State.CountedCallIds.Add(id),
        };
    }

    /// <summary>
    /// Arguments that are a JSON object, as they are. Others, of a call that was cut or a model that failed at it,
    /// would be refused by servers that parse them, with every later turn: they are carried as text.
    /// </summary>
    private static ReadOnlySpan<byte> Arguments(ReadOnlyMemory<byte> arguments)
    {
        var content = JsonContent.Inside(arguments).Span;
        var text = new byte[content.Length];
        var meant = text.AsSpan(0, JsonContent.Unescape(content, text)).Trim(" \t\r\n"u8);
        return IsObject(meant) ? content : meant.IsEmpty ? "{}"u8 : Wrapped(content);
    }

    private static bool IsObject(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            var isObject = reader.Read() && reader.TokenType == JsonTokenType.StartObject && reader.TrySkip();
            return isObject && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>Text as the one argument of a function, as custom tools are offered.</summary>
    private static ReadOnlySpan<byte> Wrapped(ReadOnlySpan<byte> content) => new BodyWriter(content.Length + 64)
        .Escaped("{\"input\":\""u8).Escaped(content).Escaped("\"}"u8).ToArray();

    private void Output(in JsonMembers members)
    {
        CloseAssistant();
        var parts = Read(members["output"u8]);
        var media = parts.FindAll(part => !part.IsText);
        output.Raw(",{\"role\":\"tool\",\"tool_call_id\":"u8).Raw(members["call_id"u8]).Raw(",\"content\":"u8);
        if (media.Count > 0 && !parts.Exists(part => part.IsText && !part.Bytes.IsEmpty))
        {
            output.Raw("\"(in the next user message)\""u8);
        }
        else
        {
            WriteText(parts);
        }

        output.Raw("}"u8);
        if (media.Count > 0)
        {
            var words = $"Output of the tool call {JsonContent.Text(members["call_id"u8])}:";
            var label = new ContentPart(IsText: true, new BodyWriter().Content(words).ToArray());
            State = State with { Attachments = State.Attachments.Add(label).AddRange(media) };
        }
    }

    /// <summary>A set that is offered again counts as offered now, and is not held twice.</summary>
    private void Offer(ReadOnlyMemory<byte> tools)
    {
        var known = State.Tools.Find(set => set.Json.Span.SequenceEqual(tools.Span));
        var others = known is null ? State.Tools : State.Tools.Remove(known);
        State = State with { Tools = others.Add(known ?? ToolSet.Read(tools)) };
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Texts(IEnumerable<ContentPart> parts) =>
        parts.Where(part => part.IsText).Select(part => part.Bytes);

    // What is no text has a place in a user's messages only.
    private List<ContentPart> Read(ReadOnlyMemory<byte> content, bool takesMedia = true)
    {
        var reader = new ContentReader(takesMedia);
        var parts = reader.Read(content);
        State = reader.Omitted.IsEmpty ? State : State with { Omitted = State.Omitted.With(reader.Omitted) };
        return parts;
    }

    /// <summary>Begins a user message up to its content.</summary>
    private BodyWriter User()
    {
        Close();
        return output.Raw(",{\"role\":\"user\",\"content\":"u8);
    }

    private void WriteUser(IReadOnlyList<ContentPart> parts)
    {
        output.Raw(",{\"role\":\"user\",\"content\":"u8);
        if (parts.All(part => part.IsText))
        {
            WriteText(parts);
        }
        else
        {
            WriteParts(parts);
        }

        output.Raw("}"u8);
    }

    /// <summary>
    /// The texts of parts as one string: every server takes that, and those that take parts join them the same way.
    /// </summary>
    private void WriteText(IEnumerable<ContentPart> parts)
    {
        output.Raw("\""u8);
        ContentReader.WriteTexts(output, Texts(parts), "\\n"u8);
        output.Raw("\""u8);
    }

    private void WriteParts(IReadOnlyList<ContentPart> parts)
    {
        for (var i = 0; i < parts.Count; i++)
        {
            output.Raw(i == 0 ? "["u8 : ","u8);
            parts[i].WriteTo(output);
        }

        output.Raw("]"u8);
    }

    private void CloseAssistant()
    {
        if (!State.IsOpen)
        {
            return;
        }

        output.Raw(State.HasCalls ? "]"u8 : ",{\"role\":\"assistant\""u8);
        if (State.Reasoning.Count > 0)
        {
            output.Raw(","u8).Quoted(reasoningField!).Raw(":\""u8);
            ContentReader.WriteTexts(output, State.Reasoning, "\\n\\n"u8);
            output.Raw("\""u8);
        }

        output.Raw(",\"content\":"u8);
        if (State.HasCalls && State.Texts.Count == 0)
        {
            output.Raw("null"u8);
        }
        else
        {
            output.Raw("\""u8);
            ContentReader.WriteTexts(output, State.Texts, "\\n\\n"u8);
            output.Raw("\""u8);
        }

        output.Raw("}"u8);
        State = State with { HasCalls = false, Texts = [], Reasoning = [] };
    }

    private void Attach()
    {
        if (State.Attachments.Count > 0)
        {
            WriteUser(State.Attachments);
            Attached();
        }
    }

    private void Attached() =>
        State = State.Attachments.Count > 0 ? State with { Attachments = [] } : State;
}
