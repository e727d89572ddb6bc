using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Turns;

/// <content>Requests that come again: which turn they began.</content>
public sealed partial class Conversation
{
    /// <summary>Whether starting a turn would attach to one that was begun already.</summary>
    /// <exception cref="ConversationException">Its idempotency key was used for another request.</exception>
    public bool Knows(StartTurn start)
    {
        ArgumentNullException.ThrowIfNull(start);
        return Known(start) is not null;
    }

    private Turn? Known(StartTurn start)
    {
        var turn = _turns.ByRequest(start.RequestId, start.Lease);
        if (turn is null || (turn.RequestId != start.RequestId && !start.IsKeyed))
        {
            return null;
        }

        if (turn.RequestId != start.RequestId)
        {
            throw Conflict("The idempotency key was used for another request: use a new key for a new request.");
        }

        return turn.IsHidden && start.IsKeyed
            ? throw Conflict("The response that this idempotency key made was deleted: use a new key.")
            : turn;
    }

    private static ConversationException Conflict(string message) =>
        ConversationException.Of(RefusalKind.Conflict, message, "idempotency_key");
}
