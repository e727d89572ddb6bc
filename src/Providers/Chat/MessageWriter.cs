using Evergrain.Providers.Dialects;

namespace Evergrain.Providers.Chat;

/// <summary>
/// Writes messages behind a state: bytes that continue the array of messages, each message with the comma before it.
/// </summary>
/// <param name="before">What the item before left.</param>
/// <param name="dialect">How the server wants its messages.</param>
/// <param name="output">Where the bytes go.</param>
internal sealed class MessageWriter(ChatState before, Dialect dialect, BodyWriter output)
{
    /// <summary>The state behind what was written.</summary>
    public ChatState State { get; set; } = before;

    // Stand where speakers must alternate and nobody said anything. Servers refuse empty texts.
    private static ReadOnlySpan<byte> UserFiller => "\"Continue.\""u8;

    private static ReadOnlySpan<byte> AssistantFiller => "\"Noted.\""u8;

    private static ReadOnlySpan<byte> SystemLabel => "System message:"u8;

    /// <summary>
    /// Adds a system message. Those before all others are one text, which the message of the instructions begins.
    /// </summary>
    public void System(List<ContentPart> parts)
    {
        if (State.IsLeading)
        {
            Lead(parts);
        }
        else if (dialect.LaterSystem == "system")
        {
            Close();
            Begin(Speaker.System).Raw(",\"content\":"u8);
            WriteText(parts);
            output.Raw("}"u8);
        }
        else
        {
            Say([new ContentPart(IsText: true, SystemLabel.ToArray()), .. parts]);
        }
    }

    /// <summary>Adds what a user says.</summary>
    public void Say(List<ContentPart> parts)
    {
        if (dialect.Alternates && parts.TrueForAll(static part => part is { IsText: true, Bytes.IsEmpty: true }))
        {
            // Templates and servers refuse a message of nothing.
            return;
        }

        CloseAssistant();
        var all = State.Attachments.IsEmpty ? parts : [.. State.Attachments, .. parts];
        var hasMedia = all.Exists(static part => !part.IsText);
        if (State.User != OpenContent.None && (!dialect.Alternates || (hasMedia && State.User == OpenContent.Text)))
        {
            CloseUser();
        }

        State = State with { Attachments = [] };
        switch (State.User)
        {
            case OpenContent.None:
                BeginUser(all, hasMedia);
                break;
            case OpenContent.Text:
                output.Raw(ContentReader.Paragraph);
                ContentReader.WriteTexts(output, Texts(all), "\\n"u8);
                break;
            case OpenContent.Parts:
                WriteParts(all, ","u8);
                break;
        }
    }

    /// <summary>Adds what the assistant says; nothing where it is empty.</summary>
    public void Speak(IEnumerable<ReadOnlyMemory<byte>> texts)
    {
        foreach (var text in texts.Where(static text => !text.IsEmpty))
        {
            CloseUser();
            State = State with { Texts = State.Texts.Add(text) };
        }
    }

    /// <summary>Adds what the assistant thinks.</summary>
    public void Think(IEnumerable<ReadOnlyMemory<byte>> texts)
    {
        foreach (var text in texts.Where(static text => !text.IsEmpty))
        {
            CloseUser();
            State = State with { Reasoning = State.Reasoning.Add(text) };
        }
    }

    /// <summary>Adds members that the server wants back in the assistant's message.</summary>
    public void Return(ReadOnlyMemory<byte> json)
    {
        CloseUser();
        State = State with { Extras = State.Extras.Add(json) };
    }

    /// <summary>Adds a call to the assistant's message, as an element of its <c>tool_calls</c>.</summary>
    public void Call(string id, BodyWriter call)
    {
        CloseUser();
        if (State.HasCalls)
        {
            output.Raw(","u8);
        }
        else
        {
            Begin(Speaker.Assistant).Raw(",\"tool_calls\":["u8);
        }

        output.Raw(call.ToArray());
        State = State with { HasCalls = true, Open = State.Open.Add(id) };
    }

    /// <summary>Writes a tool's message. What is no text waits for the user's next message.</summary>
    public void Tool(string id, ReadOnlySpan<byte> quotedId, List<ContentPart> parts)
    {
        CloseAssistant();
        if (State.User != OpenContent.None)
        {
            CloseUser();
        }

        var media = parts.FindAll(static part => !part.IsText);
        Begin(Speaker.Tool).Raw(",\"tool_call_id\":"u8).Raw(quotedId).Raw(",\"content\":"u8);
        if (media.Count > 0 && !parts.Exists(static part => part is { IsText: true, Bytes.IsEmpty: false }))
        {
            output.Raw("\"(in the next user message)\""u8);
        }
        else
        {
            WriteText(parts);
        }

        output.Raw("}"u8);
        State = State with { Open = State.Open.Remove(id) };
        if (media.Count > 0)
        {
            var label = new BodyWriter().Content($"Output of the tool call {id}:").ToArray();
            State = State with
            {
                Attachments = State.Attachments.Add(new ContentPart(IsText: true, label)).AddRange(media),
            };
        }
    }

