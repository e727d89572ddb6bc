using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Completions;

/// <summary>
/// Writes messages as the items that they stand for, in order, a comma between items. An assistant's message becomes
/// its thoughts, its text and its calls; every other message becomes one item.
/// </summary>
/// <remarks>Source: OpenAI's package for Node 7.57.0, ChatCompletionMessageParam.</remarks>
/// <param name="output">Where the items go.</param>
internal sealed class MessageItems(RentedBuffer output)
{
    /// <summary>The members of a message that are read. A <c>name</c> has no place in an item.</summary>
    public static readonly string[] Members =
    [
        "role", "content", "tool_calls", "tool_call_id", "refusal", AnswerParts.ReasoningText, "reasoning",
        AnswerParts.ReasoningItems, "audio", "function_call",
    ];

    private static readonly string[] CallMembers = ["type", "id", "function", "custom"];
    private static readonly string[] FunctionMembers = ["name", "arguments"];
    private static readonly string[] CustomMembers = ["name", "input"];
    private static readonly string[] TypeMember = ["type"];

    // What answers them is an item of another type.
    private readonly HashSet<string> _customCalls = new(StringComparer.Ordinal);

    /// <summary>How many items were written.</summary>
    public int Count { get; private set; }

    /// <summary>Writes one message.</summary>
    /// <param name="message">Its <see cref="Members"/>.</param>
    /// <param name="path">Where it stands, for refusals.</param>
    /// <exception cref="ConversationException">It cannot be an item; the refusal names what is wrong.</exception>
    public void Write(in JsonSlots message, string path)
    {
        _ = CompletionRefusals.NeedText(message, "role", path);
        switch (JsonSlots.TextOf(message["role"]))
        {
            case "system":
                Say(message, "system"u8, ContentKind.Texts, path);
                break;
            case "developer":
                Say(message, "developer"u8, ContentKind.Texts, path);
                break;
            case "user":
                Say(message, "user"u8, ContentKind.Media, path);
                break;
            case "assistant":
                Assist(message, path);
                break;
            case "tool":
                Answer(message, path);
                break;
            case "function":
                throw CompletionRefusals.Invalid(
                    "The role 'function' is not taken: answer a call of 'tool_calls' with the role 'tool'.",
                    $"{path}.role");
            case var role:
                throw CompletionRefusals.Invalid($"The role '{RoutingFields.Shorten(role!)}' is not known: " +
                    "system, developer, user, assistant or tool.", $"{path}.role");
        }
    }

    private void Say(in JsonSlots message, ReadOnlySpan<byte> role, ContentKind kind, string path)
    {
        Begin("message"u8);
        output.Append(",\"role\":\""u8);
        output.Append(role);
        output.Append("\",\"content\":"u8);
        MessageParts.Write(output, message["content"], kind, $"{path}.content");
        output.Append("}"u8);
    }

    private void Assist(in JsonSlots message, string path)
    {
        foreach (var name in (string[])["audio", "function_call"])
        {
            if (!message[name].IsEmpty)
            {
                throw CompletionRefusals.Invalid(
                    $"'{path}.{name}' is not taken: a message has texts and 'tool_calls'.", $"{path}.{name}");
            }
        }

        Think(message, path);
        var calls = message["tool_calls"];
        Speak(message, hasCalls: !calls.IsEmpty, path);
        if (!calls.IsEmpty)
        {
            Call(calls, $"{path}.tool_calls");
        }
    }

    /// <summary>Writes the text of an assistant; none where it only calls tools.</summary>
    private void Speak(in JsonSlots message, bool hasCalls, string path)
    {
        var (content, refusal) = (message["content"], message["refusal"]);

        // Clients send null, "" or [] with calls: two bytes have no room for a text.
        var isEmpty = content.IsEmpty || (hasCalls && content.Length == 2);
        if (isEmpty && refusal.IsEmpty)
        {
            return;
        }

        Begin("message"u8);
        output.Append(",\"role\":\"assistant\",\"content\":"u8);
        if (refusal.IsEmpty)
        {
            MessageParts.Write(output, content, ContentKind.Answer, $"{path}.content");
            output.Append("}"u8);
            return;
        }

        output.Append("["u8);
        if (JsonSlots.IsString(content) && !isEmpty)
        {
            output.Append("{\"type\":\"output_text\",\"text\":"u8);
            output.Append(content.Span);
            output.Append("},"u8);
        }
        else if (!isEmpty)
        {
            MessageParts.WriteParts(output, content, ContentKind.Answer, $"{path}.content");
            output.Append(","u8);
        }

        output.Append("{\"type\":\"refusal\",\"refusal\":"u8);
        output.Append(CompletionRefusals.NeedText(message, "refusal", path));
        output.Append("}]}"u8);
    }

