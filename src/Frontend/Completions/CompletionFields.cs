using System.Buffers.Text;
using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Completions;

/// <summary>
/// The members of a request beside its messages: which a create has too, which it has otherwise, and which no create
/// can carry.
/// </summary>
/// <remarks>Source: OpenAI's package for Node 7.57.0, ChatCompletionCreateParamsBase.</remarks>
internal static class CompletionFields
{
    // The same name and meaning in both.
    private static readonly string[] Shared =
    [
        "model", "temperature", "top_p", "top_logprobs", "parallel_tool_calls", "service_tier", "metadata", "user",
        "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "moderation",
    ];

    // A create has no member for them. Servers of chat completions get them, and before others they are refused.
    private static readonly string[] ChatOnly =
        ["stop", "seed", "logit_bias", "presence_penalty", "frequency_penalty"];

    // The least "max_output_tokens" of a create. Chat completions take less.
    public const int OutputTokensLeast = 16;

    private static readonly (string Name, string Instead)[] Refused =
    [
        ("functions", "send 'tools'."),
        ("function_call", "send 'tool_choice'."),
        ("audio", "answers are text."),
        ("prediction", "leave it out."),
        ("web_search_options", "leave it out."),
    ];

    // By the first characters that a value may have.
    private static readonly (string Name, string Starts, string What)[] Shapes =
    [
        ("reasoning_effort", "\"", "a string"), ("verbosity", "\"", "a string"),
        ("stop", "\"[", "a string or an array"), ("seed", "-0123456789", "a whole number"),
        ("logit_bias", "{", "an object"), ("presence_penalty", "-0123456789", "a number"),
        ("frequency_penalty", "-0123456789", "a number"),
    ];

    private static readonly string[] FormatMembers = ["type", "json_schema"];
    private static readonly string[] SchemaMembers = ["name", "description", "schema", "strict"];
    private static readonly string[] StreamMembers = ["include_usage"];

    /// <summary>Every member that is read. Others are tolerated, as in a create.</summary>
    public static readonly string[] All =
    [
        "messages", "stream", "stream_options", "store", "n", "modalities", "max_tokens", "max_completion_tokens",
        "reasoning_effort", "response_format", "verbosity", "tools", "tool_choice", "logprobs",
        .. Shared, .. ChatOnly, .. Refused.Select(static member => member.Name),
    ];

    /// <summary>Refuses what no create can carry.</summary>
    /// <exception cref="ConversationException">A member is such; the refusal names it.</exception>
    public static void Check(in JsonSlots request)
    {
        foreach (var (name, instead) in Refused)
        {
            if (!request[name].IsEmpty)
            {
                throw CompletionRefusals.Invalid($"'{name}' is not supported: {instead}", name);
            }
        }

        if (!request["n"].IsEmpty && !IsNumber(request["n"].Span, 1))
        {
            throw CompletionRefusals.Invalid("'n' must be 1: a completion has one choice.", "n");
        }

        if (!request["modalities"].IsEmpty && (JsonAppends.Elements(request["modalities"]) is not [var modality] ||
            !modality.Span.SequenceEqual("\"text\""u8)))
        {
            throw CompletionRefusals.Invalid("'modalities' must be [\"text\"].", "modalities");
        }

        foreach (var name in (string[])["stream", "store", "logprobs"])
        {
            CheckFlag(request[name], name);
        }

        var limit = OutputLimit(request);
        if (ReadTokens(request[limit].Span) < 1)
        {
            throw CompletionRefusals.Invalid($"'{limit}' must be at least 1.", limit);
        }

        CheckShapes(request);
        if (JsonAppends.Elements(request["stop"]).Exists(static text => !JsonSlots.IsString(text)))
        {
            throw CompletionRefusals.Invalid("'stop' must be a string or an array of strings.", "stop");
        }
    }

    /// <summary>Whether the stream is to end with what the turn used.</summary>
    /// <exception cref="ConversationException">There is no stream.</exception>
    public static bool WantsUsage(in JsonSlots request)
    {
        var options = request["stream_options"];
        if (options.IsEmpty)
        {
            return false;
        }

        if (!JsonSlots.IsTrue(request["stream"]))
        {
            throw CompletionRefusals.Invalid("'stream_options' is for a request with 'stream' true.", "stream_options");
        }

        var wantsUsage = JsonSlots.Read(options, StreamMembers, "stream_options")["include_usage"];
        CheckFlag(wantsUsage, "stream_options.include_usage");
        return JsonSlots.IsTrue(wantsUsage);
    }

    /// <summary>The member that bounds the answer; the newer one wins.</summary>
    public static string OutputLimit(in JsonSlots request) =>
        request["max_completion_tokens"].IsEmpty ? "max_tokens" : "max_completion_tokens";

