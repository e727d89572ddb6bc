using Evergrain.Frontend.Http;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Completions;

/// <summary>Turns the events of one response into the chunks of its completion.</summary>
/// <remarks>
/// The first chunk waits for the first output, so that a turn that fails before it is still answered with an error
/// status. A call's arguments leave as they come; its client runs it behind the last chunk, when the call is durable.
/// Source: OpenAI's package for Node 7.57.0, ChatCompletionChunk.
/// </remarks>
/// <param name="wantsUsage">Whether a last chunk says what the turn used.</param>
internal sealed class ChunkWriter(bool wantsUsage)
{
    private static readonly string[] ItemMembers = ["type", "call_id", "name"];

    // Up to the choices; set by the first event.
    private byte[] _head = [];
    private bool _hasRole;
    private int _calls;
    private bool _isCustom;

    // Whether anything of the open item was streamed.
    private bool _hasDelta;
    private (int Output, int Part)? _spoken;

    // OpenAI's package keeps the last delta of a member that it does not know. So it gets all reasoning items again
    // with each, where the last delta of the text is not the whole text.
    private readonly List<ReadOnlyMemory<byte>> _reasoning = [];
    private bool _needsReasoning;
    private int _thoughts;
    private (int Output, int Part)? _thought;

    /// <summary>The response, if it failed or was cancelled: there is no chunk that could say so.</summary>
    public ErrorAnswer? Failure { get; private set; }

    /// <summary>Appends the chunks of an event, if there are any.</summary>
    public void Write(RentedBuffer output, ReadOnlyMemory<byte> json)
    {
        var read = ResponseEvent.Read(json);
        var type = read.Type.Span;
        if (type.SequenceEqual("response.output_text.delta"u8))
        {
            Speak(output, read.Delta, read.Logprobs, (read.Output, read.Part));
        }
        else if (type.SequenceEqual("response.function_call_arguments.delta"u8) ||
            type.SequenceEqual("response.custom_tool_call_input.delta"u8))
        {
            Argue(output, read.Delta);
        }
        else if (type.SequenceEqual("response.reasoning_text.delta"u8) ||
            type.SequenceEqual("response.reasoning_summary_text.delta"u8))
        {
            Think(output, read.Delta, (read.Output, read.Part));
        }
        else if (type.SequenceEqual("response.refusal.delta"u8))
        {
            Refuse(output, read.Delta);
        }
        else
        {
            WriteOther(output, read);
        }
    }

    private void WriteOther(RentedBuffer output, in ResponseEvent read)
    {
        var type = read.Type.Span;
        if (type.SequenceEqual("response.created"u8))
        {
            using var head = new RentedBuffer(Array.MaxLength);
            CompletionWriter.WriteHead(
                head, JsonSlots.Read(read.Response, CompletionWriter.Members, "response"), "chat.completion.chunk"u8);
            _head = head.Written.ToArray();
        }
        else if (type.SequenceEqual("response.output_item.added"u8))
        {
            Start(output, read.Item);
        }
        else if (type.SequenceEqual("response.output_item.done"u8))
        {
            End(output, read.Item, read.Output);
        }
        else if (type.SequenceEqual("response.completed"u8) || type.SequenceEqual("response.incomplete"u8) ||
            type.SequenceEqual("response.failed"u8))
        {
            Finish(output, read.Response);
        }
    }

    private void Start(RentedBuffer output, ReadOnlyMemory<byte> item)
    {
        _hasDelta = false;
        var slots = JsonSlots.Read(item, ItemMembers, "item");
        var type = JsonSlots.TextOf(slots["type"]);
        if (type is not ("function_call" or "custom_tool_call"))
        {
            return;
        }

        _isCustom = type == "custom_tool_call";
        var at = Open(output, saysContent: false);
        output.Append("\"tool_calls\":[{\"index\":"u8);
        Number(output, _calls++);
        output.Append(","u8);
        new AnswerCall(slots["call_id"], slots["name"], default, _isCustom).WriteStart(output);
        output.Append("\"\"}}]"u8);
        Close(output, at);

        // Its argument is still to come.
        _hasDelta = false;
    }

    /// <summary>Ends an item; what was not streamed of it leaves now.</summary>
    private void End(RentedBuffer output, ReadOnlyMemory<byte> item, int number)
    {
        var answer = new AnswerParts();
        answer.Add(item);
        if (!_hasDelta)
        {
            for (var i = 0; i < answer.Thoughts.Count; i++)
            {
                Think(output, answer.Thoughts[i], (number, i));
            }

            for (var i = 0; i < answer.Texts.Count; i++)
            {
                Speak(output, answer.Texts[i], default, (number, i));
            }

            answer.Refusals.ForEach(refusal => Refuse(output, refusal));
            answer.Calls.ForEach(call => Argue(output, call.Argument));
        }

        if (answer.Reasoning.Count > 0)
        {
            // The events' memory is not ours to keep.
            _reasoning.Add(item.ToArray());
            _needsReasoning |= answer.NeedsReasoning || _thoughts > 1;
        }

        if (answer.Reasoning.Count > 0 && _needsReasoning)
        {
            var at = Open(output, saysContent: false);
            output.Append("\"reasoning_items\":"u8);
            CompletionWriter.WriteArray(output, _reasoning);
            Close(output, at);
        }
    }

