using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <content>Beginning a turn: find the parent, validate what is new, propose it, call the model.</content>
public sealed partial class Conversation
{
    // What a record adds around an item, and an append around its items, with room to spare.
    private const int RecordOverheadBytes = 1 << 10;
    private const int AppendOverheadBytes = 1 << 20;
    private static readonly byte[] True = "true"u8.ToArray();

    /// <summary>Starts a turn, or attaches to the one that this request id started.</summary>
    /// <returns>The response's id; nobody may see it before the first event is visible.</returns>
    /// <exception cref="ConversationException">The create is refused and nothing was recorded.</exception>
    /// <exception cref="ForeignItemsException">
    /// It refers to items of other conversations: start it again with <see cref="Ports.StartTurn.References"/>. Nothing
    /// was recorded.
    /// </exception>
    public ResponseId StartTurn(StartTurn start, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(start);
        return Known(start) is { } known ? IdOf(known) : Start(start, now);
    }

    private ResponseId Start(StartTurn start, DateTimeOffset now)
    {
        var create = CreateRequest.Parse(start.Create);
        var parent = FindParent(create, start.Lease);
        try
        {
            var turn = Propose(create, parent, start, now);
            Begin(turn, create, start.IsCancelled, now);
            return IdOf(turn);
        }
        catch (ConversationException) when (parent is { Id.IsStored: false })
        {
            // Source: WebSocket mode guide: a continuation that fails evicts what it referred to.
            _turns.Evict(parent);
            throw;
        }
    }

    /// <summary>
    /// The record that must be durable before a started turn's id means anything: until then another activation may
    /// give it to another turn. 0: none.
    /// </summary>
    public long StartRecord(TurnId id) => _turns.ById(id) is { Status: TurnStatus.Proposed } ? _outbox.Made : 0;

    private Turn? FindParent(CreateRequest create, LeaseId lease)
    {
        if (create.PreviousResponseId is not { } text)
        {
            return null;
        }

        var parent = ResponseId.TryParse(text, out var id) && id.Conversation == _key.Id
            ? _turns.Find(id.Turn, lease)
            : null;
        return parent switch
        {
            null or { Status: TurnStatus.Proposed } => throw ConversationException.Of(
                RefusalKind.PreviousResponseNotFound,
                $"Previous response with id '{text}' not found.", "previous_response_id"),
            { Status: TurnStatus.Running } => throw ConversationException.Of(
                RefusalKind.InvalidRequest,
                $"Previous response with id '{text}' is still running.", "previous_response_id"),
            _ => parent,
        };
    }

    private Turn Propose(CreateRequest create, Turn? parent, StartTurn start, DateTimeOffset now)
    {
        if (_running.Count >= Limits.RunningTurnsMax)
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

        var values = create.Parameters.ConvertAll(value => _parameters.Hold(value.Field, value.Json));
        if (start.IsBackground)
        {
            values.Add(_parameters.Hold(ParameterFields.Find("background")!, True));
        }

        var backend = _models.Find(create.Model) ?? throw ConversationException.Of(
            RefusalKind.ModelNotFound, $"The model '{create.Model}' does not exist here.", "model");
        var items = ReadInput(create, parent, start);
        CheckSize(items, values);
        var branch = parent?.End ?? default;
        _rendered += branch.Render(backend);
        var proposal = new Proposal(branch, backend);
        AddItems(proposal, items);
        return NewTurn(create, parent, start, proposal, backend, values, now);
    }

    private List<Item> ReadInput(CreateRequest create, Turn? parent, StartTurn start)
    {
        var items = new List<Item>(create.Input.Count);
        var ledger = new CallLedger(parent?.OpenCalls ?? CallLedger.Nothing);
        var references = new ReferenceTable(_turns, _key.Id, parent, start, create.Store);
        var bytes = 0L;
        for (var i = 0; i < create.Input.Count; i++)
        {
            var (json, path) = (create.Input[i], $"input[{i}]");
            var read = InputItem.Read(json.Span, path);
            var isReference = read.Type == "item_reference";
            if (isReference)
            {
                json = references.Find(read.Id!, path);
                if (references.Missing.Count > 0)
                {
                    continue;
                }

                CheckSize(bytes + json.Length);
                read = InputItem.Read(json.Span, path);
            }

            if (json.Length > Limits.RecordBytesMax - RecordOverheadBytes)
            {
                throw ConversationException.Of(RefusalKind.TooLarge,
                    $"'{path}' is larger than {Limits.RecordBytesMax - RecordOverheadBytes} bytes.", path);
            }

            bytes += json.Length;
            ledger.Add(read, path);
            items.Add(new Item(isReference ? json : json.ToArray(), read.Type, read.Role));
        }

        if (references.Missing.Count > 0)
        {
            throw new ForeignItemsException(references.Missing);
        }

        ledger.CheckAllAnswered();
        return items;
    }

