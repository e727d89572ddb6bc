using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Completions;

/// <summary>What a chat message has of the output items of a response, in slices of their bytes.</summary>
internal sealed class AnswerParts
{
    /// <summary>
    /// The member of a message that holds what the model thought, as text. Source: DeepSeek's API; vLLM and clients of
    /// both took it over.
    /// </summary>
    public const string ReasoningText = "reasoning_content";

    /// <summary>
    /// The member of a message that holds reasoning items of which a text alone is not all: summaries and what a
    /// server sealed. A client that sends it back loses nothing of them.
    /// </summary>
    public const string ReasoningItems = "reasoning_items";

    private static readonly string[] Members =
    [
        "type", "content", "summary", "encrypted_content", "call_id", "name", "arguments", "input",
    ];

    private static readonly string[] PartMembers = ["type", "text", "refusal", "logprobs"];

    /// <summary>The texts of messages, as strings.</summary>
    public List<ReadOnlyMemory<byte>> Texts { get; } = [];

    /// <summary>The refusals in messages, as strings.</summary>
    public List<ReadOnlyMemory<byte>> Refusals { get; } = [];

    /// <summary>What was thought, as strings.</summary>
    public List<ReadOnlyMemory<byte>> Thoughts { get; } = [];

    /// <summary>The reasoning items, whole.</summary>
    public List<ReadOnlyMemory<byte>> Reasoning { get; } = [];

    /// <summary>Whether a text alone does not tell all of them.</summary>
    public bool NeedsReasoning { get; private set; }

    /// <summary>Log probabilities of the texts' tokens, as insides of arrays.</summary>
    public List<ReadOnlyMemory<byte>> Logprobs { get; } = [];

    /// <summary>The calls.</summary>
    public List<AnswerCall> Calls { get; } = [];

    /// <summary>Adds what a message has of an output item; nothing of one that chat completions do not know.</summary>
    public void Add(ReadOnlyMemory<byte> item)
    {
        var slots = JsonSlots.Read(item, Members, "output");
        switch (JsonSlots.TextOf(slots["type"]))
        {
            case "message":
                AddMessage(slots["content"]);
                break;
            case "reasoning":
                AddReasoning(item, slots);
                break;
            case "function_call":
                Calls.Add(new AnswerCall(slots["call_id"], slots["name"], slots["arguments"], IsCustom: false));
                break;
            case "custom_tool_call":
                Calls.Add(new AnswerCall(slots["call_id"], slots["name"], slots["input"], IsCustom: true));
                break;
        }
    }

    private void AddMessage(ReadOnlyMemory<byte> content)
    {
        foreach (var element in JsonAppends.Elements(content))
        {
            var part = JsonSlots.Read(element, PartMembers, "content");
            if (JsonSlots.IsString(part["text"]))
            {
                Texts.Add(part["text"]);
            }
            else if (JsonSlots.IsString(part["refusal"]))
            {
                Refusals.Add(part["refusal"]);
            }

            if (JsonSlots.IsArray(part["logprobs"]) && part["logprobs"].Length > 2)
            {
                Logprobs.Add(part["logprobs"][1..^1]);
            }
        }
    }

    private void AddReasoning(ReadOnlyMemory<byte> item, in JsonSlots slots)
    {
        var (summary, content) = (TextsOf(slots["summary"]), TextsOf(slots["content"]));
        Thoughts.AddRange(content.Count > 0 ? content : summary);
        Reasoning.Add(item);
        NeedsReasoning |= summary.Count > 0 || content.Count > 1 || !slots["encrypted_content"].IsEmpty;
    }

    private static List<ReadOnlyMemory<byte>> TextsOf(ReadOnlyMemory<byte> parts) =>
        [.. JsonAppends.Elements(parts).Select(static part => JsonSlots.Read(part, PartMembers, "content")["text"])
            .Where(JsonSlots.IsString)];
}

/// <summary>One call of a tool, its values as strings of JSON.</summary>
/// <param name="Id">By what its output names it.</param>
/// <param name="Name">The tool.</param>
/// <param name="Argument">The arguments, or a custom tool's input.</param>
/// <param name="IsCustom">Whether it is a custom tool.</param>
internal readonly record struct AnswerCall(
    ReadOnlyMemory<byte> Id, ReadOnlyMemory<byte> Name, ReadOnlyMemory<byte> Argument, bool IsCustom)
{
    /// <summary>Writes the call as chat messages have it, up to its argument.</summary>
    public void WriteStart(RentedBuffer output)
    {
        output.Append("\"id\":"u8);
        output.Append(Id.Span);
        output.Append(IsCustom
            ? ",\"type\":\"custom\",\"custom\":{\"name\":"u8
            : ",\"type\":\"function\",\"function\":{\"name\":"u8);
        output.Append(Name.Span);
        output.Append(IsCustom ? ",\"input\":"u8 : ",\"arguments\":"u8);
    }
}
