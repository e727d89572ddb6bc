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

    /// <summary>The same URL, once, over a new connection: the server closed this one before it answered.</summary>
    NewConnection,

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

    private const int ContentTypeCharsMax = 100;

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

    /// <summary>Whether it says no more than that a kept connection had died, which no server can help.</summary>
    public bool IsStale { get; init; }

    /// <summary>
    /// How much it tells the client: a call that failed at several URLs ends with the first of those that tell most.
    /// </summary>
    public int Weight => Outcome switch
    {
        CallOutcome.Unreachable => 0,
        CallOutcome.TimedOut or CallOutcome.Broken => 1,
        CallOutcome.Faulted when Code == ServerError && !HasWords => 2,
        CallOutcome.Refused when Code != ServerError => 4,
        _ => 3,
    };

    /// <summary>Whether the message holds words of the server.</summary>
    public bool HasWords { get; init; }

    /// <summary>Tells which fault an exception is; null where it is none of those that a server can cause.</summary>
    /// <param name="e">What was thrown.</param>
    /// <param name="ended">The try that it ended, if there was one: its clock looks like many things.</param>
    public static UpstreamFault? Of(Exception e, ServerTry? ended) => e switch
    {
        UpstreamException upstream => upstream.Fault,
        _ when ended is { Clock.IsOver: true } => TimedOut(ended.Clock),
        ConversationException refused => new UpstreamFault(CallOutcome.Refused, "invalid_prompt", refused.Message),
        FormatException or InvalidDataException => new UpstreamFault(CallOutcome.Broken, ServerError,
            $"The model server's answer cannot be read: {e.Message}") { Reason = e.GetType().Name },
        HttpRequestException or IOException => Disconnected(e, ended),
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

    /// <summary>The answer was empty, or something else than an answer, such as a page.</summary>
    public static UpstreamFault NoEvent(string? contentType) => new(CallOutcome.Faulted, ServerError,
        $"The model server's answer holds no event; its content type is {Short(contentType) ?? "missing"}.")
    {
        Remedy = Remedy.OtherUrl,
        Reason = "no event",
    };

    private static UpstreamFault Disconnected(Exception e, ServerTry? ended)
    {
        var connection = ended?.Connection;
        if (ended is { IsAnswering: true } || connection is { HasAnswer: true })
        {
            return new UpstreamFault(CallOutcome.Broken, ServerError,
                "The connection to the model server broke in the middle of its answer.")
            {
                Remedy = Remedy.OtherUrl,
                Reason = ReasonOf(e),
            };
        }

        var isSent = connection is { IsSent: true };
        return new UpstreamFault(CallOutcome.Unreachable, ServerError, isSent
            ? "The model server closed the connection without an answer."
            : "The model server could not be reached.")
        {
            Remedy = isSent ? Remedy.NewConnection : Remedy.OtherUrl,
            IsStale = connection is { IsKept: true },
            Reason = ReasonOf(e),
        };
    }

    private static string? Short(string? contentType) =>
        contentType is { Length: > ContentTypeCharsMax } ? contentType[..ContentTypeCharsMax] : contentType;

    private static UpstreamFault TimedOut(CallClock clock)
    {
        var limit = string.Create(CultureInfo.InvariantCulture, $"{clock.Limit.TotalSeconds:0.###} s");
        var fault = new UpstreamFault(CallOutcome.TimedOut, ServerError, clock.Wait switch
        {
            CallWait.FirstByte => $"The model server did not begin its answer within {limit}.",
            CallWait.FirstEvent => $"The model server fell silent for {limit} before the first event of its answer.",
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
