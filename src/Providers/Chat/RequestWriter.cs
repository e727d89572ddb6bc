using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Dialects;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Chat;

/// <summary>Writes what stands around the messages of a request: nothing in it grows with the context.</summary>
/// <param name="dialect">What the server takes.</param>
internal sealed class RequestWriter(Dialect dialect)
{
    // Same meaning, same JSON on both sides; every server takes them.
    private static readonly string[] Shared = ["temperature", "top_p"];

    // The same, of servers that take them.
    private static readonly string[] SharedBySome =
    [
        DialectMembers.PresencePenalty, DialectMembers.FrequencyPenalty, DialectMembers.User,
        DialectMembers.SafetyIdentifier, DialectMembers.PromptCacheKey,
    ];

    private static readonly ReadOnlyMemory<byte> None = "\"none\""u8.ToArray();

    private readonly PerValue<ToolSet> _tools = new(static tools => ToolSet.Read(PairedEscapes.Of(tools)));
    private readonly PerValue<byte[]> _formats = new(text => new AnswerFormat(dialect).Write(text));

    /// <summary>Whether a create's <c>include</c> asks for log probabilities.</summary>
    public static bool AsksForLogprobs(ReadOnlyMemory<byte> include) => JsonMembers.Elements(include).Exists(
        static element => JsonContent.Is(element, "message.output_text.logprobs"u8));

    /// <summary>A whole number; 0 where the value is none.</summary>
    public static int NumberOf(ReadOnlyMemory<byte> json) =>
        Utf8Parser.TryParse(json.Span, out int number, out var read) && read == json.Length ? number : 0;

    /// <summary>The tools that a call may offer.</summary>
    public CallTools ToolsOf(ModelCall call, ChatState state) =>
        new(state, call.Parameters.TryGet("tools", out var tools) ? _tools.Of(tools) : ToolSet.Empty);

    /// <summary>Writes a request.</summary>
    /// <param name="call">The call.</param>
    /// <param name="state">The state behind its context.</param>
    /// <param name="tools">Its tools.</param>
    /// <param name="server">The server's name.</param>
    /// <exception cref="ConversationException">A parameter cannot be carried.</exception>
    public RequestBody Write(ModelCall call, ChatState state, CallTools tools, string server)
    {
        var head = new BodyWriter(1024).Raw("{\"model\":"u8).Quoted(call.Model).Raw(",\"stream\":true"u8);
        WriteParameters(head, call, state);
        WriteThinking(head, call.Parameters, WriteTools(head, call.Parameters, state, tools));
        head.Raw(",\"messages\":["u8);
        call.Parameters.TryGet("instructions", out var given);
        var instructions = PairedEscapes.Of(JsonContent.Inside(given));
        var hasSystem = state.HasLead || !instructions.IsEmpty;
        if (hasSystem)
        {
            // The context goes on in this text where it begins with system messages.
            head.Raw("{\"role\":\"system\",\"content\":\""u8).Raw(instructions)
                .Raw(state.HasLead ? default : "\"}"u8);
        }

        var tail = new BodyWriter();
        new ItemRenderer(state, dialect, server, tail).End();
        var end = tail.Raw("]}"u8).ToArray();
        var isFirst = !hasSystem;
        return new RequestBody(head.ToArray(), call.Context, WithoutComma(end, isFirst && call.Context.Bytes == 0))
        {
            Skipped = call.Context.Bytes == 0 ? 0
                : state.HasLead && instructions.IsEmpty ? ContentReader.Paragraph.Length
                : isFirst ? ",".Length
                : 0,
        };
    }

    private static ReadOnlyMemory<byte> WithoutComma(byte[] tail, bool isFirst) =>
        isFirst && tail[0] == ',' ? tail.AsMemory(1) : tail;

