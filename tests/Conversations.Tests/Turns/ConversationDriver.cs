using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>
/// A host made of lists: it keeps the conversation's effects until the test says what became of them.
/// </summary>
internal sealed class ConversationDriver
{
    public static readonly LeaseId Lease = new(7);
    public static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private readonly SeededIdSource _ids = new(99);
    private readonly ModelCatalog _models;
    private ulong _activation;
    private TimeSpan _grace;

    public ConversationDriver(params IModelBackend[] backends)
    {
        _models = new ModelCatalog(backends.Length > 0 ? backends : [new ScriptedBackend()]);
        Conversation = New(_models);
    }

    /// <summary>A new activation, whose tenant is bounded; before anything else.</summary>
    public void Hold(ProcessHolding holding) =>
        Conversation = new Conversation(Key, ++_activation, _models, _ids, () => Format)
        {
            Holding = holding.Of(Key.Tenant),
        };

    /// <summary>A new activation that keeps unstored turns for a time; before anything else.</summary>
    public void Keep(TimeSpan grace)
    {
        _grace = grace;
        Conversation = New(_models);
    }

    /// <summary>Where request ids come from; two drivers of one journal need two.</summary>
    public SeededIdSource Requests { get; init; } = new(1);

    /// <summary>The format in which records are written from now on.</summary>
    public int Format { get; set; } = RecordFormat.Newest;

    /// <summary>Measures the next turn; null: nobody does.</summary>
    public TurnClock? Clock { get; set; }

    public ConversationKey Key { get; } = new("default", new ConversationId(42));

    public RecordOwner Owner => new(Key);

    public Conversation Conversation { get; private set; }

    public DateTimeOffset Now { get; set; } = Start;

    public List<JournalEntry> Journal { get; } = [];

    /// <summary>The append under way, if any.</summary>
    public Effect.Append? Append { get; private set; }

    public Dictionary<TurnId, ModelCall> Calls { get; } = [];

    public List<Effect> Effects { get; } = [];

    public ResponseId Create(string json, ulong request = 0, LeaseId? lease = null) => Begin(
        new StartTurn
        {
            Key = Key,
            RequestId = request == 0 ? Requests.Next128() : request,
            Lease = lease ?? Lease,
            Clock = Clock,
            Create = Encoding.UTF8.GetBytes(json),
        });

    public ResponseId Begin(StartTurn start)
    {
        try
        {
            return Conversation.StartTurn(start, Now);
        }
        finally
        {
            Take();
        }
    }

    /// <summary>Starts a turn of one user message and lets the journal have it.</summary>
    public ResponseId Say(string text, ResponseId? previous = null, bool store = true)
    {
        var id = Create(Json(text, previous, store));
        AppendAll();
        return id;
    }

    /// <summary>Starts a turn whose parent the server found, and lets the journal have it.</summary>
    /// <param name="parent">How the create names it.</param>
    /// <param name="items">The items, as JSON with commas between them.</param>
    public ResponseId Continue(string parent, string items)
    {
        var id = Begin(new StartTurn
        {
            Key = Key,
            RequestId = Requests.Next128(),
            Lease = Lease,
            Create = Encoding.UTF8.GetBytes(
                $$"""{"model":"m","previous_response_id":"{{parent}}","input":[{{items}}]}"""),
            IsRecognised = true,
        });
        AppendAll();
        return id;
    }

    public static string Json(string text, ResponseId? previous = null, bool store = true)
    {
        var parent = previous is null ? "null" : $"\"{previous}\"";
        return $$"""
            {"type":"response.create","model":"m","store":{{(store ? "true" : "false")}},
             "previous_response_id":{{parent}},"input":{{JsonSerializer.Serialize(text)}}}
            """;
    }

    public void Model(ResponseId id, params ModelEvent[] events)
    {
        foreach (var model in events)
        {
            Conversation.OnModelEvent(id.Turn, model, Now);
        }

        Take();
    }

    /// <summary>The model answers with one message and ends.</summary>
    public void Answer(ResponseId id, string text = "hi")
    {
        Model(id, [.. Message(text), new ModelEvent(ModelEventKind.Completed) { Usage = new Usage(3, 0, 1, 0) }]);
        AppendAll();
    }

    /// <summary>The model thinks, answers with one message and ends.</summary>
    public void Think(ResponseId id, string text)
    {
        Model(id, Reasoning);
        Answer(id, text);
    }

