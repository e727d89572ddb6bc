using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Providers.Dialects;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Chat;

/// <summary>
/// Renders one item behind a state. What may not stand between calls and their outputs waits: everything else keeps
/// its order.
/// </summary>
internal sealed class ItemRenderer
{
    // OpenAI's ids have 24 random characters and more, vLLM's 32; "call_0" is counted.
    private const int CountedIdCharsMax = 15;

    // Clients offer a handful; a create of nothing else may have 32,768.
    private const int ToolSetsSearched = 256;

    private readonly Dialect _dialect;
    private readonly string _server;
    private readonly MessageWriter _messages;

    /// <summary>Begins behind an item.</summary>
    /// <param name="before">What the item before left.</param>
    /// <param name="dialect">How the server wants its messages.</param>
    /// <param name="server">The server's name, for what it wants back.</param>
    /// <param name="output">Where the bytes go.</param>
    public ItemRenderer(ChatState before, Dialect dialect, string server, BodyWriter output)
    {
        (_dialect, _server) = (dialect, server);
        _messages = new MessageWriter(before, dialect, output);
    }

    /// <summary>The state behind the item.</summary>
    public ChatState State
    {
        get => _messages.State;
        private set => _messages.State = value;
    }

    /// <summary>Renders the item.</summary>
    public void Render(Item item)
    {
        Note(item);
        if (IsOutput(item.Type))
        {
            Answer(item);
        }
        else if (State.Open.IsEmpty || Joins(item, isNext: State.Waiting.IsEmpty))
        {
            Write(item);
        }
        else if (IsWritten(item.Type))
        {
            State = State with { Waiting = State.Waiting.Add(item) };
        }
    }

    /// <summary>Writes what is still open: a call of the model follows.</summary>
    public void End()
    {
        // Nothing can follow in this context: what waits is written although a call has no output.
        var waiting = State.Waiting;
        State = State with { Waiting = [] };
        foreach (var item in waiting)
        {
            Write(item);
        }

        _messages.End();
    }

    private static bool IsOutput(string type) => type is "function_call_output" or "custom_tool_call_output";

    private static bool IsCall(string type) => type is "function_call" or "custom_tool_call";

    private static bool IsWritten(string type) =>
        IsCall(type) || IsOutput(type) || type is "message" or "reasoning" or "compaction" or "compaction_trigger";

    private static string CallIdOf(Item item) => JsonContent.Text(JsonMembers.Of(item.Json)["call_id"u8]) ?? "";

    /// <summary>Notes what an item says about the whole of the context, whether it is written now or later.</summary>
    private void Note(Item item)
    {
        State = State.AsksForSummary ? State with { AsksForSummary = false } : State;
        switch (item.Type)
        {
            case "compaction_trigger":
                State = State with { AsksForSummary = true };
                break;
            case "additional_tools":
                Offer(JsonMembers.Of(item.Json)["tools"u8]);
                break;
            case "compaction" when IsSealed(item):
            case var type when !IsWritten(type):
                State = State with { Omitted = State.Omitted.With(item.Type) };
                break;
            case var type when IsCall(type) && CallIdOf(item) is { Length: <= CountedIdCharsMax } id:
                State = State with { CountedCallIds = State.CountedCallIds.Add(id) };
                break;
        }
    }

    /// <summary>Whether an item belongs to the open assistant message, whose calls are not answered yet.</summary>
    private bool Joins(Item item, bool isNext) => State.HasCalls && (IsCall(item.Type)
        ? _dialect.ParallelCalls
        : isNext && (item.Type == "reasoning" || item.Role == ItemRole.Assistant));

    /// <summary>Writes an output behind its call, or keeps it until its call is written.</summary>
    private void Answer(Item item)
    {
        var id = CallIdOf(item);
        if (!State.Open.IsEmpty && !State.Open.Contains(id))
        {
            State = State with { Early = State.Early.SetItem(id, item) };
            return;
        }

        Write(item);
        if (State.Open.IsEmpty)
        {
            GoOn();
        }
    }

    /// <summary>Writes what waits, up to the next call that has no output yet.</summary>
    private void GoOn()
    {
        while (!State.Waiting.IsEmpty)
        {
            var next = State.Waiting[0];
            if (!State.Open.IsEmpty && !Joins(next, isNext: true))
            {
                WriteEarly();
                if (!State.Open.IsEmpty)
                {
                    return;
                }
            }

            State = State with { Waiting = State.Waiting.RemoveAt(0) };
            Write(next);
        }

        WriteEarly();
    }

    private void WriteEarly()
    {
        if (State.Early.IsEmpty)
        {
            return;
        }

        // In an order that is the same in every process.
        foreach (var id in State.Open.Where(State.Early.ContainsKey).Order(StringComparer.Ordinal).ToList())
        {
            var output = State.Early[id];
            State = State with { Early = State.Early.Remove(id) };
            Write(output);
        }
    }

