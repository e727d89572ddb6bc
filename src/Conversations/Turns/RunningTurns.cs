using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Timing;

namespace Evergrain.Conversations.Turns;

/// <summary>The turns that run in this activation: model events in, response events out, until they end.</summary>
/// <param name="state">What the conversation holds.</param>
/// <param name="records">Applies what an unstored turn has instead of records.</param>
/// <param name="events">Writes the first events of a turn, and its last.</param>
/// <param name="effects">Takes the effects of turns, in order.</param>
internal sealed class RunningTurns(
    ConversationState state, RecordApplier records, TurnEvents events, List<Effect> effects)
{
    // Bytes of events between two looks at the bounds.
    private const int CheckBytes = 4096;

    private readonly List<Turn> _turns = [];

    /// <summary>Turns that run, or whose end is not durable yet.</summary>
    public int Count => _turns.Count;

    /// <summary>Those turns.</summary>
    public IReadOnlyList<Turn> All => _turns;

    /// <summary>Bytes of items that are no part of a branch yet, estimated.</summary>
    public long Bytes
    {
        get
        {
            var bytes = 0L;
            foreach (var turn in _turns)
            {
                if (turn.Live is { } live)
                {
                    bytes += live.OutputBytes + (live.Stream.Open?.TextBytes ?? 0) +
                        (turn.Status == TurnStatus.Proposed ? live.InputBytes : 0);
                }
            }

            return bytes;
        }
    }

    /// <summary>Whether the activation is over: what the models say from here on is ignored.</summary>
    public bool IsLost { get; private set; }

    /// <summary>When the first turn without readers is given up; null if there is none.</summary>
    public DateTimeOffset? FirstOrphanedAt
    {
        get
        {
            DateTimeOffset? first = null;
            foreach (var turn in _turns)
            {
                first = turn.OrphanedAt is { } at && (first is null || at < first) ? at : first;
            }

            return first;
        }
    }

    /// <summary>The renderings of turns whose items may still become part of a branch.</summary>
    public IReadOnlyCollection<string> Renderings => [.. _turns.Where(static turn => turn.Live is not null)
        .Select(static turn => turn.Live!.Backend.Rendering)];

    /// <summary>A turn that runs, also one whose id is no longer to be found; null if there is none.</summary>
    public Turn? ById(TurnId id)
    {
        foreach (var turn in _turns)
        {
            if (turn.Id == id)
            {
                return turn;
            }
        }

        return null;
    }

    /// <summary>Runs a new turn.</summary>
    /// <param name="turn">The turn.</param>
    /// <param name="model">The model that it names.</param>
    /// <param name="isCancelled">Whether it was cancelled before it began.</param>
    /// <param name="now">The time.</param>
    public void Begin(Turn turn, string model, bool isCancelled, DateTimeOffset now)
    {
        var live = turn.Live!;
        _turns.Add(turn);
        events.WriteOpening(turn, live.Stream);
        if (isCancelled)
        {
            Finish(turn, Ending(TurnOutcome.Cancelled, null, null, now));
        }
        else if (!turn.Generate)
        {
            Finish(turn, Ending(TurnOutcome.Completed, null, null, now) with
            {
                Usage = new Usage(live.Proposal.Tokens, 0, 0, 0),
            });
        }
        else
        {
            turn.Clock?.Calls(model);
            effects.Add(new Effect.CallModel(turn.Id, live.Backend, new ModelCall
            {
                Model = model,
                Parameters = turn.Parameters,
                Context = live.Proposal.View(),
                NewItems = live.InputCount,
                TokensBefore = live.Proposal.TokensBefore,
                Affinity = state.Turns.IdOf(turn).Conversation.Value,
                Response = state.Turns.IdOf(turn),
                Trace = turn.Trace,
                StoredItems = turn.Id.IsStored ? live.Proposal.Items : null,
            }));
        }
    }

    public void OnModelEvent(TurnId id, in ModelEvent model, DateTimeOffset now)
    {
        if (Live(id) is not { Live: { } live } turn)
        {
            return;
        }

        live.HasSpoken = true;
        switch (model.Kind)
        {
            case ModelEventKind.Completed when live.Stream.Open is null:
                Finish(turn, Ending(TurnOutcome.Completed, null, null, now) with { Usage = model.Usage });
                return;
            case ModelEventKind.Incomplete:
                Finish(turn, Ending(TurnOutcome.Incomplete, model.Code, null, now) with { Usage = model.Usage });
                return;
            case ModelEventKind.Failed:
                Finish(turn, Ending(TurnOutcome.Failed, model.Code, model.Message, now) with { Usage = model.Usage });
                return;
        }

        if (WhyNoGrowth(turn.Log!.Bytes, live) is { } full)
        {
            effects.Add(new Effect.CancelCall(id));
            Finish(turn, Ending(TurnOutcome.Failed, TenantHolding.Code, full, now));
            return;
        }

        try
        {
            Stream(turn, live, model);
        }
        catch (FormatException e)
        {
            effects.Add(new Effect.CancelCall(id));
            Finish(turn, Ending(TurnOutcome.Failed, "server_error", e.Message, now));
        }
    }

    public void OnModelEnded(TurnId id, string? fault, DateTimeOffset now)
    {
        if (Live(id) is { } turn)
        {
            Finish(turn, Ending(TurnOutcome.Failed, "server_error",
                fault ?? "The model's answer ended before it was complete.", now));
        }
    }

    /// <summary>Cancels a turn; one that does not run stays as it is.</summary>
    public void Cancel(Turn turn, DateTimeOffset now)
    {
        if (turn.IsLive)
        {
            effects.Add(new Effect.CancelCall(turn.Id));
            Finish(turn, Ending(TurnOutcome.Cancelled, null, null, now));
        }
    }

    /// <summary>Cancels the turns that nobody reads and whose time is over.</summary>
    public void CancelOrphans(DateTimeOffset now) =>
        _turns.FindAll(turn => turn.OrphanedAt <= now).ForEach(turn => Cancel(turn, now));

    /// <summary>Ends every turn as interrupted, with its finished items.</summary>
    public void InterruptAll(DateTimeOffset now)
    {
        foreach (var turn in _turns.FindAll(static turn => turn.IsLive))
        {
            effects.Add(new Effect.CancelCall(turn.Id));
            Finish(turn, Ending(TurnOutcome.Failed, "server_error", "interrupted: the server is stopping.", now));
        }
    }

    /// <summary>Cancels the calls and wakes the readers of all turns: the activation is over.</summary>
    public void LoseAll()
    {
        IsLost = true;
        foreach (var turn in _turns)
        {
            effects.Add(new Effect.CancelCall(turn.Id));
            effects.Add(new Effect.WakeReaders(turn.Id));
        }
    }

    /// <summary>Shows readers what the durable records allow, and lets turns go that have ended.</summary>
    public void ShowDurable()
    {
        for (var i = _turns.Count - 1; i >= 0; i--)
        {
            var turn = _turns[i];
            // An unstored turn may be gone already: its readers are told.
            if (turn.Log?.Release(state.Outbox.Durable) ?? true)
            {
                effects.Add(new Effect.WakeReaders(turn.Id));
            }

            Measure(turn);
            if (turn.Status == TurnStatus.Ended)
            {
                _turns.RemoveAt(i);
                turn.DropLogUnlessRead();
            }
        }
    }

    /// <summary>Tells a turn's clock what the turn waits for. Events that are held back wait for the journal.</summary>
    private static void Measure(Turn turn)
    {
        // The log of an unstored turn goes with its connection, and nobody asks for its time.
        if (turn is not { Clock: { } clock, Log: { } log })
        {
            return;
        }

        clock.Show(log.Visible);
        if (turn.Status == TurnStatus.Ended)
        {
            (turn.Timing, turn.Calls, turn.Clock) = (clock.Report(turn.Ending), clock.ToolCalls, null);
            return;
        }

        var isHeldBack = log.Count > log.Visible;
        if (turn.Live is { HasSpoken: false, IsOver: false })
        {
            clock.Enter(TurnPhase.ModelWait, isHeldBack ? TurnPhase.Persist : TurnPhase.ModelWait);
        }
        else if (isHeldBack)
        {
            clock.Enter(TurnPhase.Persist, turn.IsLive ? TurnPhase.ModelStream : TurnPhase.Persist);
        }
        else
        {
            clock.Enter(TurnPhase.ModelStream);
        }
    }

    private static TurnEnding Ending(TurnOutcome outcome, string? code, string? message, DateTimeOffset now) =>
        new(outcome, code, message, null, now.ToUnixTimeMilliseconds());

    private Turn? Live(TurnId id) => !IsLost && ById(id) is { IsLive: true } turn ? turn : null;

    private void Stream(Turn turn, LiveTurn live, in ModelEvent model)
    {
        if (model.Kind == ModelEventKind.ItemStarted &&
            model.Item is OutputKind.FunctionCall or OutputKind.CustomToolCall &&
            model.CallId is not { Length: > 0 and <= Limits.CallIdCharsMax })
        {
            throw new FormatException(
                $"the model made a call whose call_id is not a string of 1 to {Limits.CallIdCharsMax} characters");
        }

        var before = turn.Log!.Count;
        var item = live.Stream.Open;
        if (model is { Kind: ModelEventKind.ItemDone, Json.IsEmpty: false } && item is not null)
        {
            VerbatimItem.Check(model.Json, item);
        }

        if (live.Stream.Apply(model) is not { } json)
        {
            return;
        }

        Keep(live, json, KeptOf(model));
        if (!item!.IsCall)
        {
            return;
        }

        turn.Clock?.Made(item.CallId!, item.Name ?? string.Empty, turn.Log.Count - 1);
        if (turn.Id.IsStored)
        {
            // Clients run tools on this event: after a crash the call must still be there to be answered.
            turn.Log.Gate(before, TurnRecords.AddItems(state.Outbox, turn, live));
        }
    }

    /// <summary>Looks at the bounds once in a while: at most events it compares two numbers.</summary>
    private string? WhyNoGrowth(long bytes, LiveTurn live)
    {
        if (bytes < live.CheckedBytes + CheckBytes)
        {
            return null;
        }

        live.CheckedBytes = bytes;
        var max = state.Holding?.Bounds.TurnBytesMax ?? Limits.EventBytesMax;
        return bytes > max
            ? $"The turn was ended: its events take more than {max} bytes of memory, as much as they may."
            : state.Holding?.WhyNoGrowth();
    }

    private static string? KeptOf(in ModelEvent model) =>
        model.ServerData.IsEmpty ? model.ServerId : Encoding.UTF8.GetString(model.ServerData.Span);

    private void Keep(LiveTurn live, byte[] json, string? kept = null)
    {
        live.Keep(json, kept);
        state.Counts.Validated++;
        state.Counts.Rendered++;
    }

    /// <summary>Ends a turn: its output is complete, its terminal event written, its records made.</summary>
    private void Finish(Turn turn, TurnEnding ending)
    {
        var live = turn.Live!;
        live.EndingAt = ending.EndedAt;
        turn.OrphanedAt = null;
        state.Counts.AddEnded(ending);
        var (open, closing) = (live.Stream.Open, turn.Log!.Count);
        var partial = Close(live, ending.Outcome);

        // A call that is cut has its done event here, and no other record holds it.
        var held = open is { IsCall: true } ? closing : turn.Log.Count;
        events.WriteTerminal(turn, live, ending);
        if (ending.Outcome == TurnOutcome.Failed &&
            turn is { IsRecognised: false, Parent: { Id.IsStored: false } parent })
        {
            state.Leave(parent, DateTimeOffset.FromUnixTimeMilliseconds(ending.EndedAt));
        }

        var finished = new TurnFinished
        {
            Turn = turn.Id.Number,
            Ending = ending,
            Shape = live.Stream.Shape,
            Digest = live.Proposal.Digest,
        };
        if (turn.Id.IsStored)
        {
            turn.Log.Gate(held, TurnRecords.AddEnd(state.Outbox, turn, partial, finished));
        }
        else
        {
            turn.Output.AddRange(live.Items.Select(json => (ReadOnlyMemory<byte>)json));
            turn.Partial = partial;
            records.ApplyFinished(turn, finished);
            TurnHistory.Note(state, turn, effects);
        }
    }

    /// <summary>
    /// Closes the item that is open: cut short and kept where the model's answer was, dropped where the turn was;
    /// gives the dropped one, for the events that were sent of it.
    /// </summary>
    private byte[]? Close(LiveTurn live, TurnOutcome outcome)
    {
        if (outcome != TurnOutcome.Incomplete)
        {
            return live.Stream.Partial();
        }

        if (live.Stream.Cut() is { } cut)
        {
            Keep(live, cut);
        }

        return null;
    }
}
