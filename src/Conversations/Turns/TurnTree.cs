using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Turns;

/// <summary>The turns of a conversation and how they are found.</summary>
internal sealed class TurnTree(ConversationId conversation)
{
    private readonly List<Turn> _stored = [];
    private readonly Dictionary<UInt128, Turn> _unstored = [];

    // By the half of a request id that an idempotency key fixes, which is as good as random in the others, and by the
    // lease: an unstored turn is for its own connection to find.
    private readonly Dictionary<(ulong Key, LeaseId Lease), Turn> _byRequest = [];

    // The turn that was added last, unless it was evicted.
    private Turn? _newest;
    private int _hidden;

    /// <summary>Whose turns they are.</summary>
    public ConversationId Conversation => conversation;

    /// <summary>The number the next stored turn gets.</summary>
    public int NextNumber => _stored.Count + 1;

    /// <summary>The stored turns, by number from 1.</summary>
    public IReadOnlyList<Turn> Stored => _stored;

    /// <summary>The unstored turns that may be found.</summary>
    public IReadOnlyCollection<Turn> Unstored => _unstored.Values;

    public bool HasUnstored => _unstored.Count > 0;

    /// <summary>Stored turns whose end is not in the journal and that do not run here.</summary>
    public IEnumerable<Turn> Abandoned => _stored.Where(turn => turn is { Status: TurnStatus.Running, Live: null });

    /// <summary>The branches of all turns that are known by number or id.</summary>
    public IEnumerable<Branch> Branches => _stored.Concat(_unstored.Values).SelectMany(
        static turn => new[] { turn.Input, turn.End });

    /// <summary>Whether a stored turn was deleted.</summary>
    public bool HasDeletions { get; set; }

    /// <summary>Whether any stored turn is still to be found.</summary>
    public bool HasVisibleStored => VisibleStored > 0;

    /// <summary>How many stored turns are still to be found.</summary>
    public int VisibleStored => _stored.Count - _hidden;

    public void Add(Turn turn)
    {
        AddById(turn);
        _byRequest[(KeyOf(turn.RequestId), turn.Lease)] = turn;
    }

    /// <summary>Adds a turn whose request may stand for another turn, or for none any more.</summary>
    public void AddMoved(Turn turn, bool isOfRequest)
    {
        if (turn.Id.IsStored || !turn.IsHidden)
        {
            AddById(turn);
        }

        if (isOfRequest)
        {
            _byRequest[(KeyOf(turn.RequestId), turn.Lease)] = turn;
        }
    }

    /// <summary>Whether a turn is the one that its request finds.</summary>
    public bool IsOfRequest(Turn turn) =>
        _byRequest.GetValueOrDefault((KeyOf(turn.RequestId), turn.Lease)) == turn;

    /// <summary>What is held, as shapes and times; null: there is no turn.</summary>
    /// <param name="key">Whose conversation, and which.</param>
    /// <param name="before">What was held before; null: all turns are looked at, once.</param>
    /// <param name="running">How many turns run.</param>
    /// <param name="now">The time.</param>
    public HeldConversation? Describe(
        ConversationKey key, HeldConversation? before, int running, DateTimeOffset now)
    {
        var newest = _newest is { IsHidden: false }
            ? _newest
            : _stored.FindLast(static turn => !turn.IsHidden) ?? _unstored.Values.FirstOrDefault();
        if (newest is null)
        {
            return null;
        }

        return new HeldConversation(
            key.Tenant,
            key.Id.Value,
            IsStored: _stored.Count > 0,
            IsHeld: true,
            before?.CreatedAt ??
                (_stored.Count > 0 ? _stored[0].CreatedAt : _unstored.Values.Min(static turn => turn.CreatedAt)),
            ActiveAt: now.ToUnixTimeMilliseconds(),
            Turns: VisibleStored + _unstored.Count,
            Unstored: _unstored.Count,
            Running: running,
            Items: newest.Ending is null ? newest.Input.Length : newest.End.Length,
            Digest: newest.Ending is null ? null : newest.Digest.ToString());
    }

