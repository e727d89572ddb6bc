using System.Diagnostics;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Hosts;

/// <summary>The spans of appends to the journal: children of the turn whose records they write.</summary>
/// <remarks>An append that takes along what another turn made meanwhile belongs to one of both.</remarks>
internal static class AppendSpans
{
    private const string Name = "append journal";
    private const string Bytes = "evergrain.bytes.journaled";

    /// <summary>Begins one; null: nobody wants it, or no turn of the append is traced.</summary>
    public static Activity? Begin(ConversationId conversation, Effect.Append append)
    {
        if (append.Trace.Parent is null || !GenAi.Source.HasListeners())
        {
            return null;
        }

        var turn = append.Trace.Read();
        var span = turn == default ? null : GenAi.Source.StartActivity(Name, ActivityKind.Internal, turn);
        span?.SetTag(GenAi.Conversation, conversation.ToString());
        span?.SetTag(Bytes, append.Records.Length);
        return span;
    }

    /// <summary>Notes that it did not become durable, or that nobody knows.</summary>
    public static void Fail(Activity? span, string error)
    {
        if (span is not null)
        {
            GenAi.SetError(span, error);
        }
    }
}
