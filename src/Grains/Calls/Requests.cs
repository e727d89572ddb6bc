using System.Buffers;
using System.Buffers.Binary;
using Evergrain.Conversations;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;

namespace Evergrain.Grains.Calls;

/// <summary>
/// One turn to start; see <see cref="StartTurn"/>. Its bytes belong to the call: a co-hosted grain reads the caller's
/// own, so <see cref="Of"/> copies them once: their owner may use the buffer again when a call has timed out.
/// </summary>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.StartRequest")]
public sealed class StartRequest
{
    /// <summary>The same again attaches to the same turn.</summary>
    [Id(0)]
    public UInt128 RequestId { get; init; }

    /// <summary>Whether the client gave an idempotency key.</summary>
    [Id(1)]
    public bool IsKeyed { get; init; }

    /// <summary>The connection's lease.</summary>
    [Id(2)]
    public LeaseId Lease { get; init; }

    /// <summary>The create's JSON in UTF-8.</summary>
    [Id(3)]
    public ReadOnlyMemory<byte> Create { get; init; }

    /// <summary>Whether reasoning events carry Open Responses' names.</summary>
    [Id(4)]
    public bool IsOpenResponses { get; init; }

    /// <summary>Whether nobody need read it.</summary>
    [Id(5)]
    public bool IsBackground { get; init; }

    /// <summary>Items of other conversations that it refers to, by id; null: not fetched.</summary>
    [Id(6)]
    public Dictionary<string, Payload>? References { get; init; }

    /// <summary>Whether it was cancelled before it began.</summary>
    [Id(7)]
    public bool IsCancelled { get; init; }

    /// <summary>Where <see cref="Create"/> stands in a create of <see cref="PieceTotal"/> bytes.</summary>
    [Id(8)]
    public int PieceOffset { get; init; }

    /// <summary>
    /// Bytes of the create that comes in pieces, of which this is one; 0: it is whole. A silo of an earlier build takes
    /// the piece for a create and refuses it.
    /// </summary>
    [Id(9)]
    public int PieceTotal { get; init; }

    /// <summary>How long ago the create's last byte came, when this was sent.</summary>
    [Id(10)]
    public TimeSpan Waited { get; init; }

    /// <summary>The trace that the turn belongs to, as W3C writes its parent; null: none.</summary>
    [Id(11)]
    public string? TraceParent { get; init; }

    /// <summary>The state of that trace; null: none.</summary>
    [Id(12)]
    public string? TraceState { get; init; }

    /// <summary>The id of the request that brought it; null: none.</summary>
    [Id(13)]
    public string? Request { get; init; }

    /// <summary>The client's name of its session; null: none.</summary>
    [Id(14)]
    public string? Session { get; init; }

    /// <summary>Whether the server found the parent that the create names.</summary>
    [Id(15)]
    public bool IsRecognised { get; init; }

    /// <summary>By what connection it came: a value of <see cref="TurnConnection"/>.</summary>
    [Id(16)]
    public byte Connection { get; init; }

    /// <summary>How long the call may take; null, and never sent: as long as any other.</summary>
    [field: NonSerialized]
    internal TimeSpan? CallTime { get; init; }

    /// <summary>What to send for a turn to start.</summary>
    /// <param name="start">The turn.</param>
    /// <param name="callTime">How long a call may take that sends little.</param>
    /// <exception cref="ConversationException">It is larger than what goes between processes.</exception>
    internal static StartRequest Of(StartTurn start, TimeSpan callTime)
    {
        var bytes = start.Create.Length +
            (start.References?.Sum(static item => (long)item.Key.Length + item.Value.Length) ?? 0);
        return bytes <= Limits.StartBytesMax
            ? Copy(start, MessageBounds.CallTime(callTime, bytes))
            : throw new ConversationException(Payload.TooLarge("The request", bytes, Limits.StartBytesMax));
    }

