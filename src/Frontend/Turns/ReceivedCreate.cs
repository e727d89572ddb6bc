using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Timing;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// A create from its last byte to the start of its turn: its bytes and its routing fields. It has this form in every
/// class of the frontend, by whichever transport it came.
/// </summary>
/// <param name="body">Its bytes. They go back to the pool as soon as the turn has started.</param>
/// <param name="fields">Its routing fields.</param>
/// <param name="receivedAt">When it was whole, as a timestamp: what comes before its start counts as waiting.</param>
internal sealed class ReceivedCreate(RentedBuffer body, RoutingFields fields, long receivedAt) : IDisposable
{
    private readonly RoutingFields _fields = fields;

    // Never disposed: without a timer there is nothing to give back.
    private readonly CancellationTokenSource _cancelled = new();

    public RentedBuffer Body { get; } = body;

    public long ReceivedAt { get; } = receivedAt;

    /// <summary>The model as it came; null if it is missing or no string, which the conversation refuses.</summary>
    public string? Model => _fields.Model;

    /// <summary>Whether the turn is to be stored; the wire's default is true.</summary>
    public bool IsStored => !_fields.IsUnstored;

    /// <summary>Whether it has an idempotency key: sent again, it is the same turn.</summary>
    public bool IsKeyed => _fields.Key is not null;

    /// <summary>Whether it runs on however long nobody reads it.</summary>
    public bool IsBackground { get; init; }

    /// <summary>The trace that its client names, then the span of its turn there; the default: none.</summary>
    public TraceContext Trace { get; set; } = new(fields.TraceParent, fields.TraceState);

    /// <summary>What of its input was read before; null: nothing.</summary>
    public KnownPrefix? Known { get; init; }

    /// <summary>How its request may be found again; what the create itself names as its session wins.</summary>
    public TurnOrigin Origin { get; init; }

    /// <summary>By what connection it came.</summary>
    public TurnConnection Connection { get; set; } = TurnConnection.Http;

    /// <summary>Cancelled by a cancel that comes before the turn has started.</summary>
    public CancellationToken Cancelled => _cancelled.Token;

    /// <summary>Ends its wait for a place, if it is in one, without running what comes behind it.</summary>
    public void Cancel() => _cancelled.Cancel();

    /// <summary>The same create as a conversation is asked to start it. It is made once: it fixes the ids.</summary>
    /// <param name="tenant">Whose create it is.</param>
    /// <param name="lease">Holds the turn if it is not stored.</param>
    /// <param name="ids">Draws the ids that neither a parent nor an idempotency key gives.</param>
    /// <param name="waited">How long it waited for its place.</param>
    public StartTurn ToStart(string tenant, LeaseId lease, IIdSource ids, TimeSpan waited)
    {
        var keyed = _fields.Key is { } key ? IdempotencyKey.Derive(tenant, key, Body.Written.Span) : (KeyedIds?)null;
        return new StartTurn
        {
            Key = new ConversationKey(tenant,
                _fields.Parent?.Conversation ?? keyed?.Conversation ?? new ConversationId(ids.Next128())),
            RequestId = keyed?.RequestId ?? ids.Next128(),
            IsKeyed = keyed is not null,
            Lease = lease,
            Create = Body.Written,
            IsBackground = IsBackground,
            Known = Known,
            MayBeKnown = _fields.Parent is null,
            IsUnstored = _fields.IsUnstored,
            Waited = waited,
            Trace = Trace,
            Origin = Origin with { Session = _fields.Session ?? Origin.Session },
            Connection = Connection,
        };
    }

    public void Dispose() => Body.Dispose();
}
