using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <content>What readers get: events by cursor, response objects, items.</content>
public sealed partial class Conversation
{
    private readonly WireBuffer _buffer = new();
    private int _readers;

    /// <summary>Attaches a reader to a turn; <see cref="Detach"/> must follow.</summary>
    /// <exception cref="ConversationException">The turn is not found.</exception>
    public void Attach(TurnId id, LeaseId lease, DateTimeOffset now)
    {
        var turn = Find(id, lease);
        Hold(lease, now);
        turn.Readers++;
        turn.OrphanedAt = null;
        _readers++;
    }

    /// <summary>
    /// A reader leaves. An unstored turn that nobody reads is cancelled, a stored one is after a while.
    /// </summary>
    public void Detach(TurnId id, DateTimeOffset now)
    {
        _readers--;
        var turn = _turns.ById(id) ?? _running.Find(turn => turn.Id == id);
        if (turn is null || --turn.Readers > 0)
        {
            return;
        }

        if (turn.Live is { IsOver: false })
        {
            turn.OrphanedAt = turn.IsBackground ? null : now + Limits.OrphanTimeout;
            if (!id.IsStored)
            {
                Cancel(turn, now);
            }
        }
        else if (turn.Status == TurnStatus.Ended)
        {
            DropLogUnlessRead(turn);
        }
    }

    /// <summary>The events of an attached turn from a number on, as far as they are visible.</summary>
    public ReadStep Read(TurnId id, LeaseId lease, int from)
    {
        if ((_turns.Find(id, lease) ?? BeingRead(id)) is not { } turn)
        {
            return new ReadStep([], IsLast: false) { IsGone = true };
        }

        if (turn.IsCutShort)
        {
            return new ReadStep([CutShortEvent(turn, from)], IsLast: true);
        }

        var log = turn.Log ??= Replay(turn);
        var events = log.Read(from);
        var isLast = turn.Status == TurnStatus.Ended && from + events.Count >= log.Count;
        return new ReadStep(events, isLast) { IsLost = IsLost && events.Count == 0 && !isLast };
    }

    /// <summary>The response object of a turn as it stands.</summary>
    /// <exception cref="ConversationException">The turn is not found.</exception>
    public ReadOnlyMemory<byte> Get(TurnId id, LeaseId lease)
    {
        var turn = FindShown(id, lease);
        ResponseObject.Write(_buffer, Snapshot(turn, turn.Ending, turn.Output, turn.Digest));
        return _buffer.Take();
    }

    /// <summary>The JSON of one finished output item of a turn.</summary>
    /// <exception cref="ConversationException">The turn or the item is not found.</exception>
    public ReadOnlyMemory<byte> GetOutputItem(TurnId id, LeaseId lease, int index)
    {
        var turn = FindShown(id, lease);
        return turn.Status == TurnStatus.Ended && index >= 0 && index < turn.Output.Count
            ? turn.Output[index]
            : throw ConversationException.Of(RefusalKind.NotFound, $"Output {index} of '{IdOf(turn)}' not found.");
    }

    /// <summary>A page of the items a turn was made from.</summary>
    /// <exception cref="ConversationException">The turn or the page's anchor is not found.</exception>
    public ReadOnlyMemory<byte> ListInputItems(TurnId id, LeaseId lease, ItemPage page)
    {
        var turn = FindShown(id, lease);
        if (page.Limit is < 1 or > Limits.PageItemsMax)
        {
            throw ConversationException.Of(
                RefusalKind.InvalidRequest, $"'limit' must be 1 to {Limits.PageItemsMax}.", "limit");
        }

        return new ItemList(_key.Id, turn.Input).Write(page);
    }

    /// <summary>Deletes a response; a running turn is cancelled first.</summary>
    /// <returns>The record that must be durable before the caller may be told; 0: none.</returns>
    /// <exception cref="ConversationException">The turn is not found.</exception>
    public long Delete(TurnId id, LeaseId lease, DateTimeOffset now)
    {
        var turn = FindShown(id, lease);
        if (turn.Live is { IsOver: false })
        {
            Cancel(turn, now);
        }

        if (!id.IsStored)
        {
            _turns.Evict(turn);
            return 0;
        }

        Claim(now);
        return _outbox.Add(new TurnDeleted(id.Number));
    }

    // Whoever reads a response while it is deleted gets its events to the end.
    private Turn? BeingRead(TurnId id) => _turns.ById(id) is { Id.IsStored: true, Readers: > 0, Log: not null } turn
        ? turn
        : null;

    private ResponseId IdOf(Turn turn) => new(_key.Id, turn.Id);

    private Turn FindShown(TurnId id, LeaseId lease)
    {
        var turn = Find(id, lease);
        return turn.Status != TurnStatus.Proposed ? turn : throw NotFound(id);
    }

    private ResponseSnapshot Snapshot(Turn turn, TurnEnding? ending, IReadOnlyList<ReadOnlyMemory<byte>> output,
        Digest digest) => new()
        {
            Id = IdOf(turn),
            Previous = turn.Parent is null ? null : IdOf(turn.Parent),
            IsStored = turn.Id.IsStored,
            CreatedAt = turn.CreatedAt,
            Parameters = turn.Parameters,
            Ending = ending,
            Output = output,
            Digest = digest,
        };

    private void WriteOpening(Turn turn, ResponseStream stream)
    {
        var snapshot = Snapshot(turn, null, [], default);
        stream.WithResponse("response.created"u8, buffer => ResponseObject.Write(buffer, snapshot));
        stream.WithResponse("response.in_progress"u8, buffer => ResponseObject.Write(buffer, snapshot));
    }

    /// <summary>Makes the events of an ended turn again.</summary>
    private EventLog Replay(Turn turn)
    {
        var log = new EventLog();
        var stream = new ResponseStream(IdOf(turn), turn.Dialect, log.Add);
        WriteOpening(turn, stream);
        IReadOnlyList<ReadOnlyMemory<byte>> items = turn.Partial.IsEmpty ? turn.Output : [.. turn.Output, turn.Partial];
        StreamReplay.Run(turn.Shape, items, stream);
        WriteTerminal(turn, stream);
        log.Release(0);
        return log;
    }

    // Its deltas died with the server that sent them: whatever a reader has seen, this comes next.
    private byte[] CutShortEvent(Turn turn, int from)
    {
        byte[] written = [];
        WriteTerminal(turn, new ResponseStream(IdOf(turn), turn.Dialect, json => written = json, from));
        return written;
    }

    private void WriteTerminal(Turn turn, ResponseStream stream)
    {
        var snapshot = Snapshot(turn, turn.Ending, turn.Output, turn.Digest);
        stream.WithResponse(TerminalEvent(turn.Ending!.Outcome),
            buffer => ResponseObject.Write(buffer, snapshot));
    }

    private static void DropLogUnlessRead(Turn turn)
    {
        if (turn.Readers == 0)
        {
            turn.Log = null;
        }
    }
}

/// <summary>What a reader gets at once.</summary>
/// <param name="Events">Visible events from the cursor on; none: wait to be woken.</param>
/// <param name="IsLast">Whether nothing follows.</param>
public readonly record struct ReadStep(IReadOnlyList<ReadOnlyMemory<byte>> Events, bool IsLast)
{
    /// <summary>Whether the activation is over before the turn was: read on in the next one.</summary>
    public bool IsLost { get; init; }

    /// <summary>Whether the turn is no longer to be found.</summary>
    public bool IsGone { get; init; }

    /// <summary>Whether the reader has to wait until it is woken.</summary>
    public bool MustWait => Events.Count == 0 && !IsLast && !IsLost && !IsGone;
}