    /// <summary>Writes what the model thought: whole items where the client kept them, else the text.</summary>
    private void Think(in JsonSlots message, string path)
    {
        var items = message[AnswerParts.ReasoningItems];
        if (!items.IsEmpty)
        {
            ThinkAgain(items, $"{path}.{AnswerParts.ReasoningItems}");
            return;
        }

        var text = message[AnswerParts.ReasoningText] is { IsEmpty: false } said ? said : message["reasoning"];
        if (JsonSlots.IsString(text) && text.Length > 2)
        {
            Begin("reasoning"u8);
            output.Append(",\"summary\":[],\"content\":[{\"type\":\"reasoning_text\",\"text\":"u8);
            output.Append(text.Span);
            output.Append("}]}"u8);
        }
    }

    private void ThinkAgain(ReadOnlyMemory<byte> items, string path)
    {
        if (!JsonSlots.IsArray(items))
        {
            throw CompletionRefusals.Invalid($"'{path}' must be an array.", path);
        }

        var reader = new Utf8JsonReader(items.Span);
        reader.Read();
        for (var i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
        {
            var start = (int)reader.TokenStartIndex;
            var item = JsonSlots.Read(ref reader, items, TypeMember, $"{path}[{i}]");
            if (JsonSlots.TextOf(item["type"]) != "reasoning")
            {
                throw CompletionRefusals.Invalid($"'{path}[{i}].type' must be 'reasoning'.", $"{path}[{i}].type");
            }

            Separate();
            output.Append(items.Span[start..(int)reader.BytesConsumed]);
        }
    }

    private void Call(ReadOnlyMemory<byte> calls, string path)
    {
        if (!JsonSlots.IsArray(calls))
        {
            throw CompletionRefusals.Invalid($"'{path}' must be an array.", path);
        }

        var reader = new Utf8JsonReader(calls.Span);
        reader.Read();
        for (var i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
        {
            var at = $"{path}[{i}]";
            var call = JsonSlots.Read(ref reader, calls, CallMembers, at);
            var type = JsonSlots.TextOf(call["type"]) ?? "function";
            if (type is not ("function" or "custom"))
            {
                throw CompletionRefusals.Invalid($"'{at}.type' must be 'function' or 'custom'.", $"{at}.type");
            }

            WriteCall(call, isCustom: type == "custom", at);
        }
    }

    private void WriteCall(in JsonSlots call, bool isCustom, string path)
    {
        var id = CompletionRefusals.NeedText(call, "id", path);
        var kind = isCustom ? "custom" : "function";
        if (call[kind].IsEmpty)
        {
            throw CompletionRefusals.Missing($"{path}.{kind}");
        }

        var called = JsonSlots.Read(call[kind], isCustom ? CustomMembers : FunctionMembers, $"{path}.{kind}");
        Begin(isCustom ? "custom_tool_call"u8 : "function_call"u8);
        JsonAppends.Member(output, "call_id", id);
        foreach (var name in isCustom ? CustomMembers : FunctionMembers)
        {
            JsonAppends.Member(output, name, CompletionRefusals.NeedText(called, name, $"{path}.{kind}"));
        }

        output.Append("}"u8);
        if (isCustom)
        {
            _customCalls.Add(JsonSlots.TextOf(call["id"])!);
        }
    }

    private void Answer(in JsonSlots message, string path)
    {
        var id = CompletionRefusals.NeedText(message, "tool_call_id", path);
        Begin(_customCalls.Count > 0 && _customCalls.Contains(JsonSlots.TextOf(message["tool_call_id"])!)
            ? "custom_tool_call_output"u8
            : "function_call_output"u8);
        JsonAppends.Member(output, "call_id", id);
        output.Append(",\"output\":"u8);
        MessageParts.Write(output, message["content"], ContentKind.Media, $"{path}.content");
        output.Append("}"u8);
    }

    private void Begin(ReadOnlySpan<byte> type)
    {
        Separate();
        output.Append("{\"type\":\""u8);
        output.Append(type);
        output.Append("\""u8);
    }

    private void Separate() => output.Append(Count++ > 0 ? ","u8 : default);
}
