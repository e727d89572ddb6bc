using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <summary>Where a turn stands.</summary>
internal enum TurnStatus
{
    /// <summary>Its <c>TurnStarted</c> is not durable yet: nothing else sees it.</summary>
    Proposed,

    /// <summary>Its output is being made, or its <c>TurnFinished</c> is not durable yet.</summary>
    Running,

    /// <summary>It may be continued.</summary>
    Ended,
}

/// <summary>One turn of the tree. What only a running turn needs is in <see cref="Live"/>.</summary>
internal sealed class Turn
{
    public required TurnId Id { get; init; }

    /// <summary>The turn it continues; null at the root.</summary>
    public required Turn? Parent { get; init; }

    /// <summary>Whether it continues that turn's input alone: its client leaves out reasoning.</summary>
    public bool ContinuesInput { get; init; }

    /// <summary>What it continues.</summary>
    public Continuation Continues => new(Parent, ContinuesInput);

    public required UInt128 RequestId { get; init; }

    /// <summary>Milliseconds since the Unix epoch.</summary>
    public required long CreatedAt { get; init; }

    /// <summary>What it began with, and behind that the metadata that it shows now, if a client changed it.</summary>
    public required Parameters Parameters { get; set; }

    public required EventDialect Dialect { get; init; }

    public required bool Generate { get; init; }

    /// <summary>Whether the server found its parent by the history that the client sent: it names none.</summary>
    public bool IsRecognised { get; init; }

    /// <summary>What its client called its session, for histories that are sent again; 0: not known.</summary>
    public ulong SessionHint { get; init; }

    /// <summary>The lease that holds an unstored turn; the default for a stored one.</summary>
    public LeaseId Lease { get; init; }

    /// <summary>Whether it runs on however long nobody reads it.</summary>
    public bool IsBackground => Parameters.TryGet("background", out _);

    public TurnStatus Status { get; set; }

    /// <summary>Whether its id is no longer to be found: deleted, evicted, or its lease ended.</summary>
    public bool IsHidden { get; set; }

    /// <summary>The branch up to its input; set when it is durable.</summary>
    public Branch Input { get; set; }

    /// <summary>The branch up to its output; set when it has ended.</summary>
    public Branch End { get; set; }

    /// <summary>Its finished output items' JSON, in order.</summary>
    public List<ReadOnlyMemory<byte>> Output { get; } = [];

    /// <summary>What the model server called those items, and which one it was; null: not known.</summary>
    public OutputNamed? Names { get; set; }

    /// <summary>The item that was streaming when it ended without it; rarely anything.</summary>
    public ReadOnlyMemory<byte> Partial { get; set; }

    /// <summary>How it ended; null before.</summary>
    public TurnEnding? Ending { get; set; }

    /// <summary>Whether another activation than the one that ran it ended it: its stream died with that one.</summary>
    public bool IsCutShort => Ending is not null && Shape.IsEmpty;

    /// <summary>The digest of its branch, output included; once it has ended.</summary>
    public Digest Digest { get; set; }

    /// <summary>See <see cref="TurnHistory.BareEndOf"/>, once that was asked; without items: there is none.</summary>
    public HistoryEnd? BareEnd { get; set; }

    /// <summary>The shape of its stream; see <see cref="StreamShapeWriter"/>.</summary>
    public ReadOnlyMemory<byte> Shape { get; set; }

    /// <summary>Calls of its output, by call id: what the next turn must answer.</summary>
    public IReadOnlyDictionary<string, string> OpenCalls { get; set; } = CallLedger.Nothing;

    /// <summary>The async calls up to its end, once they were asked for; see <see cref="AsyncCalls.Behind"/>.</summary>
    public AsyncCalls? AsyncCalls { get; set; }

    /// <summary>The same up to its input.</summary>
    public AsyncCalls? AsyncCallsOfInput { get; set; }

    /// <summary>Its events, while it runs or is being read.</summary>
    public EventLog? Log { get; set; }

    /// <summary>The trace it belongs to, while it runs.</summary>
    public TraceContext Trace { get; init; }

    /// <summary>Measures it while it runs; null: nobody does, or it has ended.</summary>
    public TurnClock? Clock { get; set; }

    /// <summary>Where its time went, once it has ended here; null: it is not known.</summary>
    public TurnTiming? Timing { get; set; }

    /// <summary>The calls it made, until the first turn that continues it; null: none, or it ran elsewhere.</summary>
    public IReadOnlyList<ShownCall>? Calls { get; set; }

    /// <summary>How it came.</summary>
    public TurnArrival Arrival { get; init; }

    /// <summary>From which number another connection than its own read on last; null: none did here.</summary>
    public int? ReadOnFrom { get; set; }

    /// <summary>Readers attached now.</summary>
    public int Readers { get; set; }

    /// <summary>What it needs while it runs in this activation; null otherwise.</summary>
    public LiveTurn? Live { get; set; }

    /// <summary>Whether it runs in this activation, and its terminal event is still to come.</summary>
    public bool IsLive => Live is { IsOver: false };

    /// <summary>When a running turn without readers is given up.</summary>
    public DateTimeOffset? OrphanedAt { get; set; }

    /// <summary>
    /// Lets the events of an ended turn go: they can be made again. An unstored turn that is gone has no readers left.
    /// </summary>
    public void DropLogUnlessRead()
    {
        if (Readers == 0 || (IsHidden && !Id.IsStored))
        {
            Log?.Drop();
            Log = null;
        }
    }
}

/// <summary>What a turn needs only while it runs in this activation.</summary>
internal sealed class LiveTurn
{
    public required IModelBackend Backend { get; init; }

    /// <summary>Its input items, then its output items, prepared; apply takes them over.</summary>
    public required Proposal Proposal { get; init; }

    /// <summary>How many of the proposal's items are input.</summary>
    public required int InputCount { get; init; }

    /// <summary>Writes its events.</summary>
    public required ResponseStream Stream { get; init; }

    /// <summary>Bytes of its events when they were last compared with the bounds.</summary>
    public long CheckedBytes { get; set; }

    /// <summary>Bytes of its input, estimated; counted here until the input is part of the branch.</summary>
    public required long InputBytes { get; init; }

    /// <summary>Bytes of its output, estimated; counted here until the turn has ended.</summary>
    public long OutputBytes { get; private set; }

    /// <summary>How many finished items have records already.</summary>
    public int Recorded { get; set; }

    /// <summary>Finished items' JSON, recorded or not.</summary>
    public List<byte[]> Items { get; } = [];

    /// <summary>What the model server wants back with each finished item; null where it said nothing.</summary>
    public List<string?> Kept { get; } = [];

    /// <summary>Calls among the finished items, by call id.</summary>
    public Dictionary<string, string> Calls { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether the model has said something.</summary>
    public bool HasSpoken { get; set; }

    /// <summary>The end that its terminal event tells, in milliseconds since the Unix epoch; null before.</summary>
    public long? EndingAt { get; set; }

    /// <summary>Whether the terminal event was written: what the model says after it is ignored.</summary>
    public bool IsOver => EndingAt is not null;

    /// <summary>A finished item becomes part of the turn's output, and of the context behind it.</summary>
    public void Keep(byte[] json, string? kept)
    {
        var head = Proposal.Add(json, kept is null ? null : new ItemOrigin(Backend.Origin, kept));
        Items.Add(json);
        Kept.Add(kept);
        OutputBytes += ConversationCounts.BytesOf(json.Length);
        CallLedger.AddCall(Calls, head);
    }
}