    /// <summary>The requests that bring it, in order: itself, or one for each piece of a large create.</summary>
    /// <param name="callTime">How long a call may take that sends little.</param>
    internal IEnumerable<StartRequest> Cut(TimeSpan callTime)
    {
        if (Create.Length <= MessageBounds.CreateBytesMax)
        {
            yield return this;
            yield break;
        }

        const int pieceBytes = MessageBounds.PieceBytesMax;
        for (var offset = 0; offset < Create.Length; offset += pieceBytes)
        {
            var piece = Create.Slice(offset, Math.Min(pieceBytes, Create.Length - offset));
            yield return offset + pieceBytes < Create.Length
                ? new StartRequest
                {
                    CallTime = MessageBounds.CallTime(callTime, piece.Length),
                    RequestId = RequestId,
                    Create = piece,
                    PieceOffset = offset,
                    PieceTotal = Create.Length,
                }
                : With(piece, offset, Create.Length);
        }
    }

    /// <summary>The same with the create whole.</summary>
    internal StartRequest With(ReadOnlyMemory<byte> create) => With(create, 0, 0);

    private StartRequest With(ReadOnlyMemory<byte> create, int offset, int total) => new()
    {
        CallTime = CallTime,
        RequestId = RequestId,
        IsKeyed = IsKeyed,
        Lease = Lease,
        Create = create,
        IsOpenResponses = IsOpenResponses,
        IsBackground = IsBackground,
        References = References,
        IsCancelled = IsCancelled,
        PieceOffset = offset,
        PieceTotal = total,
        Waited = Waited,
        TraceParent = TraceParent,
        TraceState = TraceState,
        Request = Request,
        Session = Session,
        IsRecognised = IsRecognised,
        Connection = Connection,
    };

    private static StartRequest Copy(StartTurn start, TimeSpan callTime) => new()
    {
        CallTime = callTime,
        RequestId = start.RequestId,
        IsKeyed = start.IsKeyed,
        Lease = start.Lease,
        Create = start.Create.ToArray(),
        IsOpenResponses = start.Dialect == EventDialect.OpenResponses,
        IsBackground = start.IsBackground,
        References = start.References?.ToDictionary(
            static item => item.Key, static item => new Payload(item.Value), StringComparer.Ordinal),
        IsCancelled = start.IsCancelled,
        Waited = start.Waited,
        TraceParent = start.Trace.Parent,
        TraceState = start.Trace.State,
        Request = start.Origin.Request,
        Session = start.Origin.Session,
        IsRecognised = start.IsRecognised,
        Connection = (byte)start.Connection,
    };

    internal StartTurn For(ConversationKey key, TimeSpan opening) => new()
    {
        Key = key,
        RequestId = RequestId,
        IsKeyed = IsKeyed,
        Lease = Lease,
        Create = Create,
        Dialect = IsOpenResponses ? EventDialect.OpenResponses : EventDialect.OpenAI,
        IsBackground = IsBackground,
        References = References?.ToDictionary(
            static item => item.Key, static item => item.Value.Bytes, StringComparer.Ordinal),
        IsCancelled = IsCancelled,
        Waited = Waited,
        Opening = opening,
        Trace = new TraceContext(TraceParent, TraceState),
        Origin = new TurnOrigin(Request, Session),
        IsRecognised = IsRecognised,
        Connection = (TurnConnection)Connection,
    };
}

/// <summary>Which turn of a grain's conversation, and through which connection it is asked for.</summary>
/// <param name="Turn">The turn.</param>
/// <param name="Lease">The caller's connection; needed for unstored turns only.</param>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.TurnRequest")]
public readonly record struct TurnRequest([property: Id(0)] TurnId Turn, [property: Id(1)] LeaseId Lease)
{
    /// <summary>
    /// Bytes of the pieces that a larger event comes in; 0: the reader is of an earlier build, and takes it whole.
    /// </summary>
    [Id(2)]
    public int PieceBytes { get; init; }

    /// <summary>The turn alone: Orleans writes what a call is given into its logs, and a lease is a secret.</summary>
    public override string ToString() => Turn.ToString();
}

/// <summary>Consecutive events of one response, or why there are none.</summary>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.EventsAnswer")]
public sealed class EventsAnswer
{
    private const int MarkBytes = Digest.Size + sizeof(ulong);
    private const int BareBytes = MarkBytes + Digest.Size;

