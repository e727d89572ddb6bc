using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Turns;

/// <summary>The turns of a conversation and how they are found.</summary>
internal sealed class TurnTree
{
    private readonly List<Turn> _stored = [];
    private readonly Dictionary<UInt128, Turn> _unstored = [];

    // By the half of a request id that an idempotency key fixes, which is as good as random in the others, and by the
    // lease: an unstored turn is for its own connection to find.
    private readonly Dictionary<(ulong Key, LeaseId Lease), Turn> _byRequest = [];

    /// <summary>The number the next stored turn gets.</summary>
    public int NextNumber => _stored.Count + 1;

    /// <summary>The stored turns, by number from 1.</summary>
    public IReadOnlyList<Turn> Stored => _stored;

    /// <summary>The unstored turns that may be found.</summary>
    public IReadOnlyCollection<Turn> Unstored => _unstored.Values;

    public bool HasUnstored => _unstored.Count > 0;

    /// <summary>Stored turns whose end is not in the journal and that do not run here.</summary>
    public IEnumerable<Turn> Abandoned => _stored.Where(turn => turn is { Status: TurnStatus.Running, Live: null });

    /// <summary>Whether any stored turn is still to be found.</summary>
    public bool HasVisibleStored => _stored.Exists(turn => !turn.IsHidden);

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

    private void AddById(Turn turn)
    {
        if (turn.Id.IsStored)
        {
            _stored.Add(turn);
        }
        else
        {
            _unstored.Add(turn.Id.Random, turn);
        }
    }

    /// <summary>A stored turn by its number, in whatever state; null if there is none.</summary>
    public Turn? ByNumber(int number) => number > 0 && number <= _stored.Count ? _stored[number - 1] : null;

    /// <summary>A turn by its id, whoever asks and in whatever state; null if there is none.</summary>
    public Turn? ById(TurnId id) => id.IsStored ? ByNumber(id.Number) : _unstored.GetValueOrDefault(id.Random);

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

    /// <summary>Forgets an unstored turn's id; the turns that continue it keep its context.</summary>
    public void Evict(Turn turn)
    {
        turn.IsHidden = true;
        _unstored.Remove(turn.Id.Random);
        _byRequest.Remove((KeyOf(turn.RequestId), turn.Lease));
    }

    /// <summary>The unstored turns that a lease holds.</summary>
    public List<Turn> HeldBy(LeaseId lease) => [.. _unstored.Values.Where(turn => turn.Lease == lease)];

    private static ulong KeyOf(UInt128 requestId) => (ulong)(requestId >> 64);
}