    /// <summary>Closes the message that is open.</summary>
    public void Close()
    {
        CloseAssistant();
        CloseUser();
    }

    /// <summary>Closes all of it: a call of the model follows.</summary>
    public void End()
    {
        Close();
        if (dialect.Alternates && State.Last is not (Speaker.User or Speaker.Tool))
        {
            Begin(Speaker.User).Raw(",\"content\":"u8).Raw(UserFiller).Raw("}"u8);
        }
        else if (State is { Last: Speaker.None, HasLead: true })
        {
            output.Raw("\"}"u8);
        }
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Texts(IEnumerable<ContentPart> parts) =>
        parts.Where(static part => part.IsText).Select(static part => part.Bytes);

    private void Lead(List<ContentPart> parts)
    {
        var texts = Texts(parts).Where(static text => !text.IsEmpty).ToList();
        if (texts.Count > 0)
        {
            output.Raw(ContentReader.Paragraph);
            ContentReader.WriteTexts(output, texts, "\\n"u8);
            State = State with { HasLead = true };
        }
    }

    /// <summary>Begins a message up to its role, behind what must stand between it and the one before.</summary>
    private BodyWriter Begin(Speaker speaker)
    {
        if (State is { Last: Speaker.None, HasLead: true })
        {
            output.Raw("\"}"u8);
        }

        if (dialect.Alternates && speaker == Speaker.User && State.Last is Speaker.Tool or Speaker.User)
        {
            output.Raw(",{\"role\":\"assistant\",\"content\":"u8).Raw(AssistantFiller).Raw("}"u8);
        }
        else if (dialect.Alternates && speaker == Speaker.Assistant && State.Last is Speaker.None or Speaker.System)
        {
            output.Raw(",{\"role\":\"user\",\"content\":"u8).Raw(UserFiller).Raw("}"u8);
        }

        State = State with { Last = speaker };
        return output.Raw(",{\"role\":\""u8).Raw(RoleOf(speaker)).Raw("\""u8);
    }

    private static ReadOnlySpan<byte> RoleOf(Speaker speaker) => speaker switch
    {
        Speaker.System => "system"u8,
        Speaker.User => "user"u8,
        Speaker.Assistant => "assistant"u8,
        _ => "tool"u8,
    };

    private void BeginUser(List<ContentPart> parts, bool hasMedia)
    {
        Begin(Speaker.User).Raw(",\"content\":"u8);
        if (hasMedia)
        {
            WriteParts(parts, "["u8);
        }
        else
        {
            output.Raw("\""u8);
            ContentReader.WriteTexts(output, Texts(parts), "\\n"u8);
        }

        State = State with { User = hasMedia ? OpenContent.Parts : OpenContent.Text };
    }

    private void CloseUser()
    {
        if (State is { User: OpenContent.None, Attachments.IsEmpty: false })
        {
            BeginUser([.. State.Attachments], hasMedia: true);
            State = State with { Attachments = [] };
        }

        if (State.User != OpenContent.None)
        {
            output.Raw(State.User == OpenContent.Text ? "\"}"u8 : "]}"u8);
            State = State with { User = OpenContent.None };
        }
    }

    private void CloseAssistant()
    {
        if (!State.HasCalls && State.Texts.Count == 0)
        {
            // Servers refuse a message without a text and calls, so thoughts alone are left out.
            State = State.IsOpen ? State with { Reasoning = [], Extras = [] } : State;
            return;
        }

        _ = State.HasCalls ? output.Raw("]"u8) : Begin(Speaker.Assistant);
        var thinks = State.Reasoning.Count > 0 && !dialect.ReasoningWithCalls;
        if (dialect.ReasoningField is { } field && (thinks || (State.HasCalls && dialect.ReasoningWithCalls)))
        {
            output.Raw(","u8).Quoted(field).Raw(":\""u8);
            ContentReader.WriteTexts(output, State.Reasoning, ContentReader.Paragraph);
            output.Raw("\""u8);
        }

        ReturnedMembers.WriteTo(output, State.Extras);
        output.Raw(",\"content\":"u8);
        if (State.Texts.Count == 0)
        {
            output.Raw("null"u8);
        }
        else
        {
            output.Raw("\""u8);
            ContentReader.WriteTexts(output, State.Texts, ContentReader.Paragraph);
            output.Raw("\""u8);
        }

        output.Raw("}"u8);
        State = State with { HasCalls = false, Texts = [], Reasoning = [], Extras = [] };
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

    private void WriteParts(IEnumerable<ContentPart> parts, ReadOnlySpan<byte> opening)
    {
        foreach (var part in parts)
        {
            if (part is not { IsText: true, Bytes.IsEmpty: true })
            {
                output.Raw(opening);
                part.WriteTo(output);
                opening = ","u8;
            }
        }
    }
}
