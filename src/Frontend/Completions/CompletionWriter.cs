using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Completions;

/// <summary>Writes a response as a chat completion.</summary>
/// <remarks>Source: OpenAI's package for Node 7.57.0, ChatCompletion.</remarks>
internal static class CompletionWriter
{
    /// <summary>The members of a response that a completion or its chunks tell something of.</summary>
    public static readonly string[] Members =
    [
        "id", "created_at", "model", "status", "incomplete_details", "metadata", "output", "service_tier", "usage",
        "evergrain",
    ];

    private static readonly string[] IncompleteMembers = ["reason"];

    private static readonly string[] UsageMembers =
        ["input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details", "total_tokens"];

    private static readonly string[] DetailMembers = ["cached_tokens", "reasoning_tokens"];

    /// <summary>Writes the completion of a response that has ended.</summary>
    public static void Write(RentedBuffer output, ReadOnlyMemory<byte> response)
    {
        var slots = JsonSlots.Read(response, Members, "response");
        var answer = new AnswerParts();
        foreach (var item in JsonAppends.Elements(slots["output"]))
        {
            answer.Add(item);
        }

        WriteHead(output, slots, "chat.completion"u8);
        output.Append("{\"index\":0,\"message\":"u8);
        WriteMessage(output, answer);
        output.Append(",\"logprobs\":"u8);
        WriteLogprobs(output, answer.Logprobs);
        output.Append(",\"finish_reason\":"u8);
        output.Append(FinishOf(slots, answer.Calls.Count > 0));
        output.Append("}],\"usage\":"u8);
        WriteUsage(output, slots["usage"]);
        JsonAppends.Member(output, "metadata", slots["metadata"].IsEmpty ? "{}"u8 : slots["metadata"].Span);
        if (slots["evergrain"] is { IsEmpty: false } ours)
        {
            JsonAppends.Member(output, "evergrain", ours.Span);
        }

        output.Append("}"u8);
    }

    /// <summary>Writes an object up to its choices: <c>{"id":…,"choices":[</c>.</summary>
    public static void WriteHead(RentedBuffer output, in JsonSlots response, ReadOnlySpan<byte> type)
    {
        output.Append("{\"id\":\""u8);
        CompletionId.Write(output, response["id"].Span);
        output.Append("\",\"object\":\""u8);
        output.Append(type);
        output.Append("\",\"created\":"u8);
        output.Append(response["created_at"].Span);
        JsonAppends.Member(output, "model", response["model"].Span);
        if (response["service_tier"] is { IsEmpty: false } tier)
        {
            JsonAppends.Member(output, "service_tier", tier.Span);
        }

        output.Append(",\"choices\":["u8);
    }

    /// <summary>Why a turn ended, as JSON.</summary>
    public static ReadOnlySpan<byte> FinishOf(in JsonSlots response, bool hasCalls)
    {
        if (response["incomplete_details"] is { IsEmpty: false } details)
        {
            var reason = JsonSlots.Read(details, IncompleteMembers, "incomplete_details")["reason"];
            return JsonSlots.TextOf(reason) == "content_filter" ? "\"content_filter\""u8 : "\"length\""u8;
        }

        return hasCalls ? "\"tool_calls\""u8 : "\"stop\""u8;
    }

    /// <summary>Writes what a turn used; null where that is not known.</summary>
    public static void WriteUsage(RentedBuffer output, ReadOnlyMemory<byte> usage)
    {
        if (usage.IsEmpty)
        {
            output.Append("null"u8);
            return;
        }

        var slots = JsonSlots.Read(usage, UsageMembers, "usage");
        output.Append("{\"prompt_tokens\":"u8);
        output.Append(slots["input_tokens"].Span);
        JsonAppends.Member(output, "completion_tokens", slots["output_tokens"].Span);
        JsonAppends.Member(output, "total_tokens", slots["total_tokens"].Span);
        output.Append(",\"prompt_tokens_details\":{\"cached_tokens\":"u8);
        output.Append(Detail(slots["input_tokens_details"], "cached_tokens"));
        output.Append(",\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":"u8);
        output.Append(Detail(slots["output_tokens_details"], "reasoning_tokens"));
        output.Append(
            ",\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}"u8);
    }

    /// <summary>Writes the message of an answer.</summary>
    public static void WriteMessage(RentedBuffer output, AnswerParts answer)
    {
        output.Append("{\"role\":\"assistant\",\"content\":"u8);
        WriteText(output, answer.Texts);
        output.Append(",\"refusal\":"u8);
        WriteText(output, answer.Refusals);
        output.Append(",\"annotations\":[]"u8);
        if (answer.Thoughts.Count > 0)
        {
            output.Append(",\"reasoning_content\":"u8);
            JsonAppends.Joined(output, answer.Thoughts);
        }

        if (answer.NeedsReasoning)
        {
            output.Append(",\"reasoning_items\":"u8);
            WriteArray(output, answer.Reasoning);
        }

        if (answer.Calls.Count > 0)
        {
            WriteCalls(output, answer.Calls);
        }

        output.Append("}"u8);
    }

    /// <summary>Writes values as an array.</summary>
    public static void WriteArray(RentedBuffer output, List<ReadOnlyMemory<byte>> values)
    {
        output.Append("["u8);
        for (var i = 0; i < values.Count; i++)
        {
            output.Append(i > 0 ? ","u8 : default);
            output.Append(values[i].Span);
        }

        output.Append("]"u8);
    }

    private static void WriteText(RentedBuffer output, List<ReadOnlyMemory<byte>> texts)
    {
        if (texts.Count == 0)
        {
            output.Append("null"u8);
        }
        else
        {
            JsonAppends.Joined(output, texts);
        }
    }

    private static void WriteCalls(RentedBuffer output, List<AnswerCall> calls)
    {
        output.Append(",\"tool_calls\":["u8);
        for (var i = 0; i < calls.Count; i++)
        {
            output.Append(i > 0 ? ",{"u8 : "{"u8);
            calls[i].WriteStart(output);
            output.Append(calls[i].Argument.Span);
            output.Append("}}"u8);
        }

        output.Append("]"u8);
    }

    private static void WriteLogprobs(RentedBuffer output, List<ReadOnlyMemory<byte>> logprobs)
    {
        if (logprobs.Count == 0)
        {
            output.Append("null"u8);
            return;
        }

        output.Append("{\"content\":"u8);
        WriteArray(output, logprobs);
        output.Append(",\"refusal\":null}"u8);
    }

    private static ReadOnlySpan<byte> Detail(ReadOnlyMemory<byte> details, string name) =>
        !details.IsEmpty && JsonSlots.Read(details, DetailMembers, name)[name] is { IsEmpty: false } tokens
            ? tokens.Span
            : "0"u8;
}
