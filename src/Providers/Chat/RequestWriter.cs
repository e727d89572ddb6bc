using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Chat;

/// <summary>Writes what stands around the messages of a request: nothing in it grows with the context.</summary>
internal sealed class RequestWriter(ChatApiOptions options)
{
    // Same name, same meaning, same JSON on both sides.
    private static readonly string[] Shared =
    [
        "temperature", "top_p", "presence_penalty", "frequency_penalty", "user", "safety_identifier",
        "prompt_cache_key",
    ];

    private static readonly string[] SchemaMembers = ["name", "description", "schema", "strict"];

    private static readonly ReadOnlyMemory<byte> None = "\"none\""u8.ToArray();

    private readonly PerValue<ToolSet> _tools = new(ToolSet.Read);
    private readonly PerValue<byte[]> _texts = new(TextOptions);

    /// <summary>The tools that a call may offer.</summary>
    public CallTools ToolsOf(ModelCall call, ChatState state) =>
        new(state, call.Parameters.TryGet("tools", out var tools) ? _tools.Of(tools) : ToolSet.Empty);

    /// <summary>Writes a request.</summary>
    /// <exception cref="ConversationException">A parameter cannot be carried.</exception>
    public RequestBody Write(ModelCall call, ChatState state, CallTools tools)
    {
        var head = new BodyWriter(1024).Raw("{\"model\":"u8).Quoted(call.Model)
            .Raw(",\"stream\":true,\"stream_options\":{\"include_usage\":true}"u8);
        WriteParameters(head, call.Parameters, state);
        WriteTools(head, call.Parameters, state, tools);
        head.Raw(",\"messages\":["u8);
        var hasInstructions = call.Parameters.TryGet("instructions", out var instructions) &&
            !JsonContent.Inside(instructions).IsEmpty;
        if (hasInstructions)
        {
            head.Raw("{\"role\":\"system\",\"content\":"u8).Raw(instructions).Raw("}"u8);
        }

        var tail = new BodyWriter();
        new ItemRenderer(state, options.ReasoningField, tail).Close();
        var end = tail.Raw("]}"u8).ToArray();
        var isFirst = !hasInstructions;
        return new RequestBody(head.ToArray(), call.Context, WithoutComma(end, isFirst && call.Context.Bytes == 0))
        {
            SkipsComma = isFirst && call.Context.Bytes > 0,
        };
    }

    private static ReadOnlyMemory<byte> WithoutComma(byte[] tail, bool isFirst) =>
        isFirst && tail[0] == ',' ? tail.AsMemory(1) : tail;

    private void WriteParameters(BodyWriter head, Parameters parameters, ChatState state)
    {
        foreach (var field in Shared)
        {
            Write(head, field, parameters, field);
        }

        Write(head, options.OutputLimitField, parameters, "max_output_tokens");
        if (parameters.TryGet("reasoning", out var reasoning) &&
            JsonMembers.Of(reasoning)["effort"u8] is { IsEmpty: false } effort)
        {
            head.Raw(",\"reasoning_effort\":"u8).Raw(effort);
        }

        // A summary is plain text, whatever form the turns around it have.
        if (!state.AsksForSummary && parameters.TryGet("text", out var text))
        {
            head.Raw(_texts.Of(text));
        }

        if (parameters.TryGet("service_tier", out var tier) &&
            !JsonContent.Is(tier, "auto"u8) && !JsonContent.Is(tier, "default"u8))
        {
            head.Raw(",\"service_tier\":"u8).Raw(tier);
        }
    }

    private static void Write(BodyWriter head, string member, Parameters parameters, string field)
    {
        if (parameters.TryGet(field, out var value))
        {
            head.Raw(","u8).Quoted(member).Raw(":"u8).Raw(value);
        }
    }

    private static void WriteTools(BodyWriter head, Parameters parameters, ChatState state, CallTools tools)
    {
        parameters.TryGet("tool_choice", out var choice);

        // The tools stay, so that the server finds the prompt that it holds already.
        tools.WriteTo(head, state.AsksForSummary ? None : choice);
        if (!tools.IsEmpty)
        {
            Write(head, "parallel_tool_calls", parameters, "parallel_tool_calls");
        }
    }

    /// <summary>What a create's <c>text</c> becomes: the members <c>response_format</c> and <c>verbosity</c>.</summary>
    private static byte[] TextOptions(ReadOnlyMemory<byte> text)
    {
        var members = JsonMembers.Of(text);
        var format = JsonMembers.Of(members["format"u8]);
        var output = new BodyWriter(text.Length + 64);
        switch (JsonContent.Text(format["type"u8]))
        {
            case "json_object":
                output.Raw(",\"response_format\":{\"type\":\"json_object\"}"u8);
                break;
            case "json_schema":
                WriteSchema(output, format);
                break;
        }

        if (members["verbosity"u8] is { IsEmpty: false } verbosity)
        {
            output.Raw(",\"verbosity\":"u8).Raw(verbosity);
        }

        return output.ToArray();
    }

    private static void WriteSchema(BodyWriter output, in JsonMembers format)
    {
        output.Raw(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"u8);
        var isFirst = true;
        foreach (var name in SchemaMembers)
        {
            if (format[Encoding.ASCII.GetBytes(name)] is { IsEmpty: false } value)
            {
                output.Raw(isFirst ? default : ","u8).Quoted(name).Raw(":"u8).Raw(value);
                isFirst = false;
            }
        }

        output.Raw("}}"u8);
    }
}