    /// <summary>A reasoning item.</summary>
    public static readonly ModelEvent[] Reasoning =
    [
        new(ModelEventKind.ItemStarted) { Item = OutputKind.Reasoning },
        new(ModelEventKind.PartStarted) { Part = PartKind.SummaryText },
        Delta("hm"),
        new(ModelEventKind.PartDone),
        new(ModelEventKind.ItemDone),
    ];

    public static ModelEvent[] Message(string text) =>
    [
        new(ModelEventKind.ItemStarted) { Item = OutputKind.Message },
        new(ModelEventKind.PartStarted) { Part = PartKind.OutputText },
        .. text.Chunk(3).Select(chunk => Delta(new string(chunk))),
        new(ModelEventKind.PartDone),
        new(ModelEventKind.ItemDone),
    ];

    public static ModelEvent[] Call(string callId, string name = "f") =>
    [
        new(ModelEventKind.ItemStarted) { Item = OutputKind.FunctionCall, CallId = callId, Name = name },
        new(ModelEventKind.PartStarted) { Part = PartKind.Arguments },
        Delta("{}"),
        new(ModelEventKind.PartDone),
        new(ModelEventKind.ItemDone),
    ];

    public static ModelEvent Delta(string text) =>
        new(ModelEventKind.Delta) { Text = JsonEncodedText.Encode(text).EncodedUtf8Bytes.ToArray() };

    /// <summary>Lets the journal take what is under way, and what follows from it.</summary>
    public void AppendAll()
    {
        while (Append is not null)
        {
            AppendOne();
        }
    }

    public void AppendOne()
    {
        var append = Append ?? throw new InvalidOperationException("nothing is being written");
        Assert.Equal(Journal.Count == 0 ? JournalEnd.None : JournalEnd.Behind(Journal[^1]), append.End);
        Journal.Add(new JournalEntry(append.End.Position, _activation, append.Records.ToArray()));
        Append = null;
        Conversation.OnAppended();
        Take();
    }

    /// <summary>A new activation reads the journal; the old one and all it held is gone.</summary>
    public Conversation Restart(bool takeOver = true)
    {
        Append = null;
        Conversation = New(_models);
        foreach (var entry in Journal.ToList())
        {
            Conversation.Recover(entry);
        }

        if (takeOver)
        {
            Conversation.EndAbandoned(Now);
            Take();
            AppendAll();
        }

        return Conversation;
    }

    /// <summary>A new activation takes over all that this one holds; gives this one, which lives on.</summary>
    public Conversation Move(params IModelBackend[] backends) => Arrive(Snapshot(), backends);

    /// <summary>A new activation takes over what another one wrote down; gives the one before.</summary>
    public Conversation Arrive(byte[] snapshot, params IModelBackend[] backends)
    {
        var old = Conversation;
        var models = backends.Length > 0 ? new ModelCatalog(backends) : _models;
        Conversation = New(models);
        Conversation.Rehydrate(snapshot, Now);
        Take();
        return old;
    }

    /// <summary>All that the activation holds.</summary>
    public byte[] Snapshot()
    {
        var snapshot = new ArrayBufferWriter<byte>();
        Conversation.Dehydrate(snapshot);
        return snapshot.WrittenSpan.ToArray();
    }

    /// <summary>All visible events of a turn, read as a new reader would.</summary>
    public List<string> Events(ResponseId id, int from = 0, LeaseId? lease = null)
    {
        Conversation.Attach(id.Turn, lease ?? Lease, Now);
        var events = new List<string>();
        ReadStep step;
        do
        {
            step = Conversation.Read(id.Turn, lease ?? Lease, from + events.Count);
            events.AddRange(step.Events.Select(json => Encoding.UTF8.GetString(json.Span)));
        }
        while (step.Events.Count > 0 && !step.IsLast);
        Conversation.Detach(id.Turn, Now);
        Take();
        return events;
    }

    public JsonElement Get(ResponseId id) =>
        JsonDocument.Parse(Conversation.Get(id.Turn, Lease)).RootElement;

    public static string TypeOf(string json) =>
        JsonDocument.Parse(json).RootElement.GetProperty("type").GetString()!;

    public void Take()
    {
        foreach (var effect in Conversation.TakeEffects())
        {
            Effects.Add(effect);
            switch (effect)
            {
                case Effect.Append append:
                    Append = append;
                    break;
                case Effect.CallModel call:
                    Calls[call.Turn] = call.Call;
                    break;
            }
        }
    }

    private Conversation New(ModelCatalog models) => new(Key, ++_activation, models, _ids, () => Format)
    {
        Recognises = _grace > TimeSpan.Zero,
        UnstoredGrace = _grace,
    };
}