    private void WriteParameters(BodyWriter head, ModelCall call, ChatState state)
    {
        var parameters = call.Parameters;
        head.Raw(
            dialect.Takes(DialectMembers.StreamOptions) ? ",\"stream_options\":{\"include_usage\":true}"u8 : default);
        foreach (var field in Shared.Concat(SharedBySome.Where(dialect.Takes)))
        {
            Write(head, field, parameters, field);
        }

        Write(head, dialect.OutputLimitField, parameters, "max_output_tokens");
        WriteLogprobs(head, parameters);
        if (parameters.TryGet("text", out var text))
        {
            // A summary is plain text, whatever form the turns around it have.
            head.Raw(state.AsksForSummary ? default : _formats.Of(text));
        }

        if (dialect.Takes(DialectMembers.ServiceTier) && parameters.TryGet("service_tier", out var tier) &&
            !JsonContent.Is(tier, "auto"u8) && !JsonContent.Is(tier, "default"u8))
        {
            head.Raw(",\"service_tier\":"u8).Raw(tier);
        }

        if (dialect.SessionField is { } session)
        {
            head.Raw(","u8).Quoted(session).Raw(":"u8).Quoted(SessionOf(call.Affinity));
        }
    }

    // A conversation's own id stays here.
    private static string SessionOf(UInt128 conversation)
    {
        Span<byte> id = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(id, conversation);
        return Base62.Format(BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(id)));
    }

    /// <summary>
    /// Writes how much the model thinks: the value that is asked for, or the nearest known one. Not every server lets
    /// the model think where it must call a tool.
    /// </summary>
    private void WriteThinking(BodyWriter head, Parameters parameters, bool mustCall)
    {
        var asked = parameters.TryGet("reasoning", out var reasoning)
            ? JsonContent.Text(JsonMembers.Of(reasoning)["effort"u8])
            : null;
        var instead = mustCall ? dialect.MustCall : asked == "none" ? dialect.NoThinking : "";
        if (instead.Length > 0)
        {
            head.Raw(Encoding.UTF8.GetBytes(instead));
        }
        else if (asked is not null && dialect.Efforts.Count > 0)
        {
            head.Raw(",\"reasoning_effort\":"u8).Quoted(KnownEffort(asked));
        }
    }

    private string KnownEffort(string asked)
    {
        var place = Array.IndexOf(Dialect.AllEfforts, asked);
        return place < 0 || dialect.Efforts.Contains(asked, StringComparer.Ordinal)
            ? asked
            : dialect.Efforts.MinBy(effort => Math.Abs((2 * (Array.IndexOf(Dialect.AllEfforts, effort) - place)) - 1))!;
    }

    private void WriteLogprobs(BodyWriter head, Parameters parameters)
    {
        var isAsked = parameters.TryGet("include", out var include) && AsksForLogprobs(include);
        var top = parameters.TryGet("top_logprobs", out var given) ? NumberOf(given) : 0;
        if (dialect.LogprobsMax > 0 && (isAsked || top > 0))
        {
            head.Raw(",\"logprobs\":true"u8);
            head.Raw(top > 0 ? ",\"top_logprobs\":"u8 : default).Raw(top > 0 ? given : default);
        }
    }

    private static void Write(BodyWriter head, string member, Parameters parameters, string field)
    {
        if (parameters.TryGet(field, out var value))
        {
            head.Raw(","u8).Quoted(member).Raw(":"u8).Raw(PairedEscapes.Of(value));
        }
    }

    private bool WriteTools(BodyWriter head, Parameters parameters, ChatState state, CallTools tools)
    {
        parameters.TryGet("tool_choice", out var choice);

        // The tools stay, so that the server finds the prompt that it holds already.
        var mustCall = tools.WriteTo(head, state.AsksForSummary ? None : choice, dialect);
        if (!tools.IsEmpty && dialect.Takes(DialectMembers.ParallelToolCalls))
        {
            Write(head, "parallel_tool_calls", parameters, "parallel_tool_calls");
        }

        return mustCall;
    }
}
