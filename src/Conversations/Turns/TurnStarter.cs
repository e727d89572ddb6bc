using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <summary>Begins turns: finds the parent, reads what is new, proposes it.</summary>
/// <param name="state">What the conversation holds.</param>
/// <param name="running">Runs the turns.</param>
/// <param name="records">Applies the start of an unstored turn.</param>
/// <param name="models">Which backend serves a model.</param>
/// <param name="ids">Where the ids of unstored turns and the tags of stored ones come from.</param>
internal sealed class TurnStarter(
    ConversationState state, RunningTurns running, RecordApplier records, ModelCatalog models, IIdSource ids)
{
    private static readonly byte[] True = "true"u8.ToArray();

    /// <summary>The turn that a create began already; null if there is none.</summary>
    /// <exception cref="ConversationException">Its idempotency key was used for another request.</exception>
    public Turn? Known(StartTurn start)
    {
        var turn = state.Turns.ByRequest(start.RequestId, start.Lease);
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

    /// <summary>Begins a turn.</summary>
    public Turn Start(StartTurn start, DateTimeOffset now)
    {
        var create = start.Read();
        var place = FindPlace(create, start, now);
        try
        {
            var turn = Propose(create, place, start, now);
            Begin(turn, now);
            running.Begin(turn, create.Model, start.IsCancelled, now);
            return turn;
        }
        catch (ConversationException) when (place.Turn is { Id.IsStored: false } && !start.IsRecognised)
        {
            // Source: WebSocket mode guide: a continuation that fails evicts what it referred to.
            state.Leave(place.Turn, now);
            throw;
        }
    }

    private static ConversationException Conflict(string message) =>
        ConversationException.Of(RefusalKind.Conflict, message, "idempotency_key");

    private Continuation FindPlace(CreateRequest create, StartTurn start, DateTimeOffset now)
    {
        if (create.PreviousResponseId is not { } text)
        {
            return default;
        }

        var isInput = start.IsRecognised && text.EndsWith(ResentHistory.InputMark, StringComparison.Ordinal);
        var response = isInput ? text[..^ResentHistory.InputMark.Length] : text;
        var parent = ResponseId.TryParse(response, out var id) ? state.Turns.Find(id, start.Lease) : null;
        if (parent is null && start.IsRecognised && !create.Store && id.Conversation == state.Turns.Conversation)
        {
            parent = TurnHistory.Ended(state, id.Turn);
        }

        if (parent is not null)
        {
            state.Kept.Use(parent, now);
        }

        return parent switch
        {
            null or { Status: TurnStatus.Proposed } => throw ConversationException.Of(
                RefusalKind.PreviousResponseNotFound,
                $"Previous response with id '{text}' not found.", "previous_response_id"),
            { Status: TurnStatus.Running } => throw ConversationException.Of(
                RefusalKind.InvalidRequest,
                $"Previous response with id '{text}' is still running.", "previous_response_id"),
            _ => new Continuation(parent, isInput),
        };
    }

    private Turn Propose(CreateRequest create, Continuation place, StartTurn start, DateTimeOffset now)
    {
        var parent = place.Turn;
        Check(create, parent, start);
        var values = Hold(create, start);
        var backend = models.Find(create.Model) ?? throw new ConversationException(models.Refuse(create.Model));
        BackendRules.Check(backend, create.Model, values);
        var ledger = new CallLedger(place, Parameters.ToolsOf(values));
        var references = new ReferenceTable(state.Turns, place.Branch, start, create.Store);
        var items = InputItems.Read(create, place, references, ledger, start.Checked);
        ledger.CheckAllAnswered(backend);
        items.CheckSizeWith(values);
        var proposal = Prepare(items, place.Branch, backend, start.Clock);
        AnswerCalls(start.Clock, parent, ledger);
        var id = create.Store ? TurnId.Stored(state.Turns.NextNumber, NewTag()) : TurnId.Unstored(ids.Next128());
        if (create.Store)
        {
            RecordValues(values, now);
        }

        var log = new EventLog(state.Counts);
        return new Turn
        {
            Id = id,
            Parent = parent,
            ContinuesInput = place.IsInput,
            RequestId = start.RequestId,
            CreatedAt = now.ToUnixTimeMilliseconds(),
            Parameters = state.Parameters.Of(values),
            Dialect = start.Dialect,
            Generate = create.Generate,
            IsRecognised = start.IsRecognised,
            SessionHint = state.Recognises ? HistoryHint.OfSession(start.Origin.Session) : 0,
            Lease = create.Store ? default : start.Lease,
            Log = log,
            Clock = start.Clock,
            Trace = start.Trace,
            Arrival = TurnArrival.Of(start, parent),
            OrphanedAt = start.IsBackground ? null : now + Limits.OrphanTimeout,
            Live = new LiveTurn
            {
                Backend = backend,
                Proposal = proposal,
                InputCount = proposal.Items.Count,
                InputBytes = proposal.Items.Sum(static item => ConversationCounts.BytesOf(item.Item.Json.Length)),
                Stream = new ResponseStream(state.Turns.IdOf(id), start.Dialect, log.Add),
            },
        };
    }

    // Everyone who reads this journal knows tags once its format has them.
    private int NewTag() => state.Outbox.Format < RecordFormat.FirstWithTags
        ? 0
        : 1 + (int)(ids.Next64() % (TurnId.TagsMax - 1));

    private void Check(CreateRequest create, Turn? parent, StartTurn start)
    {
        if (running.Count >= Limits.RunningTurnsMax)
        {
            throw ConversationException.Of(RefusalKind.TooManyRequests,
                $"The conversation runs {Limits.RunningTurnsMax} turns already: wait for one to end.");
        }

        if (create.Store && parent is { Id.IsStored: false })
        {
            throw ConversationException.Of(RefusalKind.InvalidRequest,
                "A stored response cannot continue one that was not stored: send 'store': false.", "store");
        }

        if (start.IsBackground && !create.Store)
        {
            throw ConversationException.Of(RefusalKind.InvalidRequest,
                "A background response must be stored: leave 'store' out.", "background");
        }
    }

    private List<HeldValue> Hold(CreateRequest create, StartTurn start)
    {
        var values = create.Parameters.ConvertAll(value => state.Parameters.Hold(value.Field, value.Json));
        if (start.IsBackground)
        {
            values.Add(state.Parameters.Hold(ParameterFields.Find("background")!, True));
        }

        return values;
    }

    /// <summary>Tells the clock how long tools took. A turn's calls are answered once, forks apart.</summary>
    private static void AnswerCalls(TurnClock? clock, Turn? parent, CallLedger ledger)
    {
        if (clock is not null && parent?.Calls is { } calls)
        {
            clock.Answers(calls, ledger.Answered);
            parent.Calls = null;
        }
    }

    private Proposal Prepare(InputItems items, Branch branch, IModelBackend backend, TurnClock? clock)
    {
        var again = branch.Render(backend);
        state.Counts.Rendered += again;
        state.Renderings.Use(backend.Rendering, state.Branches, () => running.Renderings);
        var proposal = new Proposal(branch, backend);
        items.AddTo(proposal);
        state.Counts.Validated += proposal.Items.Count;
        state.Counts.Rendered += proposal.Items.Count;
        clock?.ContextMade(proposal.BranchLength + proposal.Items.Count, proposal.Items.Count, again);
        return proposal;
    }

    /// <summary>Records the values that the journal does not hold; the claim goes before them.</summary>
    private void RecordValues(List<HeldValue> values, DateTimeOffset now)
    {
        JournalClaim.Make(state, now);
        foreach (var value in state.Parameters.Number(values))
        {
            state.Outbox.Add(new ValueHeld(value.Number, value.Field, value.Json));
        }
    }

    private void Begin(Turn turn, DateTimeOffset now)
    {
        state.Turns.Add(turn);
        if (turn.Id.IsStored)
        {
            turn.Log!.Gate(0, TurnRecords.AddStart(state.Outbox, turn));
        }
        else
        {
            state.Leases.Renew(turn.Lease, now);
            records.ApplyStarted(turn, turn.Live!.Proposal.Items);
        }
    }
}
