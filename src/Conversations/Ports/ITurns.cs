using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Ports;

/// <summary>
/// The life of turns, as a frontend asks for it: they begin, are delivered, and go. What else may be asked is
/// <see cref="IConversations"/>, whose remarks hold here too.
/// </summary>
public interface ITurns
{
    /// <summary>
    /// Starts a turn, or attaches to it if its request id is known and the turn stored, or of the same lease. The call
    /// is short: the turn runs on by itself. Where new input is checked first, it waits for that, bounded; the same
    /// <see cref="StartTurn"/> object again is not checked again.
    /// </summary>
    /// <returns>The response's id, once it is durable: from then on it names this turn and no other.</returns>
    /// <exception cref="ConversationException">The create is refused; nothing was journaled.</exception>
    ValueTask<ResponseId> StartTurnAsync(StartTurn start, CancellationToken cancellationToken);

    /// <summary>
    /// The first items of a create's input, where they were read before in the same bytes. Without them the create is
    /// cheaper to read. Null: none are known, or nobody keeps that.
    /// </summary>
    /// <param name="tenant">Whose create it is.</param>
    /// <param name="create">The create, as it came; read only until the call returns.</param>
    KnownPrefix? FindPrefix(string tenant, ReadOnlyMemory<byte> create) => null;

    /// <summary>
    /// The events of a response from number <paramref name="from"/> on, each exactly once, in order, up to and with
    /// the terminal event. Reading again from any number gives the same bytes; from behind the last one it waits for
    /// the end and gives one batch without events. Abandoning the enumeration stops nothing but itself, save that an
    /// unstored turn that nobody reads is cancelled.
    /// </summary>
    /// <exception cref="ConversationException">
    /// The response is not found, or its events cannot go on here (<see cref="RefusalKind.Unavailable"/>).
    /// </exception>
    IAsyncEnumerable<EventBatch> ReadEventsAsync(TurnAddress turn, int from, CancellationToken cancellationToken);

    /// <summary>
    /// Deletes a response: its id is not found from then on. Turns that continue it keep their context; when no turn
    /// is left the journal of the conversation is deleted. A running turn is cancelled first.
    /// </summary>
    /// <exception cref="ConversationException">The response is not found.</exception>
    ValueTask DeleteAsync(TurnAddress turn, CancellationToken cancellationToken);
}

/// <summary>One turn to start.</summary>
public sealed record StartTurn
{
    private CreateRequest? _read;

    /// <summary>The conversation: that of the parent, or a new one the frontend chose.</summary>
    public required ConversationKey Key { get; init; }

    /// <summary>
    /// 128 random bits, or, <see cref="IsKeyed"/>, 64 made from the client's idempotency key and 64 from the create;
    /// the same again attaches to the same turn.
    /// </summary>
    public required UInt128 RequestId { get; init; }

    /// <summary>
    /// Whether the client gave an idempotency key: then a request id that shares its high half alone with a known one
    /// is the key with another create, and refused (<see cref="RefusalKind.Conflict"/>).
    /// </summary>
    public bool IsKeyed { get; init; }

    /// <summary>The connection's lease, for unstored turns.</summary>
    public required LeaseId Lease { get; init; }

    /// <summary>The create's JSON object in UTF-8, as it came; read only until the call returns.</summary>
    public required ReadOnlyMemory<byte> Create
    {
        get;
        init => (field, _read) = (value, null);
    }

    /// <summary>Which names reasoning events carry.</summary>
    public EventDialect Dialect { get; init; }

    /// <summary>
    /// Whether nobody need read it: it runs on however long no reader comes. What the create's own <c>background</c>
    /// says is not looked at, since it means nothing on a socket.
    /// </summary>
    public bool IsBackground { get; init; }

    /// <summary>
    /// The JSON of output items of other conversations that the create refers to, by id; empty for one that was not
    /// found. Hosts fill it in where a conversation asks for it; frontends leave it null.
    /// </summary>
    public IReadOnlyDictionary<string, ReadOnlyMemory<byte>>? References { get; init; }

    /// <summary>
    /// Whether it was cancelled before it began: it is recorded and ends as cancelled, and no model is called.
    /// </summary>
    public bool IsCancelled { get; init; }

    /// <summary>
    /// Whether the create may hold a history that a conversation has. A frontend that has read a parent in it says
    /// false: nobody looks then.
    /// </summary>
    public bool MayBeKnown { get; init; } = true;

    /// <summary>Whether its frontend has read that it is not stored. False says nothing.</summary>
    public bool IsUnstored { get; init; }

    /// <summary>
    /// Is told of another conversation than <see cref="Key"/>'s before an unstored turn begins there: the lease holds
    /// that one from then on. Null: nobody wants to know. It stays in the process.
    /// </summary>
    public Func<ConversationId, ValueTask>? Holds { get; init; }

    /// <summary>
    /// Whether the server found the parent, by the history that the client sent: its response names none.
    /// </summary>
    public bool IsRecognised { get; init; }

    /// <summary>
    /// What of its input was read before: see <see cref="ITurns.FindPrefix"/>. It stays in the process.
    /// </summary>
    public KnownPrefix? Known { get; init; }

    /// <summary>
    /// The first items of a create without a parent, where they were checked already; null: they were not. They stay
    /// in the process.
    /// </summary>
    internal IReadOnlyList<CheckedItem>? Checked { get; init; }

    /// <summary>Bytes of the create, and of the items that it refers to.</summary>
    internal long Bytes => Create.Length + (References?.Values.Sum(static item => (long)item.Length) ?? 0);

    /// <summary>The trace that the turn belongs to.</summary>
    public TraceContext Trace { get; init; }

    /// <summary>How its request may be found again.</summary>
    public TurnOrigin Origin { get; init; }

    /// <summary>By what connection it came.</summary>
    public TurnConnection Connection { get; init; }

    /// <summary>How long ago the create's last byte came, when the conversation is asked.</summary>
    public TimeSpan Waited { get; init; }

    /// <summary>How long its conversation had been opening for it, where that was before the call.</summary>
    public TimeSpan Opening { get; init; }

    /// <summary>Measures the turn in the conversation's process; null: nobody does.</summary>
    internal TurnClock? Clock { get; set; }

    /// <summary>The create split into its fields; its bytes are read at the first call.</summary>
    /// <exception cref="ConversationException">The create is malformed.</exception>
    internal CreateRequest Read() => _read ??= CreateRequest.Parse(Create);
}

/// <summary>Consecutive events of one response.</summary>
/// <param name="From">The number of the first.</param>
/// <param name="Events">
/// Canonical event bytes (JSON objects in UTF-8, no <c>stream_id</c>); none where nothing follows the last one.
/// </param>
/// <param name="IsLast">Whether the last of them is the terminal event.</param>
public readonly record struct EventBatch(int From, IReadOnlyList<ReadOnlyMemory<byte>> Events, bool IsLast)
{
    /// <summary>
    /// In the last batch, where the turn's time went in the process of its conversation; in the first one of a running
    /// turn, where it went so far. Null: it is not known, as for a turn that an earlier activation ran.
    /// </summary>
    public TurnTiming? Timing { get; init; }

    /// <summary>
    /// In the last batch of a turn with output, by what its context is found when a client sends it again; null where
    /// nobody recognises such histories.
    /// </summary>
    public HistoryMark? History { get; init; }
}

/// <summary>The wire's two dialects.</summary>
public enum EventDialect
{
    /// <summary>OpenAI's names.</summary>
    OpenAI,

    /// <summary>Open Responses' names for raw reasoning events.</summary>
    OpenResponses,
}