    private void Speak(RentedBuffer output, ReadOnlyMemory<byte> text, ReadOnlyMemory<byte> logprobs,
        (int Output, int Part) place)
    {
        var at = Open(output, saysContent: true);
        output.Append("\"content\":"u8);
        Text(output, text, _spoken is { } before && before != place);
        _spoken = place;
        Close(output, at, logprobs);
    }

    private void Think(RentedBuffer output, ReadOnlyMemory<byte> text, (int Output, int Part) place)
    {
        var at = Open(output, saysContent: false);
        output.Append("\"reasoning_content\":"u8);
        Text(output, text, _thought is { } before && before != place);
        _thought = place;
        _thoughts++;
        Close(output, at);
    }

    private void Refuse(RentedBuffer output, ReadOnlyMemory<byte> text)
    {
        var at = Open(output, saysContent: false);
        output.Append("\"refusal\":"u8);
        output.Append(text.Span);
        Close(output, at);
    }

    private void Argue(RentedBuffer output, ReadOnlyMemory<byte> text)
    {
        var at = Open(output, saysContent: false);
        output.Append("\"tool_calls\":[{\"index\":"u8);
        Number(output, _calls - 1);
        output.Append(_isCustom ? ",\"custom\":{\"input\":"u8 : ",\"function\":{\"arguments\":"u8);
        output.Append(text.Span);
        output.Append("}}]"u8);
        Close(output, at);
    }

    private void Finish(RentedBuffer output, ReadOnlyMemory<byte> response)
    {
        Failure = FailedTurn.Read(response, hasStatus: false);
        if (Failure is not null)
        {
            return;
        }

        var slots = JsonSlots.Read(response, CompletionWriter.Members, "response");
        var at = Begin(output);
        output.Append("{\"index\":0,\"delta\":"u8);
        output.Append(_hasRole ? "{}"u8 : "{\"role\":\"assistant\",\"content\":null}"u8);
        output.Append(",\"logprobs\":null,\"finish_reason\":"u8);
        output.Append(CompletionWriter.FinishOf(slots, _calls > 0));
        output.Append(wantsUsage ? "}],\"usage\":null"u8 : "}]"u8);
        if (slots["evergrain"] is { IsEmpty: false } ours)
        {
            JsonAppends.Member(output, "evergrain", ours.Span);
        }

        EndChunk(output, at);
        if (wantsUsage)
        {
            at = Begin(output);
            output.Append("],\"usage\":"u8);
            CompletionWriter.WriteUsage(output, slots["usage"]);
            EndChunk(output, at);
        }
    }

    private static void Text(RentedBuffer output, ReadOnlyMemory<byte> text, bool isNewParagraph)
    {
        output.Append("\""u8);
        output.Append(isNewParagraph ? JsonAppends.Paragraph : default);
        output.Append(JsonAppends.Inside(text.Span));
        output.Append("\""u8);
    }

    private static void Number(RentedBuffer output, int number)
    {
        Span<byte> digits = stackalloc byte[11];
        number.TryFormat(digits, out var length, provider: System.Globalization.CultureInfo.InvariantCulture);
        output.Append(digits[..length]);
    }

    private int Open(RentedBuffer output, bool saysContent)
    {
        var at = Begin(output);
        output.Append("{\"index\":0,\"delta\":{"u8);
        if (!_hasRole)
        {
            output.Append(saysContent ? "\"role\":\"assistant\","u8 : "\"role\":\"assistant\",\"content\":null,"u8);
        }

        (_hasRole, _hasDelta) = (true, true);
        return at;
    }

    private void Close(RentedBuffer output, int at, ReadOnlyMemory<byte> logprobs = default)
    {
        output.Append("},\"logprobs\":"u8);
        if (logprobs.Length > 2)
        {
            output.Append("{\"content\":"u8);
            output.Append(logprobs.Span);
            output.Append(",\"refusal\":null}"u8);
        }
        else
        {
            output.Append("null"u8);
        }

        output.Append(wantsUsage ? ",\"finish_reason\":null}],\"usage\":null"u8 : ",\"finish_reason\":null}]"u8);
        EndChunk(output, at);
    }

    private int Begin(RentedBuffer output)
    {
        output.Append("data: "u8);
        var at = output.Length;
        output.Append(_head);
        return at;
    }

    private static void EndChunk(RentedBuffer output, int at)
    {
        output.Append("}"u8);
        EventOutput.KeepOnOneLine(output.Segment.AsSpan(at));
        output.Append("\n\n"u8);
    }
}
