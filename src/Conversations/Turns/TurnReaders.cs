using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <summary>Gives readers events by cursor, response objects and items. Counts the readers that are attached.</summary>
internal sealed class TurnReaders(ConversationState state, RunningTurns running, TurnEvents events)
{
    /// <summary>Readers attached now, to all turns.</summary>
    public int Count { get; private set; }

    public void Attach(TurnId id, LeaseId lease, DateTimeOffset now, int from)
    {
        var turn = state.Turns.Get(id, lease);
        if (from > 0 && lease == default)
        {
            // A connection that brings turns has a lease: this is a request that reads on.
            turn.ReadOnFrom = from;
        }

        state.Leases.RenewIfHeld(lease, now);
        turn.Readers++;
        turn.OrphanedAt = null;
        Count++;
    }

    public void Detach(TurnId id, DateTimeOffset now)
    {
        Count--;
        var turn = state.Turns.ById(id) ?? running.ById(id);
        if (turn is null || --turn.Readers > 0)
        {
            return;
        }

        if (turn.IsLive)
        {
            turn.OrphanedAt = turn.IsBackground ? null : now + Limits.OrphanTimeout;
            if (!id.IsStored)
            {
                running.Cancel(turn, now);
            }
        }
        else if (turn.Status == TurnStatus.Ended)
        {
            turn.DropLogUnlessRead();
        }
    }

    public ReadStep Read(TurnId id, LeaseId lease, int from)
    {
        if ((state.Turns.Find(id, lease) ?? BeingRead(id)) is not { } turn)
        {
            return new ReadStep([], IsLast: false) { IsGone = true };
        }

        if (turn.IsCutShort)
        {
            return new ReadStep([events.CutShort(turn, from)], IsLast: true);
        }

        var log = turn.Log ??= events.Replay(turn);
        var visible = log.Read(from);
        var isLast = turn.Status == TurnStatus.Ended && from + visible.Count >= log.Count;
        return new ReadStep(visible, isLast)
        {
            IsLost = running.IsLost && visible.Count == 0 && !isLast,
            History = isLast ? TurnHistory.MarkOf(state, turn) : null,
            Timing = isLast ? turn.Timing : from == 0 && visible.Count > 0 ? turn.Clock?.Report() : null,
        };
    }

    public ReadOnlyMemory<byte> Get(TurnId id, LeaseId lease)
    {
        var buffer = new WireBuffer();
        var turn = state.Turns.GetShown(id, lease);
        ResponseObject.Write(buffer, events.Snapshot(turn) with { Parameters = turn.Parameters.Changed });
        return buffer.Take();
    }

    public ReadOnlyMemory<byte> GetOutputItem(TurnId id, LeaseId lease, int index)
    {
        var turn = state.Turns.GetShown(id, lease);
        return turn.Status == TurnStatus.Ended && index >= 0 && index < turn.Output.Count
            ? turn.Output[index]
            : throw ConversationException.Of(
                RefusalKind.NotFound, $"Output {index} of '{state.Turns.IdOf(turn)}' not found.");
    }

    public ReadOnlyMemory<byte> ListInputItems(TurnId id, LeaseId lease, ItemPage page)
    {
        var turn = state.Turns.GetShown(id, lease);
        if (page.Limit is < 1 or > Limits.PageItemsMax)
        {
            throw ConversationException.Of(
                RefusalKind.InvalidRequest, $"'limit' must be 1 to {Limits.PageItemsMax}.", "limit");
        }

        return new ItemList(state.Turns.IdOf(turn).Conversation, turn.Input).Write(page);
    }

    public ReadOnlyMemory<byte> ListTurns(int after, int limit) => List().Write(after, limit);

    public ReadOnlyMemory<byte> ListLive(long since, DateTimeOffset now) =>
        List().WriteLive(running.All, since, now.ToUnixTimeMilliseconds());

    public ReadOnlyMemory<byte> GetContext(TurnId id, int rendered)
    {
        if (state.Turns.ById(id) is not { IsHidden: false, Status: not TurnStatus.Proposed } turn)
        {
            throw ConversationException.Of(
                RefusalKind.NotFound, $"Response with id '{state.Turns.IdOf(id)}' not found.");
        }

        // The content of an unstored turn is for its own connection.
        return ContextShape.Write(state.Turns.IdOf(turn), turn.Ending is null ? turn.Input : turn.End,
            id.IsStored ? rendered : 0);
    }

    private TurnList List() => state.Turns.HasVisibleStored || state.Turns.HasUnstored
        ? new TurnList(state.Turns)
        : throw ConversationException.Of(
            RefusalKind.NotFound, $"Conversation with id '{state.Turns.Conversation}' not found.");

    // A reader of a response that is deleted gets its events to the end.
    private Turn? BeingRead(TurnId id) =>
        state.Turns.ById(id) is { Id.IsStored: true, Readers: > 0, Log: not null } turn ? turn : null;
}
