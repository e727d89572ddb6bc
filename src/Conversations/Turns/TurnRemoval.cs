using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// Takes the ids of turns away: one that is deleted, those whose lifetime is over, or all. Each method gives the record
/// that must be durable before its caller may be told; 0: none.
/// </summary>
internal sealed class TurnRemoval(ConversationState state, RunningTurns running)
{
    // No stored turn that may be found ended before.
    private long _firstEnd;

    /// <summary>Deletes a turn. One that runs is cancelled first.</summary>
    /// <exception cref="ConversationException">The turn is not found.</exception>
    public long Delete(TurnId id, LeaseId lease, DateTimeOffset now)
    {
        var turn = state.Turns.GetShown(id, lease);
        running.Cancel(turn, now);
        if (!id.IsStored)
        {
            state.Turns.Evict(turn);
            return 0;
        }

        JournalClaim.Make(state, now);
        return state.Outbox.Delete(id.Number);
    }

    /// <summary>
    /// Takes the ids of stored turns away that ended at a time or before, in milliseconds since the Unix epoch. They
    /// are hidden at once: by then they are over whether the record is stored or not.
    /// </summary>
    public long Expire(long endedBy, DateTimeOffset now)
    {
        if (endedBy < _firstEnd)
        {
            return 0;
        }

        // Turns that end later end at this time at least.
        var first = now.ToUnixTimeMilliseconds();
        var record = 0L;
        foreach (var turn in state.Turns.Stored)
        {
            if (turn is not { IsHidden: false, Status: TurnStatus.Ended, Ending.EndedAt: var endedAt })
            {
                continue;
            }

            if (endedAt > endedBy)
            {
                first = Math.Min(first, endedAt);
                continue;
            }

            JournalClaim.Make(state, now);
            record = state.Outbox.Delete(turn.Id.Number);
            state.Turns.Hide(turn);
        }

        _firstEnd = first;
        return record;
    }

    /// <summary>Deletes all turns, stored or not. Those that run are cancelled first.</summary>
    public long Erase(DateTimeOffset now)
    {
        foreach (var turn in state.Turns.Unstored.ToList())
        {
            running.Cancel(turn, now);
            state.Turns.Evict(turn);
        }

        state.Kept.Clear();
        var record = 0L;
        foreach (var turn in state.Turns.Stored.Where(static turn => !turn.IsHidden).ToList())
        {
            JournalClaim.Make(state, now);
            running.Cancel(turn, now);
            record = state.Outbox.Delete(turn.Id.Number);
        }

        return record;
    }
}
