using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// Takes the ids of turns away: one that is deleted, those whose lifetime is over, or all. Each method gives the record
/// that must be durable before its caller may be told; 0: none.
/// </summary>
internal sealed class TurnRemoval(ConversationState state, RunningTurns running)
{
    // What Expire knows of the stored turns. A conversation without a lifetime has none of it.
    private readonly PriorityQueue<Turn, long> _ended = new();
    private readonly List<Turn> _open = [];
    private int _known;

    // No stored turn that may be found ended before.
    private long _firstEnd;

    /// <summary>How many turns <see cref="Expire"/> has looked at.</summary>
    public long Looks { get; private set; }

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
    /// <remarks>
    /// It looks at a turn when it meets it first, at each call while the turn runs, and when the turn expires. So a
    /// call costs what is new, runs or expires, and nothing for each turn that there is.
    /// </remarks>
    public long Expire(long endedBy, DateTimeOffset now)
    {
        if (endedBy < _firstEnd)
        {
            return 0;
        }

        Queue();
        var record = 0L;
        while (_ended.TryPeek(out var turn, out var endedAt) && endedAt <= endedBy)
        {
            _ended.Dequeue();
            Looks++;
            if (!turn.IsHidden)
            {
                JournalClaim.Make(state, now);
                record = state.Outbox.Delete(turn.Id.Number);
                state.Turns.Hide(turn);
            }
        }

        // Turns that end later end at this time at least.
        var latest = now.ToUnixTimeMilliseconds();
        _firstEnd = _ended.TryPeek(out _, out var first) ? Math.Min(first, latest) : latest;
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

    /// <summary>Puts the turns that ended since into their order.</summary>
    private void Queue()
    {
        for (; _known < state.Turns.Stored.Count; _known++)
        {
            _open.Add(state.Turns.Stored[_known]);
        }

        Looks += _open.Count;
        _open.RemoveAll(turn =>
        {
            if (turn is { IsHidden: false, Status: TurnStatus.Ended, Ending.EndedAt: var endedAt })
            {
                _ended.Enqueue(turn, endedAt);
            }

            return turn.IsHidden || turn.Status == TurnStatus.Ended;
        });
    }
}
