using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Ports;

/// <summary>
/// What a frontend may ask of conversations, wherever they live. The embedded host and the cluster each implement it
/// once; one contract suite holds both to it.
/// </summary>
/// <remarks>
/// Expected failures are <see cref="ConversationException"/> with a <see cref="Refusal"/>. Another tenant's id, an
/// unknown id, and an unstored id of another lease are the same: not found.
/// </remarks>
public interface IConversations
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

    /// <summary>Cancels a running turn; its readers get the terminal event. An ended turn stays as it is.</summary>
    /// <exception cref="ConversationException">The response is not found.</exception>
    ValueTask CancelAsync(TurnAddress turn, CancellationToken cancellationToken);

    /// <summary>The response object as it stands, as JSON.</summary>
    /// <exception cref="ConversationException">The response is not found.</exception>
    ValueTask<ReadOnlyMemory<byte>> GetAsync(TurnAddress turn, CancellationToken cancellationToken);

    /// <summary>
    /// The JSON of one finished output item of a response, by the item's id: what an <c>item_reference</c> of another
    /// conversation stands for.
    /// </summary>
    /// <param name="turn">The response the item belongs to.</param>
    /// <param name="index">Its output index.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ConversationException">The response or the item is not found.</exception>
    ValueTask<ReadOnlyMemory<byte>> GetOutputItemAsync(TurnAddress turn, int index,
        CancellationToken cancellationToken);

    /// <summary>
    /// A page of the items the response was made from, its branch's history included, as the JSON list object.
    /// </summary>
    /// <exception cref="ConversationException">The response or <paramref name="page"/>'s anchor is not
    /// found.</exception>
    ValueTask<ReadOnlyMemory<byte>> ListInputItemsAsync(TurnAddress turn, ItemPage page,
        CancellationToken cancellationToken);

    /// <summary>
    /// A page of a conversation's turns as the JSON list object: their tree, times, sizes and digests, and nothing that
    /// a client or a model said. Stored turns come in order, behind number <paramref name="after"/>; behind the last of
    /// them the unstored turns that are in memory.
    /// </summary>
    /// <exception cref="ConversationException">The conversation has no turn.</exception>
    ValueTask<ReadOnlyMemory<byte>> ListTurnsAsync(ConversationKey key, int after, int limit,
        CancellationToken cancellationToken);

    /// <summary>
    /// The turns that run, and those that ended at <paramref name="since"/> or later, as the same list without pages.
    /// Its member <c>now_ms</c> is the time for the next call; both are in milliseconds since the Unix epoch.
    /// </summary>
    /// <exception cref="ConversationException">The conversation has no turn.</exception>
    ValueTask<ReadOnlyMemory<byte>> ListLiveAsync(
        ConversationKey key, long since, CancellationToken cancellationToken);

    /// <summary>
    /// What the context of a turn is made of, as JSON: segments with sizes, renderings and digests, and no content; and
    /// the last <paramref name="rendered"/> items as a model server gets them, if the turn is stored.
    /// </summary>
    /// <param name="key">The conversation.</param>
    /// <param name="turn">The turn.</param>
    /// <param name="rendered">0 to 100. These items are content: 0 for a caller who is not the tenant.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ConversationException">The turn is not found.</exception>
    ValueTask<ReadOnlyMemory<byte>> GetContextAsync(
        ConversationKey key, TurnId turn, int rendered, CancellationToken cancellationToken);

    /// <summary>
    /// Conversations as shapes and times: a page of the newest, or those that have an id or a word. Unstored ones are
    /// found while they are in memory.
    /// </summary>
    /// <exception cref="ConversationException">They cannot be listed now.</exception>
    ValueTask<ConversationPage> FindAsync(ConversationQuery query, CancellationToken cancellationToken);

    /// <summary>
    /// Rebuilds a conversation from its journal, and compares the digest of each stored turn that has ended with the
    /// one in memory. It takes as much memory as the conversation itself while it lasts.
    /// </summary>
    /// <exception cref="ConversationException">The conversation has no turn, or cannot be read now.</exception>
    ValueTask<Verification> VerifyAsync(ConversationKey key, CancellationToken cancellationToken);

    /// <summary>
    /// Deletes a response: its id is not found from then on. Turns that continue it keep their context; when no turn
    /// is left the journal of the conversation is deleted. A running turn is cancelled first.
    /// </summary>
    /// <exception cref="ConversationException">The response is not found.</exception>
    ValueTask DeleteAsync(TurnAddress turn, CancellationToken cancellationToken);

    /// <summary>
    /// Deletes all of a conversation: every response, stored or not, and the journal. Running turns are cancelled
    /// first. Where somebody reads a response, the journal goes when they have read it. That there is no such
    /// conversation is no error.
    /// </summary>
    /// <exception cref="ConversationException">It cannot be read or written now.</exception>
    ValueTask EraseAsync(ConversationKey key, CancellationToken cancellationToken);

    /// <summary>
    /// Renews a lease on a conversation's unstored turns. It ends by itself when it is not renewed for
    /// <c>LeaseDuration</c>; starting or reading an unstored turn renews it too.
    /// </summary>
    ValueTask HoldAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken);

    /// <summary>Ends a lease: its unstored turns are cancelled and forgotten.</summary>
    ValueTask ReleaseAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken);

    /// <summary>Conversations of a tenant that are in the journal, in order of creation.</summary>
    ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
        CancellationToken cancellationToken);
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
    /// Whether the create may hold a history that a conversation has. A frontend that has read a parent in it, or that
    /// it is not stored, says false: nobody looks then.
    /// </summary>
    public bool MayBeKnown { get; init; } = true;

    /// <summary>
    /// Whether the server found the parent, by the history that the client sent: its response names none.
    /// </summary>
    public bool IsRecognised { get; init; }

    /// <summary>
    /// What of its input was read before: see <see cref="IConversations.FindPrefix"/>. It stays in the process.
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

/// <summary>Whose response, which one, and through which connection it is asked for.</summary>
/// <param name="Tenant">The caller.</param>
/// <param name="Response">The response.</param>
/// <param name="Lease">The caller's connection; needed for unstored turns only.</param>
public readonly record struct TurnAddress(string Tenant, ResponseId Response, LeaseId Lease = default)
{
    /// <summary>The key of the conversation's actor.</summary>
    public ConversationKey Key => new(Tenant, Response.Conversation);
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
    /// In the last batch of a stored turn with output, by what its context is found when a client sends it again; null
    /// where nobody recognises histories.
    /// </summary>
    public HistoryMark? History { get; init; }
}

/// <summary>What came of comparing a conversation with its journal.</summary>
/// <param name="Turns">How many turns were compared.</param>
/// <param name="Different">The responses whose digests differ, or that the journal does not hold.</param>
/// <param name="Fault">Why the journal cannot be read at all; null: it was read.</param>
public sealed record Verification(int Turns, IReadOnlyList<string> Different, string? Fault)
{
    /// <summary>Whether the journal gives what is in memory.</summary>
    public bool IsEqual => Fault is null && Different.Count == 0;
}

/// <summary>Which page of a list.</summary>
/// <param name="Limit">1 to 100.</param>
/// <param name="Ascending">Oldest first; the wire's default is newest first.</param>
/// <param name="After">The id of the item before the page, or null.</param>
public sealed record ItemPage(int Limit = 20, bool Ascending = false, string? After = null);

/// <summary>The wire's two dialects.</summary>
public enum EventDialect
{
    /// <summary>OpenAI's names.</summary>
    OpenAI,

    /// <summary>Open Responses' names for raw reasoning events.</summary>
    OpenResponses,
}
