namespace Evergrain.Conversations.Ports;

/// <summary>Every way a request is refused. One place maps them to the wire: <c>Wire/ErrorWriter</c>.</summary>
public enum RefusalKind
{
    /// <summary>The request's JSON, a field's type or a field's value is wrong. 400.</summary>
    InvalidRequest,

    /// <summary>A field that must be there is missing. 400.</summary>
    MissingField,

    /// <summary>No backend serves the model. 400 <c>model_not_found</c>.</summary>
    ModelNotFound,

    /// <summary>The parent is not found. 400 <c>previous_response_not_found</c>.</summary>
    PreviousResponseNotFound,

    /// <summary>A response or item is not found. 404.</summary>
    NotFound,

    /// <summary>The path exists, but not with this method. 405.</summary>
    MethodNotAllowed,

    /// <summary>The path speaks WebSocket only. 426.</summary>
    UpgradeRequired,

    /// <summary>The request is too large. 413.</summary>
    TooLarge,

    /// <summary>The caller is over a bound of its own: waiting requests, running turns, connections. 429.</summary>
    TooManyRequests,

    /// <summary>The turns of the caller hold as much memory as they may. 429 <c>memory_limit_exceeded</c>.</summary>
    MemoryExceeded,

    /// <summary>Everyone together is over a bound of the server or of a model's servers. 503
    /// <c>server_is_overloaded</c>.</summary>
    Overloaded,

    /// <summary>The body's media type or encoding is not understood. 415.</summary>
    UnsupportedMedia,

    /// <summary>The check on new input refused it. 400 <c>invalid_prompt</c>.</summary>
    InputRefused,

    /// <summary>The idempotency key was used for another request. 409 <c>idempotency_key_reused</c>.</summary>
    Conflict,

    /// <summary>The connection's time is over. 400 <c>websocket_connection_limit_reached</c>.</summary>
    ConnectionLimit,

    /// <summary>The request's key is missing or unknown. 401.</summary>
    Unauthorized,

    /// <summary>The caller may not come from there. 403.</summary>
    Forbidden,

    /// <summary>The conversation cannot go on here now: try again. 503.</summary>
    Unavailable,

    /// <summary>A fault of ours. 500.</summary>
    Internal,
}

/// <summary>Why a request is refused, in words a client can act on.</summary>
/// <param name="Kind">The closed kind.</param>
/// <param name="Message">A sentence that names the value and the way out.</param>
/// <param name="Param">The field, as a path (<c>input[2].call_id</c>), or null.</param>
public sealed record Refusal(RefusalKind Kind, string Message, string? Param = null)
{
    /// <summary>When trying again makes sense; null: at once, or never.</summary>
    public TimeSpan? RetryAfter { get; init; }
}

/// <summary>The one exception that carries an expected failure to the edge.</summary>
public sealed class ConversationException(Refusal refusal, Exception? inner = null)
    : Exception(refusal.Message, inner)
{
    /// <summary>What the client is told.</summary>
    public Refusal Refusal { get; } = refusal;

    /// <summary>Shorthand for a refusal of one kind.</summary>
    public static ConversationException Of(RefusalKind kind, string message, string? param = null) =>
        new(new Refusal(kind, message, param));
}
