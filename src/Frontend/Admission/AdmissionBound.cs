using Evergrain.Conversations.Ports;

namespace Evergrain.Frontend.Admission;

/// <summary>Every bound that admission keeps. The names, in snake case, are the reasons that metrics show.</summary>
internal enum AdmissionBound
{
    /// <summary>A tenant's open sockets.</summary>
    TenantConnections,

    /// <summary>Open sockets in all.</summary>
    ServerConnections,

    /// <summary>A tenant's running turns.</summary>
    TenantRunning,

    /// <summary>Running turns in all.</summary>
    ServerRunning,

    /// <summary>Calls to the servers of one model.</summary>
    ModelCalls,

    /// <summary>A tenant's waiting turns.</summary>
    TenantWaiting,

    /// <summary>Waiting turns in all.</summary>
    ServerWaiting,

    /// <summary>Bytes of a tenant's requests that have not started.</summary>
    TenantBytes,

    /// <summary>Bytes of all requests that have not started.</summary>
    ServerBytes,

    /// <summary>Turns that a tenant begins in a minute.</summary>
    TenantTurnsPerMinute,

    /// <summary>Tokens that a tenant's turns take in a minute.</summary>
    TenantTokensPerMinute,
}

/// <summary>What a client, and what a metric, is told of each bound.</summary>
internal static class AdmissionBoundWords
{
    /// <summary>
    /// The refusal: of a tenant's own bound 429, of one that all share 503. The message has the bound's value.
    /// </summary>
    public static Refusal Refuse(this AdmissionBound bound, long max, TimeSpan retryAfter)
    {
        var (kind, message) = bound switch
        {
            AdmissionBound.TenantConnections => (RefusalKind.TooManyRequests,
                $"You have {max} connections open, as many as you may: use one of them, or close one."),
            AdmissionBound.ServerConnections => (RefusalKind.Overloaded,
                $"The server has {max} connections open and takes no more: try again later."),
            AdmissionBound.TenantRunning => (RefusalKind.TooManyRequests,
                $"You run {max} turns, as many as you may, and none ended in time: try again later."),
            AdmissionBound.ServerRunning => (RefusalKind.Overloaded,
                $"The server runs {max} turns at a time, and it was not your turn in time: try again later."),
            AdmissionBound.ModelCalls => (RefusalKind.Overloaded,
                $"The model takes {max} calls at a time, and it was not your turn in time: try again later."),
            AdmissionBound.TenantWaiting => (RefusalKind.TooManyRequests,
                $"{max} of your requests wait already, as many as may: try again later."),
            AdmissionBound.ServerWaiting => (RefusalKind.Overloaded,
                $"{max} requests wait already, as many as may: try again later."),
            AdmissionBound.TenantBytes => (RefusalKind.TooManyRequests,
                $"Requests of yours hold {max} bytes, as many as they may, and none began in time: try again later."),
            AdmissionBound.ServerBytes => (RefusalKind.Overloaded,
                $"Requests hold {max} bytes, as many as they may, and none began in time: try again later."),
            AdmissionBound.TenantTurnsPerMinute => (RefusalKind.TooManyRequests,
                $"Rate limit reached: you may begin {max} turns a minute, and have begun as many."),
            AdmissionBound.TenantTokensPerMinute => (RefusalKind.TooManyRequests,
                $"Rate limit reached: your turns may take {max} tokens a minute, and have taken as many."),
            _ => throw new ArgumentOutOfRangeException(nameof(bound), bound, "No refusal for this bound."),
        };
        return new Refusal(kind, message) { RetryAfter = retryAfter };
    }

    /// <summary>The value of the tag <c>reason</c>.</summary>
    public static string Reason(this AdmissionBound bound) => bound switch
    {
        AdmissionBound.TenantConnections => "tenant_connections",
        AdmissionBound.ServerConnections => "server_connections",
        AdmissionBound.TenantRunning => "tenant_running",
        AdmissionBound.ServerRunning => "server_running",
        AdmissionBound.ModelCalls => "model_calls",
        AdmissionBound.TenantWaiting => "tenant_waiting",
        AdmissionBound.ServerWaiting => "server_waiting",
        AdmissionBound.TenantBytes => "tenant_bytes",
        AdmissionBound.ServerBytes => "server_bytes",
        AdmissionBound.TenantTurnsPerMinute => "tenant_turns_per_minute",
        AdmissionBound.TenantTokensPerMinute => "tenant_tokens_per_minute",
        _ => throw new ArgumentOutOfRangeException(nameof(bound), bound, "No reason for this bound."),
    };
}