    /// <summary>What became of the reading.</summary>
    [Id(0)]
    public AnswerKind Kind { get; init; }

    /// <summary>The events' bytes; the event log's own, never written again. Empty where nothing follows.</summary>
    [Id(1)]
    public Payload[] Events { get; init; } = [];

    /// <summary>Whether nothing follows.</summary>
    [Id(2)]
    public bool IsLast { get; init; }

    /// <summary>Why not, where it is refused.</summary>
    [Id(3)]
    public Refusal? Refusal { get; init; }

    /// <summary>Whether the one event here goes on in the next answer, of which it is the first.</summary>
    [Id(4)]
    public bool IsPiece { get; init; }

    /// <summary>Where the turn's time went; see <see cref="EventBatch.Timing"/>.</summary>
    [Id(5)]
    public TurnTiming? Timing { get; init; }

    /// <summary>
    /// By what the turn's context is found; see <see cref="EventBatch.History"/>: the key, the hint, and where there is
    /// one the key without reasoning. A frontend of an earlier build reads none of it then.
    /// </summary>
    [Id(6)]
    public byte[]? HistoryKey { get; init; }

    /// <summary>Whether a batch is one event that is to come in pieces. Larger batches hold small events.</summary>
    internal static bool IsInPieces(Answer<EventBatch> answer, int pieceBytes) =>
        pieceBytes > 0 && answer.Kind == AnswerKind.Given && answer.Value.Events is [{ Length: var length }] &&
        length > pieceBytes;

    /// <summary>The pieces of such an event.</summary>
    internal static IEnumerable<EventsAnswer> Cut(EventBatch batch, int pieceBytes)
    {
        var left = batch.Events[0].Length;
        foreach (var piece in Payload.Cut(batch.Events[0], pieceBytes))
        {
            left -= piece.Bytes.Length;
            yield return new EventsAnswer
            {
                Kind = AnswerKind.Given,
                Events = [piece],
                IsPiece = left > 0,
                IsLast = left == 0 && batch.IsLast,
                Timing = left == 0 ? batch.Timing : null,
                HistoryKey = left == 0 ? BytesOf(batch.History) : null,
            };
        }
    }

    internal static EventsAnswer Of(Answer<EventBatch> answer) => new()
    {
        Kind = answer.Kind,
        Events = answer.Kind == AnswerKind.Given ? Payload.Wrap(answer.Value.Events) : [],
        IsLast = answer.Value.IsLast,
        Refusal = answer.Refusal,
        Timing = answer.Value.Timing,
        HistoryKey = BytesOf(answer.Value.History),
    };

    /// <summary>What a reader gets.</summary>
    /// <param name="from">The number of the first event.</param>
    /// <param name="before">What came of that event before; null: it came whole.</param>
    internal Answer<EventBatch> From(int from, ArrayBufferWriter<byte>? before)
    {
        var events = Payload.Unwrap(Events);
        if (before is not null && events.Length > 0)
        {
            before.Write(events[0].Span);
            events[0] = before.WrittenMemory;
        }

        return new(Kind, new EventBatch(from, events, IsLast)
        {
            Timing = Timing,
            History = HistoryKey is { Length: MarkBytes or BareBytes } mark ? MarkOf(mark) : null,
        }, Refusal);
    }

    private static HistoryMark MarkOf(ReadOnlySpan<byte> bytes) =>
        new(Digest.From(bytes), BinaryPrimitives.ReadUInt64LittleEndian(bytes[Digest.Size..]))
        {
            BareKey = bytes.Length == BareBytes ? Digest.From(bytes[MarkBytes..]) : null,
        };

    private static byte[]? BytesOf(HistoryMark? given)
    {
        if (given is not { } mark)
        {
            return null;
        }

        var bytes = new byte[mark.BareKey is null ? MarkBytes : BareBytes];
        mark.Key.AsSpan().CopyTo(bytes);
        if (mark.BareKey is { } bare)
        {
            bare.AsSpan().CopyTo(bytes.AsSpan(MarkBytes));
        }

        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(Digest.Size), mark.Hint);
        return bytes;
    }
}