    private static void CheckSize(List<Item> items, List<HeldValue> values)
    {
        CheckSize(items.Sum(item => (long)item.Json.Length) + values.Sum(value => (long)value.Json.Length));
        if (values.Find(value => value.Json.Length > Limits.RecordBytesMax - RecordOverheadBytes) is { } large)
        {
            throw ConversationException.Of(RefusalKind.TooLarge,
                $"'{large.Field}' is larger than {Limits.RecordBytesMax - RecordOverheadBytes} bytes.", large.Field);
        }
    }

    // A reference of forty bytes may stand for a whole item: so also while they are looked up.
    private static void CheckSize(long bytes)
    {
        if (bytes > Limits.AppendBytesMax - AppendOverheadBytes)
        {
            throw ConversationException.Of(RefusalKind.TooLarge,
                $"The request is larger than {Limits.AppendBytesMax - AppendOverheadBytes} bytes.");
        }
    }

    /// <summary>Prepares items behind a proposal; says in which one something was wrong.</summary>
    private void AddItems(Proposal proposal, List<Item> items)
    {
        for (var i = 0; i < items.Count; i++)
        {
            try
            {
                proposal.Add(items[i]);
            }
            catch (ConversationException e)
            {
                var path = e.Refusal.Param is { } inner ? $"input[{i}].{inner}" : $"input[{i}]";
                throw new ConversationException(e.Refusal with { Param = path }, e);
            }
        }

        _validated += items.Count;
        _rendered += items.Count;
    }

    private Turn NewTurn(CreateRequest create, Turn? parent, StartTurn start, Proposal proposal,
        IModelBackend backend, List<HeldValue> values, DateTimeOffset now)
    {
        var id = create.Store ? TurnId.Stored(_turns.NextNumber) : TurnId.Unstored(_ids.Next128());
        if (create.Store)
        {
            Claim(now);
            foreach (var value in _parameters.Number(values))
            {
                _outbox.Add(new ValueHeld(value.Number, value.Field, value.Json));
            }
        }

        var log = new EventLog();
        return new Turn
        {
            Id = id,
            Parent = parent,
            RequestId = start.RequestId,
            CreatedAt = now.ToUnixTimeMilliseconds(),
            Parameters = _parameters.Of(values),
            Dialect = start.Dialect,
            Generate = create.Generate,
            Lease = create.Store ? default : start.Lease,
            Log = log,
            OrphanedAt = start.IsBackground ? null : now + Limits.OrphanTimeout,
            Live = new LiveTurn
            {
                Backend = backend,
                Proposal = proposal,
                InputCount = proposal.Items.Count,
                Stream = new ResponseStream(new ResponseId(_key.Id, id), start.Dialect, log.Add),
            },
        };
    }

    private void Begin(Turn turn, CreateRequest create, bool isCancelled, DateTimeOffset now)
    {
        var live = turn.Live!;
        _turns.Add(turn);
        _running.Add(turn);
        if (create.Store)
        {
            turn.Log!.Gate(0, Record(turn));
        }
        else
        {
            _leases.Renew(turn.Lease, now);
            ApplyStarted(turn, live.Proposal.Items);
        }

        WriteOpening(turn, live.Stream);
        if (isCancelled)
        {
            Finish(turn, Ending(TurnOutcome.Cancelled, null, null, now));
            return;
        }

        if (!turn.Generate)
        {
            Finish(turn, Ending(TurnOutcome.Completed, null, null, now) with
            {
                Usage = new Usage(live.Proposal.Tokens, 0, 0, 0),
            });
            return;
        }

        _effects.Add(new Effect.CallModel(turn.Id, live.Backend, new ModelCall
        {
            Model = create.Model,
            Parameters = turn.Parameters,
            Context = live.Proposal.View(),
            NewItems = live.InputCount,
            TokensBefore = live.Proposal.TokensBefore,
            Affinity = _key.Id.Value,
        }));
    }

    private long Record(Turn turn)
    {
        var input = turn.Live!.Proposal.Items;
        foreach (var item in input)
        {
            _outbox.Add(new InputHeld(item.Item.Json));
        }

        return _outbox.Add(new TurnStarted
        {
            Turn = turn.Id.Number,
            Parent = turn.Parent?.Id.Number ?? 0,
            RequestId = turn.RequestId,
            CreatedAt = turn.CreatedAt,
            Dialect = turn.Dialect,
            Generate = turn.Generate,
            Values = turn.Parameters.Numbers,
            InputCount = input.Count,
        });
    }
}