    /// <summary>Writes the members of a create, all but its input, each with a comma before it.</summary>
    /// <exception cref="ConversationException">A value is not what chat completions have.</exception>
    public static void Write(RentedBuffer output, in JsonSlots request)
    {
        foreach (var name in Shared)
        {
            Write(output, name, request[name]);
        }

        var limit = request[OutputLimit(request)];
        if (!IsBelowLeast(limit.Span))
        {
            Write(output, "max_output_tokens", limit);
        }

        if (request["reasoning_effort"] is { IsEmpty: false } effort)
        {
            output.Append(",\"reasoning\":{\"effort\":"u8);
            output.Append(effort.Span);
            output.Append("}"u8);
        }

        if (JsonSlots.IsTrue(request["logprobs"]))
        {
            output.Append(",\"include\":[\"message.output_text.logprobs\"]"u8);
        }

        WriteText(output, request);
        WriteTools(output, request);
    }

    private static void CheckFlag(ReadOnlyMemory<byte> flag, string path)
    {
        if (!flag.IsEmpty && flag.Span[0] is not ((byte)'t' or (byte)'f'))
        {
            throw CompletionRefusals.Invalid($"'{path}' must be true or false.", path);
        }
    }

    private static bool IsNumber(ReadOnlySpan<byte> value, double expected) =>
        Utf8Parser.TryParse(value, out double number, out var read) && read == value.Length && number == expected;

    private static void CheckShapes(in JsonSlots request)
    {
        foreach (var (name, starts, what) in Shapes)
        {
            if (request[name] is { IsEmpty: false } value && !starts.Contains((char)value.Span[0]))
            {
                throw CompletionRefusals.Invalid($"'{name}' must be {what}.", name);
            }
        }
    }

    /// <summary>Whether the answer is bounded more closely than a create can say.</summary>
    private static bool IsBelowLeast(ReadOnlySpan<byte> limit) => ReadTokens(limit) < OutputTokensLeast;

    /// <summary>A whole number of tokens; null: it is none.</summary>
    private static int? ReadTokens(ReadOnlySpan<byte> limit) =>
        Utf8Parser.TryParse(limit, out int tokens, out var read) && read == limit.Length ? tokens : null;

    /// <summary>Whether a value is the default, which some clients write out.</summary>
    private static bool ChangesNothing(string name, ReadOnlySpan<byte> value) => name switch
    {
        "stop" or "logit_bias" => value is [_, _] or [_, (byte)' ', _],
        "presence_penalty" or "frequency_penalty" => IsNumber(value, 0),
        _ => false,
    };

    private static void Write(RentedBuffer output, string name, ReadOnlyMemory<byte> value)
    {
        if (!value.IsEmpty)
        {
            JsonAppends.Member(output, name, value.Span);
        }
    }

    private static void WriteTools(RentedBuffer output, in JsonSlots request)
    {
        if (request["tools"] is { IsEmpty: false } tools)
        {
            output.Append(",\"tools\":"u8);
            ToolFields.WriteTools(output, tools);
        }

        if (request["tool_choice"] is { IsEmpty: false } choice)
        {
            output.Append(",\"tool_choice\":"u8);
            ToolFields.WriteChoice(output, choice);
        }
    }

    private static void WriteText(RentedBuffer output, in JsonSlots request)
    {
        var (format, verbosity) = (request["response_format"], request["verbosity"]);
        var chatOnly = ChatOnlyOf(request);
        if (format.IsEmpty && verbosity.IsEmpty && chatOnly.Count == 0)
        {
            return;
        }

        output.Append(",\"text\":{\"format\":"u8);
        if (format.IsEmpty)
        {
            output.Append("{\"type\":\"text\"}"u8);
        }
        else
        {
            WriteFormat(output, format);
        }

        Write(output, "verbosity", verbosity);
        for (var i = 0; i < chatOnly.Count; i++)
        {
            output.Append(i == 0 ? ",\"evergrain\":{\""u8 : ",\""u8);
            output.Append(Encoding.ASCII.GetBytes(chatOnly[i].Name));
            output.Append("\":"u8);
            output.Append(chatOnly[i].Value.Span);
        }

        output.Append(chatOnly.Count > 0 ? "}}"u8 : "}"u8);
    }

    private static List<(string Name, ReadOnlyMemory<byte> Value)> ChatOnlyOf(in JsonSlots request)
    {
        var members = new List<(string, ReadOnlyMemory<byte>)>();
        foreach (var name in ChatOnly)
        {
            if (request[name] is { IsEmpty: false } value && !ChangesNothing(name, value.Span))
            {
                members.Add((name, value));
            }
        }

        var limit = request[OutputLimit(request)];
        if (IsBelowLeast(limit.Span))
        {
            members.Add(("max_tokens", limit));
        }

        return members;
    }

    private static void WriteFormat(RentedBuffer output, ReadOnlyMemory<byte> format)
    {
        const string Path = "response_format";
        var slots = JsonSlots.Read(format, FormatMembers, Path);
        output.Append("{\"type\":"u8);
        output.Append(CompletionRefusals.NeedText(slots, "type", Path));
        if (JsonSlots.TextOf(slots["type"]) == "json_schema")
        {
            if (slots["json_schema"].IsEmpty)
            {
                throw CompletionRefusals.Missing($"{Path}.json_schema");
            }

            var schema = JsonSlots.Read(slots["json_schema"], SchemaMembers, $"{Path}.json_schema");
            foreach (var name in SchemaMembers)
            {
                Write(output, name, schema[name]);
            }
        }

        output.Append("}"u8);
    }
}
