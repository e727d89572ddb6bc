using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <content>A turn while it runs: model events in, response events out, until it ends.</content>
public sealed partial class Conversation
{
    /// <summary>The model said something. Ignored where the turn is over already.</summary>
    public void OnModelEvent(TurnId id, in ModelEvent model, DateTimeOffset now)
    {
        if (Running(id) is not { Live: { } live } turn)
        {
            return;
        }

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

        try
        {
            Stream(turn, live, model);
        }
        catch (FormatException e)
        {
            _effects.Add(new Effect.CancelCall(id));
            Finish(turn, Ending(TurnOutcome.Failed, "server_error", e.Message, now));
        }
    }

    /// <summary>The model's stream is over, or broke. A turn that it left without an end has failed.</summary>
    /// <param name="id">The turn.</param>
    /// <param name="fault">A sentence for the client; null if the stream merely ended.</param>
    /// <param name="now">The time.</param>
    public void OnModelEnded(TurnId id, string? fault, DateTimeOffset now)
    {
        if (Running(id) is { } turn)
        {
            Finish(turn, Ending(TurnOutcome.Failed, "server_error",
                fault ?? "The model's answer ended before it was complete.", now));
        }
    }

    private static TurnEnding Ending(TurnOutcome outcome, string? code, string? message, DateTimeOffset now) =>
        new(outcome, code, message, null, now.ToUnixTimeMilliseconds());

    private Turn? Running(TurnId id) =>
        _running.Find(turn => turn.Id == id && turn.Live is { IsOver: false } && !IsLost);

    private void Stream(Turn turn, LiveTurn live, in ModelEvent model)
    {
        if (model.Kind == ModelEventKind.ItemStarted &&
            model.Item is OutputKind.FunctionCall or OutputKind.CustomToolCall &&
            model.CallId is not { Length: > 0 and <= Limits.CallIdCharsMax })
        {
            throw new FormatException(
                $"the model made a call whose call_id is not a string of 1 to {Limits.CallIdCharsMax} characters");
        }

        if (turn.Log!.Bytes > Limits.EventBytesMax)
        {
            throw new FormatException($"the model's answer takes more than {Limits.EventBytesMax} bytes of events");
        }

        var before = turn.Log.Count;
        var item = live.Stream.Open;
        if (model is { Kind: ModelEventKind.ItemDone, Json.IsEmpty: false } && item is not null)
        {
            VerbatimItem.Check(model.Json, item);
        }

        if (live.Stream.Apply(model) is not { } json)
        {
            return;
        }

        Keep(live, json, model.ServerId);
        if (item!.IsCall && turn.Id.IsStored)
        {
            // Clients run tools on this event: after a crash the call must still be there to be answered.
            turn.Log.Gate(before, RecordItems(turn, live));
        }
    }

    /// <summary>A finished item becomes part of the turn's output, and of the context behind it.</summary>
    private void Keep(LiveTurn live, byte[] json, string? serverId = null)
    {
        var read = InputItem.Read(json, "output");
        live.Items.Add(json);
        live.ServerIds.Add(serverId);
        live.Proposal.Add(new Item(json, read.Type, read.Role)
        {
            Origin = serverId is null ? null : new ItemOrigin(live.Backend.Rendering, serverId),
        });
        CallLedger.AddCall(live.Calls, read.Type, read.CallId);
        _validated++;
        _rendered++;
    }

    /// <summary>Records the finished items that have no record yet; gives the last record's number.</summary>
    private long RecordItems(Turn turn, LiveTurn live)
    {
        for (; live.Recorded < live.Items.Count; live.Recorded++)
        {
            var json = live.Items[live.Recorded];
            _outbox.Add(new OutputHeld(turn.Id.Number, live.Recorded, IsPartial: false, json));
        }

        return _outbox.Made;
    }

    private void Cancel(Turn turn, DateTimeOffset now)
    {
        _effects.Add(new Effect.CancelCall(turn.Id));
        Finish(turn, Ending(TurnOutcome.Cancelled, null, null, now));
    }

    /// <summary>Ends a turn: its output is complete, its terminal event written, its records made.</summary>
    private void Finish(Turn turn, TurnEnding ending)
    {
        var live = turn.Live!;
        live.IsOver = true;
        _ended = _ended.With(ending);
        var (open, closing) = (live.Stream.Open, turn.Log!.Count);
        var partial = Close(live, ending.Outcome);

        // A call that is cut has its done event here, and no other record holds it.
        var held = open is { IsCall: true } ? closing : turn.Log.Count;
        var snapshot = Snapshot(turn, ending, [.. live.Items.Select(json => (ReadOnlyMemory<byte>)json)],
            live.Proposal.Digest);
        live.Stream.WithResponse(TerminalEvent(ending.Outcome), buffer => ResponseObject.Write(buffer, snapshot));
        if (ending.Outcome == TurnOutcome.Failed && turn.Parent is { Id.IsStored: false } parent)
        {
            _turns.Evict(parent);
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
            var end = RecordEnd(turn, live, partial, finished);
            turn.Log.Gate(held, end);
        }
        else
        {
            turn.Output.AddRange(live.Items.Select(json => (ReadOnlyMemory<byte>)json));
            turn.Partial = partial;
            ApplyFinished(turn, finished);
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

    private long RecordEnd(Turn turn, LiveTurn live, byte[]? partial, TurnFinished finished)
    {
        RecordItems(turn, live);
        if (partial is not null)
        {
            _outbox.Add(new OutputHeld(turn.Id.Number, live.Items.Count, IsPartial: true, partial));
        }

        if (live.ServerIds.Exists(static id => id is not null))
        {
            _outbox.Add(new OutputNamed(turn.Id.Number, live.Backend.Rendering, [.. live.ServerIds]));
        }

        return _outbox.Add(finished);
    }

    /// <summary>How a turn ends that this activation does not run: with its durable items, and no stream.</summary>
    private static TurnFinished CutShort(Turn turn, TurnEnding ending)
    {
        var proposal = new Proposal(turn.Input, null);
        foreach (var json in turn.Output)
        {
            proposal.Add(new Item(json, string.Empty, ItemRole.None));
        }

        return new TurnFinished
        {
            Turn = turn.Id.Number,
            Ending = ending,
            Shape = default,
            Digest = proposal.Digest,
        };
    }

    private static ReadOnlySpan<byte> TerminalEvent(TurnOutcome outcome) => outcome switch
    {
        TurnOutcome.Completed => "response.completed"u8,
        TurnOutcome.Incomplete or TurnOutcome.Cancelled => "response.incomplete"u8,
        _ => "response.failed"u8,
    };
}
