using System.Diagnostics;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Timing;

/// <summary>
/// The names of OpenTelemetry's conventions for generative AI, version 0.1.0, as far as they are used here; and the
/// source of all spans. docs/telemetry.md lists every name, and a test compares.
/// </summary>
public static class GenAi
{
    /// <summary>The name of the source of spans, and of the meter.</summary>
    public const string SourceName = "Evergrain";

    /// <summary>What is done: <see cref="Chat"/>, <see cref="InvokeAgent"/>, <see cref="ExecuteTool"/>.</summary>
    public const string Operation = "gen_ai.operation.name";

    /// <summary>The operation of a model call.</summary>
    public const string Chat = "chat";

    /// <summary>The operation of a turn.</summary>
    public const string InvokeAgent = "invoke_agent";

    /// <summary>The operation of a client's tool.</summary>
    public const string ExecuteTool = "execute_tool";

    /// <summary>Who answers.</summary>
    public const string Provider = "gen_ai.provider.name";

    /// <summary>The conversation; on every span.</summary>
    public const string Conversation = "gen_ai.conversation.id";

    /// <summary>The model that the client named.</summary>
    public const string RequestModel = "gen_ai.request.model";

    /// <summary>The response.</summary>
    public const string Response = "gen_ai.response.id";

    /// <summary>Why the model stopped.</summary>
    public const string FinishReasons = "gen_ai.response.finish_reasons";

    /// <summary>Seconds from the call to its first event.</summary>
    public const string TimeToFirstChunk = "gen_ai.response.time_to_first_chunk";

    /// <summary>Tokens that went in, cached ones included.</summary>
    public const string InputTokens = "gen_ai.usage.input_tokens";

    /// <summary>Those of them that the server had in its cache.</summary>
    public const string CachedTokens = "gen_ai.usage.cache_read.input_tokens";

    /// <summary>Tokens that came out, reasoning included.</summary>
    public const string OutputTokens = "gen_ai.usage.output_tokens";

    /// <summary>Those of them that were reasoning.</summary>
    public const string ReasoningTokens = "gen_ai.usage.reasoning.output_tokens";

    /// <summary>The tool.</summary>
    public const string ToolName = "gen_ai.tool.name";

    /// <summary>The kind of tool: a function that the client runs.</summary>
    public const string ToolType = "gen_ai.tool.type";

    /// <summary>The call of the tool.</summary>
    public const string ToolCall = "gen_ai.tool.call.id";

    /// <summary>What came in with the turn, as messages; only where <see cref="Hosts.SpanContent"/> notes it.</summary>
    public const string InputMessages = "gen_ai.input.messages";

    /// <summary>What the model said, likewise.</summary>
    public const string OutputMessages = "gen_ai.output.messages";

    /// <summary>What went wrong, as a word.</summary>
    public const string Error = "error.type";

    /// <summary>The word for what has none.</summary>
    public const string OtherError = "_OTHER";

    /// <summary>Makes every span.</summary>
    public static ActivitySource Source { get; } = new(SourceName);

    /// <summary>Notes what a call used.</summary>
    internal static void SetUsage(Activity span, Usage usage) => SetUsage(
        span, usage.InputTokens, usage.CachedTokens, usage.OutputTokens, usage.ReasoningTokens);

    /// <summary>Notes what was used.</summary>
    public static void SetUsage(Activity span, long input, long cached, long output, long reasoning)
    {
        ArgumentNullException.ThrowIfNull(span);
        span.SetTag(InputTokens, input);
        span.SetTag(CachedTokens, cached);
        span.SetTag(OutputTokens, output);
        span.SetTag(ReasoningTokens, reasoning);
    }

    /// <summary>Notes that a span's work failed.</summary>
    public static void SetError(Activity span, string type)
    {
        ArgumentNullException.ThrowIfNull(span);
        span.SetTag(Error, type);
        span.SetStatus(ActivityStatusCode.Error);
    }
}