    private void AddById(Turn turn)
    {
        _newest = turn;
        if (turn.Id.IsStored)
        {
            _stored.Add(turn);
            _hidden += turn.IsHidden ? 1 : 0;
        }
        else
        {
            _unstored.Add(turn.Id.Random, turn);
        }
    }

    /// <summary>A stored turn by its number, in whatever state; null if there is none.</summary>
    public Turn? ByNumber(int number) => number > 0 && number <= _stored.Count ? _stored[number - 1] : null;

    /// <summary>
    /// A turn by its whole id, whoever asks and in whatever state; null if there is none. A number alone finds no turn
    /// that has a tag.
    /// </summary>
    public Turn? ById(TurnId id) => !id.IsStored
        ? _unstored.GetValueOrDefault(id.Random)
        : ByNumber(id.Number) is { } turn && turn.Id == id ? turn : null;

    /// <summary>
    /// The turn that a request started, or another request with the same idempotency key: a stored one, or one that
    /// the lease holds, in whatever state. Null if there is none.
    /// </summary>
    public Turn? ByRequest(UInt128 requestId, LeaseId lease) =>
        _byRequest.GetValueOrDefault((KeyOf(requestId), default)) ??
        _byRequest.GetValueOrDefault((KeyOf(requestId), lease));

    /// <summary>A turn as a caller may find it: not hidden, and, if unstored, held by the caller's lease.</summary>
    public Turn? Find(TurnId id, LeaseId lease)
    {
        var turn = ById(id);
        return turn is null || turn.IsHidden || (!id.IsStored && turn.Lease != lease) ? null : turn;
    }

    /// <summary>The same, for a caller that cannot go on without it.</summary>
    /// <exception cref="ConversationException">The turn is not found.</exception>
    public Turn Get(TurnId id, LeaseId lease) => Find(id, lease) ?? throw NotFound(id);

    /// <summary>The same, for a caller to whom the turn is shown: its start is durable.</summary>
    /// <exception cref="ConversationException">The turn is not found.</exception>
    public Turn GetShown(TurnId id, LeaseId lease) =>
        Get(id, lease) is { Status: not TurnStatus.Proposed } turn ? turn : throw NotFound(id);

    /// <summary>The same by a response's id, which may be another conversation's.</summary>
    public Turn? Find(ResponseId id, LeaseId lease) => id.Conversation == conversation ? Find(id.Turn, lease) : null;

    /// <summary>The id of a turn's response.</summary>
    public ResponseId IdOf(Turn turn) => IdOf(turn.Id);

    /// <summary>The id of the response of a turn.</summary>
    public ResponseId IdOf(TurnId id) => new(conversation, id);

    /// <summary>Hides a stored turn whose record says so.</summary>
    public void Delete(Turn turn)
    {
        // One record does not tell whether this was the last turn: more records may follow it in the journal.
        Hide(turn);
        HasDeletions = true;
    }

    /// <summary>Hides a stored turn.</summary>
    public void Hide(Turn turn)
    {
        _hidden += turn.IsHidden ? 0 : 1;
        turn.IsHidden = true;
    }

    /// <summary>Forgets an unstored turn's id; the turns that continue it keep its context.</summary>
    public void Evict(Turn turn)
    {
        turn.IsHidden = true;
        _newest = _newest == turn ? null : _newest;
        _unstored.Remove(turn.Id.Random);
        _byRequest.Remove((KeyOf(turn.RequestId), turn.Lease));
        if (turn.Status == TurnStatus.Ended)
        {
            turn.DropLogUnlessRead();
        }
    }

    /// <summary>The unstored turns that a lease holds.</summary>
    public List<Turn> HeldBy(LeaseId lease) => [.. _unstored.Values.Where(turn => turn.Lease == lease)];

    private ConversationException NotFound(TurnId id) => ConversationException.Of(
        RefusalKind.NotFound, $"Response with id '{IdOf(id)}' not found.");

    private static ulong KeyOf(UInt128 requestId) => (ulong)(requestId >> 64);
}
