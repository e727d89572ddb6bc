using System.Diagnostics;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Timing;

namespace Evergrain.Frontend.Telemetry;

/// <summary>
/// The span of a turn, from the create's last byte to the terminal event, and those of the tools whose outputs it
/// brought. They hold ids, times and counts; never what a conversation says.
/// </summary>
internal static class TurnSpans
{
    private const string Agent = "evergrain";

    /// <summary>Begins the span of a turn; null: nobody wants it.</summary>
    /// <param name="trace">The trace that the client named.</param>
    /// <param name="receivedAt">When the create's last byte came.</param>
    public static Activity? Begin(TraceContext trace, DateTimeOffset receivedAt)
    {
        if (!GenAi.Source.HasListeners())
        {
            return null;
        }

        // All turns of a connection would be in the trace of its upgrade.
        Activity.Current = null;
        var span = GenAi.Source.StartActivity(
            $"{GenAi.InvokeAgent} {Agent}", ActivityKind.Internal, trace.Read(), startTime: receivedAt);
        span?.SetTag(GenAi.Operation, GenAi.InvokeAgent);
        span?.SetTag(GenAi.Provider, Agent);
        return span;
    }

    /// <summary>Notes where the time of a delivered turn went.</summary>
    public static void End(Activity? span, ResponseId response, TurnTiming timing)
    {
        if (span is null)
        {
            return;
        }

        span.SetTag(GenAi.Conversation, response.Conversation.ToString());
        span.SetTag(GenAi.Response, response.ToString());
        span.SetTag(GenAi.RequestModel, timing.Model);
        GenAi.SetUsage(span, timing.InputTokens, timing.CachedTokens, timing.OutputTokens, timing.ReasoningTokens);
        foreach (var phase in TurnPhases.All)
        {
            span.SetTag("evergrain.phase." + TurnPhases.NameOf(phase), timing.Of(phase).TotalSeconds);
        }

        span.SetTag("evergrain.hidden.model_stream", timing.HiddenModelStream.TotalSeconds);
        span.SetTag("evergrain.hidden.persist", timing.HiddenPersist.TotalSeconds);
        span.SetTag("evergrain.hidden.deliver", timing.HiddenDeliver.TotalSeconds);
        span.SetTag("evergrain.items.held", timing.ItemsHeld);
        span.SetTag("evergrain.items.new", timing.ItemsNew);
        span.SetTag("evergrain.items.rendered", timing.ItemsRendered);
        span.SetTag("evergrain.bytes.in", timing.BytesIn);
        span.SetTag("evergrain.bytes.out", timing.BytesOut);
        span.SetTag("evergrain.context.source", TurnReports.NameOf(timing.Source));
        span.SetTag("evergrain.turn.outcome", timing.Outcome);
        if (timing.Outcome == "failed")
        {
            GenAi.SetError(span, timing.Code ?? GenAi.OtherError);
        }

        span.SetEndTime(span.StartTimeUtc + timing.Total);
        foreach (var tool in timing.Tools)
        {
            AddTool(span, response, tool);
        }
    }

    /// <summary>Notes that a turn's client gets no terminal event.</summary>
    public static void BreakOff(Activity? span, TurnEnd end)
    {
        if (span is not null)
        {
            GenAi.SetError(span, TurnReports.NameOf(end));
        }
    }

    // It lies before the turn, and ends where the turn begins.
    private static void AddTool(Activity turn, ResponseId response, ToolWait tool)
    {
        var endedAt = new DateTimeOffset(turn.StartTimeUtc);
        using var span = GenAi.Source.StartActivity($"{GenAi.ExecuteTool} {tool.Name}", ActivityKind.Internal,
            turn.Context, startTime: endedAt - tool.Waited);
        span?.SetTag(GenAi.Operation, GenAi.ExecuteTool);
        span?.SetTag(GenAi.ToolName, tool.Name);
        span?.SetTag(GenAi.ToolCall, tool.CallId);
        span?.SetTag(GenAi.ToolType, "function");
        span?.SetTag(GenAi.Conversation, response.Conversation.ToString());
        span?.SetEndTime(endedAt.UtcDateTime);
    }
}
