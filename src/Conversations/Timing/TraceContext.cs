using System.Diagnostics;
using System.Globalization;

namespace Evergrain.Conversations.Timing;

/// <summary>The trace that a turn belongs to, as W3C writes it. The default: none.</summary>
/// <param name="Parent"><c>traceparent</c>: version, trace, span and flags; null: there is none.</param>
/// <param name="State"><c>tracestate</c>; null: there is none.</param>
/// <remarks>Source: W3C Trace Context. A text that is none of it counts as no trace.</remarks>
public readonly record struct TraceContext(string? Parent, string? State = null)
{
    /// <summary>Characters of <c>traceparent</c>.</summary>
    public const int ParentChars = 55;

    /// <summary>Characters of <c>tracestate</c>, at most: what W3C asks a party to pass on.</summary>
    public const int StateCharsMax = 512;

    /// <summary>The context of a span.</summary>
    public static TraceContext Of(Activity span)
    {
        ArgumentNullException.ThrowIfNull(span);
        var flags = ((int)span.ActivityTraceFlags).ToString("x2", CultureInfo.InvariantCulture);
        return new TraceContext($"00-{span.TraceId}-{span.SpanId}-{flags}", span.TraceStateString);
    }

    /// <summary>The trace that a call of another server belongs to: our span around it, where one is made.</summary>
    /// <param name="turn">The trace of the turn.</param>
    public static TraceContext Around(TraceContext turn) =>
        Activity.Current is { } span && span.Source == GenAi.Source ? Of(span) : turn;

    /// <summary>The same for the framework; the default where it is none.</summary>
    public ActivityContext Read() =>
        ActivityContext.TryParse(Parent, State, isRemote: true, out var context) ? context : default;
}
