using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Routing;

/// <summary>How a router asks again.</summary>
/// <param name="Time">The clock.</param>
/// <param name="RetryTime">How long one request asks again before its caller is told to come back.</param>
/// <param name="IsPassing">Whether a failed call may succeed when it is made again.</param>
public sealed record RetryBounds(TimeProvider Time, TimeSpan RetryTime, Func<Exception, bool> IsPassing)
{
    /// <summary>
    /// A read that fails after this time was answered on its way, since an unanswered one fails sooner: its reader's
    /// time for retries begins anew.
    /// </summary>
    public TimeSpan AnsweredAfter { get; init; } = TimeSpan.MaxValue;

    /// <summary>Whether a failed call may succeed when it is made again.</summary>
    internal bool MayPass(Exception e, CancellationToken cancellationToken) => e switch
    {
        ConversationException => false,
        OperationCanceledException => !cancellationToken.IsCancellationRequested,
        _ => IsPassing(e),
    };
}
