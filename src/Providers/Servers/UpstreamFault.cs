using System.Globalization;
using System.Net;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;

namespace Evergrain.Providers.Servers;

/// <summary>What may help after a fault, as long as the client has seen nothing of the answer.</summary>
internal enum Remedy
{
    /// <summary>Nothing: the request would fail anywhere.</summary>
    None,

    /// <summary>The same URL, once: a kept connection may have died while it was idle.</summary>
    SameUrl,

    /// <summary>Another URL.</summary>
    OtherUrl,

    /// <summary>Another URL that is not backing off; else the client had better wait.</summary>
    HealthyUrl,
}

/// <summary>Why a try at a model server failed.</summary>
/// <param name="Outcome">The closed kind.</param>
/// <param name="Code">The code that the client gets.</param>
/// <param name="Message">A sentence for the client.</param>
internal sealed record UpstreamFault(CallOutcome Outcome, string Code, string Message)
{
    public const string ServerError = "server_error";

    /// <summary>What may help.</summary>
    public Remedy Remedy { get; init; }

    /// <summary>When the server wants to be asked again, if it said so.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>For the log: a status or an error of the network; never what the server wrote.</summary>
    public string Reason { get; init; } = "";

    /// <summary>The call's last event.</summary>
    public ModelEvent ToEvent() => new(ModelEventKind.Failed)
    {
        Code = Code,
        Message = RetryHint.Append(Message, RetryAfter),
    };

    /// <summary>Tells which fault an exception is; null where it is none of those that a server can cause.</summary>
    /// <param name="e">What was thrown.</param>
    /// <param name="clock">The try's clock: what it ended looks like many things.</param>
    /// <param name="isAnswering">Whether the answer had begun.</param>
    public static UpstreamFault? Of(Exception e, CallClock? clock, bool isAnswering) => e switch
    {
        UpstreamException upstream => upstream.Fault,
        _ when clock is { IsOver: true } => TimedOut(clock),
        ConversationException refused => new UpstreamFault(CallOutcome.Refused, "invalid_prompt", refused.Message),
        FormatException or InvalidDataException => new UpstreamFault(CallOutcome.Broken, ServerError,
            $"The model server's answer cannot be read: {e.Message}") { Reason = e.GetType().Name },
        HttpRequestException or IOException when isAnswering => new UpstreamFault(CallOutcome.Broken, ServerError,
            "The connection to the model server broke in the middle of its answer.")
        { Remedy = Remedy.OtherUrl, Reason = ReasonOf(e) },
        HttpRequestException or IOException => new UpstreamFault(CallOutcome.Unreachable, ServerError,
            "The model server could not be reached.")
        { Remedy = HadConnection(e) ? Remedy.SameUrl : Remedy.OtherUrl, Reason = ReasonOf(e) },
        TaskCanceledException { InnerException: TimeoutException } => new UpstreamFault(CallOutcome.Unreachable,
            ServerError, "The model server could not be reached in time.")
        { Remedy = Remedy.OtherUrl, Reason = "ConnectTimeout" },
        _ => null,
    };

    /// <summary>The stream ended, and the answer had not.</summary>
    public static UpstreamFault Ended() => new(CallOutcome.Broken, ServerError,
        "The model server's answer ended before it was complete.")
    {
        Remedy = Remedy.OtherUrl,
        Reason = "the stream ended early",
    };

    private static UpstreamFault TimedOut(CallClock clock)
    {
        var limit = string.Create(CultureInfo.InvariantCulture, $"{clock.Limit.TotalSeconds:0.###} s");
        var fault = new UpstreamFault(CallOutcome.TimedOut, ServerError, clock.Wait switch
        {
            CallWait.FirstEvent => $"The model server did not begin its answer within {limit}.",
            CallWait.Turn => $"The model server did not end its answer within {limit}.",
            _ => $"The model server fell silent for {limit} in the middle of its answer.",
        });
        return fault with
        {
            Remedy = clock.Wait == CallWait.Turn ? Remedy.None : Remedy.OtherUrl,
            Reason = clock.Wait.ToString(),
        };
    }

    // What is thrown over bytes that are no HTTP quotes them, and they may be an answer's.
    private static string ReasonOf(Exception e) => e switch
    {
        HttpRequestException when !HadConnection(e) => e.Message,
        HttpRequestException { InnerException: HttpIOException inner } => inner.HttpRequestError.ToString(),
        HttpRequestException request => request.HttpRequestError.ToString(),
        HttpIOException http => http.HttpRequestError.ToString(),
        _ => e.GetType().Name,
    };

    private static bool HadConnection(Exception e) => e is not HttpRequestException
    {
        HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or
            HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError,
    };
}

/// <summary>Carries a fault that the server told itself.</summary>
internal sealed class UpstreamException(UpstreamFault fault) : Exception(fault.Message)
{
    public UpstreamFault Fault { get; } = fault;
}
