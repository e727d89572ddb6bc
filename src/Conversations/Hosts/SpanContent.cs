using System.Diagnostics;
using Evergrain.Conversations.Timing;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// Notes what a turn says on the span of its model call, for tenants that have this switched on. An unstored turn is
/// never noted.
/// </summary>
/// <param name="isOn">Whether it is switched on for a tenant.</param>
public sealed class SpanContent(Func<string, bool> isOn)
{
    /// <summary>Notes the items of a call that has ended. The conversation adds no more to them.</summary>
    internal void Note(Activity span, string tenant, in InferenceReport report)
    {
        if (report.Call.StoredItems is not { } items || !span.IsAllDataRequested || !isOn(tenant))
        {
            return;
        }

        var messages = new SpanMessages();
        var inputCount = report.Call.NewItems;
        span.SetTag(GenAi.InputMessages, messages.OfInput(items.Take(inputCount)));
        if (items.Count > inputCount)
        {
            span.SetTag(GenAi.OutputMessages, messages.OfOutput(items.Skip(inputCount), report.FinishReason));
        }

        if (messages.IsCut)
        {
            span.SetTag("evergrain.content.is_cut", true);
        }
    }
}