    private void Write(Item item)
    {
        var members = JsonMembers.Of(item.Json);
        switch (item.Type)
        {
            case "message":
                Message(item, members["content"u8]);
                break;
            case "reasoning":
                Reason(item, members);
                break;
            case "function_call":
                Call(item, members, Arguments(members["arguments"u8]));
                break;
            case "custom_tool_call":
                Call(item, members, Wrapped(PairedEscapes.Of(JsonContent.Inside(members["input"u8])).Span));
                break;
            case "function_call_output" or "custom_tool_call_output":
                var id = CallIdOf(item);
                _messages.Tool(id, Quoted(ToolNames.CallId(id, _dialect)), Read(members["output"u8]));
                break;
            case "compaction" when !IsSealed(item):
                _messages.Say([Text(Summaries.LeadIn), Text(JsonContent.Inside(members["encrypted_content"u8]).Span)]);
                break;
            case "compaction_trigger":
                _messages.Say([Text(Summaries.Request)]);
                break;
        }
    }

    private void Message(Item item, ReadOnlyMemory<byte> content)
    {
        switch (item.Role)
        {
            case ItemRole.Assistant:
                _messages.Speak(Texts(Read(content, takesMedia: false)));
                Return(item);
                break;
            case ItemRole.User:
                _messages.Say(Read(content));
                break;
            default:
                _messages.System(Read(content, takesMedia: false));
                break;
        }
    }

    private void Reason(Item item, in JsonMembers members)
    {
        Return(item);
        if (_dialect.ReasoningField is not null)
        {
            var content = members["content"u8];
            _messages.Think(Texts(Read(content.IsEmpty ? members["summary"u8] : content)));
        }
    }

    private void Return(Item item)
    {
        if (ReturnedMembers.Of(item, _server) is { IsEmpty: false } kept)
        {
            _messages.Return(kept);
        }
    }

    private void Call(Item item, in JsonMembers members, ReadOnlySpan<byte> arguments)
    {
        var (own, message) = ReturnedMembers.Split(ReturnedMembers.Of(item, _server));
        if (!message.IsEmpty)
        {
            _messages.Return(message);
        }

        var id = CallIdOf(item);
        var name = ToolNames.Flat(JsonContent.Text(members["namespace"u8]), JsonContent.Text(members["name"u8]) ?? "");
        var call = new BodyWriter(arguments.Length + 128).Raw("{\"id\":"u8).Raw(Quoted(ToolNames.CallId(id, _dialect)))
            .Raw(",\"type\":\"function\",\"function\":{\"name\":"u8).Quoted(name)
            .Raw(",\"arguments\":\""u8).Raw(arguments).Raw("\"}"u8);
        ReturnedMembers.WriteTo(call, own.IsEmpty ? [] : [own]);
        call.Raw(own.IsEmpty && !State.HasCalls ? Encoding.UTF8.GetBytes(_dialect.ForeignCall) : default);
        _messages.Call(id, call.Raw("}"u8));
    }

    private static byte[] Quoted(string text) => new BodyWriter(text.Length + 8).Quoted(text).ToArray();

    private static bool IsSealed(Item item) =>
        Summaries.IsSealed(JsonContent.Inside(JsonMembers.Of(item.Json)["encrypted_content"u8]).Span);

    /// <summary>
    /// Arguments that are a JSON object, as they are. Others, of a call that was cut or a model that failed at it,
    /// would be refused by servers that parse them, with every later turn: they are carried as text.
    /// </summary>
    private static ReadOnlySpan<byte> Arguments(ReadOnlyMemory<byte> arguments)
    {
        var content = PairedEscapes.Of(JsonContent.Inside(arguments));
        var text = new byte[content.Length];
        var meant = text.AsMemory(0, JsonContent.Unescape(content.Span, text)).Trim(" \t\r\n"u8);
        if (!IsObject(meant.Span))
        {
            return meant.IsEmpty ? "{}"u8 : Wrapped(content.Span);
        }

        // The server reads the arguments as JSON, too: a half may be spelled in there.
        ReadOnlyMemory<byte> whole = meant;
        var paired = PairedEscapes.Of(whole);
        return paired.Equals(whole) ? content.Span : new BodyWriter(content.Length).Escaped(paired.Span).ToArray();
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

    /// <summary>
    /// A set that is offered again counts as offered now, and is not held twice, unless there are too many to look.
    /// </summary>
    private void Offer(ReadOnlyMemory<byte> tools)
    {
        var known = State.Tools.Count > ToolSetsSearched ? null
            : State.Tools.Find(set => set.Json.Span.SequenceEqual(tools.Span));
        var others = known is null ? State.Tools : State.Tools.Remove(known);
        State = State with { Tools = others.Add(known ?? ToolSet.Read(tools)) };
    }

    private static ContentPart Text(ReadOnlySpan<byte> content) => new(IsText: true, content.ToArray());

    private static IEnumerable<ReadOnlyMemory<byte>> Texts(IEnumerable<ContentPart> parts) =>
        parts.Where(static part => part.IsText).Select(static part => part.Bytes);

    // What is no text has a place in a user's messages only.
    private List<ContentPart> Read(ReadOnlyMemory<byte> content, bool takesMedia = true)
    {
        var reader = new ContentReader(_dialect, takesMedia);
        var parts = reader.Read(content);
        State = reader.Omitted.IsEmpty ? State : State with { Omitted = State.Omitted.With(reader.Omitted) };
        return parts;
    }
}
