using Evergrain.Conversations.Timing;

namespace Evergrain.Providers.Servers;

/// <summary>Names a turn's trace to the servers that it asks.</summary>
/// <remarks>
/// The runtime's client would make a span of its own in between, which nobody exports: the trace would have a hole, and
/// each request would cost that span. So its handlers have no propagator, and requests get their headers here.
/// </remarks>
internal static class TraceHeaders
{
    /// <summary>Adds <c>traceparent</c> and <c>tracestate</c>. A client's text that is no trace goes nowhere.</summary>
    public static void Add(HttpRequestMessage request, TraceContext trace)
    {
        if (trace.Parent is null || trace.Read() == default)
        {
            return;
        }

        request.Headers.TryAddWithoutValidation("traceparent", trace.Parent);
        if (trace.State is { Length: > 0 } state)
        {
            request.Headers.TryAddWithoutValidation("tracestate", state);
        }
    }
}
