using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Turns;

/// <summary>The turns of a conversation and how they are found.</summary>
internal sealed class TurnTree
{
    private readonly List<Turn> _stored = [];
    private readonly Dictionary<UInt128, Turn> _unstored = [];
    private readonly Dictionary<UInt128, Turn> _byRequest = [];

    /// <summary>The number the next stored turn gets.</summary>
    public int NextNumber => _stored.Count + 1;

    public bool HasUnstored => _unstored.Count > 0;

    /// <summary>Stored turns whose end is not in the journal and that do not run here.</summary>
    public IEnumerable<Turn> Abandoned => _stored.Where(turn => turn is { Status: TurnStatus.Running, Live: null });

    /// <summary>Whether any stored turn is still to be found.</summary>
    public bool HasVisibleStored => _stored.Exists(turn => !turn.IsHidden);

    public void Add(Turn turn)
    {
        if (turn.Id.IsStored)
        {
            _stored.Add(turn);
        }
        else
        {
            _unstored.Add(turn.Id.Random, turn);
        }

        _byRequest[turn.RequestId] = turn;
    }

    /// <summary>A stored turn by its number, in whatever state; null if there is none.</summary>
    public Turn? ByNumber(int number) => number > 0 && number <= _stored.Count ? _stored[number - 1] : null;

    /// <summary>A turn by its id, whoever asks and in whatever state; null if there is none.</summary>
    public Turn? ById(TurnId id) => id.IsStored ? ByNumber(id.Number) : _unstored.GetValueOrDefault(id.Random);

    /// <summary>The turn that a request started, in whatever state; null if it started none.</summary>
    public Turn? ByRequest(UInt128 requestId) => _byRequest.GetValueOrDefault(requestId);

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
        _byRequest.Remove(turn.RequestId);
    }

    /// <summary>The unstored turns that a lease holds.</summary>
    public List<Turn> HeldBy(LeaseId lease) => [.. _unstored.Values.Where(turn => turn.Lease == lease)];
}
