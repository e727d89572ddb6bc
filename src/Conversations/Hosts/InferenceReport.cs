using System.Diagnostics;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;

namespace Evergrain.Conversations.Hosts;

/// <summary>One model call that has ended; metrics and its span read this.</summary>
/// <param name="Call">The call.</param>
/// <param name="Provider">The name of its server.</param>
/// <param name="Time">From its begin to its end.</param>
/// <param name="FirstChunk">From its begin to its first event; null: there was none.</param>
internal readonly record struct InferenceReport(ModelCall Call, string Provider, TimeSpan Time, TimeSpan? FirstChunk)
{
    /// <summary>The event that ended it; null: none did.</summary>
    public ModelEvent? End { get; init; }

    /// <summary>Whether the model called a tool.</summary>
    public bool HasCalls { get; init; }

    /// <summary>Whether its turn ended before.</summary>
    public bool IsCancelled { get; init; }

    /// <summary>What went wrong, as a word; null: nothing did.</summary>
    public string? Error => (End, IsCancelled) switch
    {
        ({ Kind: ModelEventKind.Failed } failed, _) => failed.Code ?? GenAi.OtherError,
        (not null, _) => null,
        (null, true) => "cancelled",
        _ => GenAi.OtherError,
    };

    /// <summary>Why the model stopped, as a word of the conventions.</summary>
    public string FinishReason => End?.Kind switch
    {
        ModelEventKind.Completed => HasCalls ? "tool_call" : "stop",
        ModelEventKind.Incomplete => End?.Code == "content_filter" ? "content_filter" : "length",
        _ => "error",
    };

    /// <summary>Begins the span of a call; null: nobody wants it.</summary>
    public static Activity? Begin(ModelCall call, string provider)
    {
        if (!GenAi.Source.HasListeners())
        {
            return null;
        }

        // The thread may be in the middle of somebody else's span.
        Activity.Current = null;
        var span = GenAi.Source.StartActivity($"{GenAi.Chat} {call.Model}", ActivityKind.Client, call.Trace.Read());
        span?.SetTag(GenAi.Operation, GenAi.Chat);
        span?.SetTag(GenAi.Provider, provider);
        span?.SetTag(GenAi.RequestModel, call.Model);
        span?.SetTag(GenAi.Conversation, new ConversationId(call.Affinity).ToString());
        span?.SetTag(GenAi.Response, call.Response.ToString());
        return span;
    }

    /// <summary>Ends that span.</summary>
    public void Finish(Activity span)
    {
        span.SetTag(GenAi.FinishReasons, (string[])[FinishReason]);
        if (FirstChunk is { } firstChunk)
        {
            span.SetTag(GenAi.TimeToFirstChunk, firstChunk.TotalSeconds);
        }

        if (End?.Usage is { } usage)
        {
            GenAi.SetUsage(span, usage);
        }

        if (Error is { } error)
        {
            GenAi.SetError(span, error);
        }
    }
}
