using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// Unstored turns that no connection holds any more, for histories that are sent again. Their ids are gone. They go
/// <see cref="Grace"/> after their last use, or sooner with the activation.
/// </summary>
internal sealed class KeptTurns
{
    // The turn that goes first stands first.
    private readonly LinkedList<(Turn Turn, DateTimeOffset EndsAt)> _order = new();
    private readonly Dictionary<TurnId, LinkedListNode<(Turn Turn, DateTimeOffset EndsAt)>> _byId = [];

    /// <summary>How long they are kept; 0: unstored turns are not continued by histories.</summary>
    public TimeSpan Grace { get; set; }

    /// <summary>Whether histories may continue unstored turns.</summary>
    public bool IsOn => Grace > TimeSpan.Zero;

    public bool IsEmpty => _order.Count == 0;

    /// <summary>When the first of them goes; null if there is none.</summary>
    public DateTimeOffset? FirstEnd => _order.First?.Value.EndsAt;

    /// <summary>The turns, in the order in which they go.</summary>
    public IEnumerable<Turn> All => _order.Select(static kept => kept.Turn);

    /// <summary>Keeps a turn that a history may continue; any other is not kept.</summary>
    public void Add(Turn turn, DateTimeOffset now)
    {
        if (IsOn && turn is { Status: TurnStatus.Ended, Output.Count: > 0 })
        {
            AddLast(turn, now + Grace);
        }
    }

    /// <summary>Takes over a turn that was kept elsewhere, in their order.</summary>
    public void TakeOver(Turn turn, DateTimeOffset endsAt, DateTimeOffset now)
    {
        if (IsOn)
        {
            AddLast(turn, endsAt < now + Grace ? endsAt : now + Grace);
        }
    }

    /// <summary>A turn; null if it is not among them.</summary>
    public Turn? Find(TurnId id) => _byId.GetValueOrDefault(id)?.Value.Turn;

    /// <summary>When a turn goes; null if it is not among them.</summary>
    public DateTimeOffset? EndOf(Turn turn) => _byId.GetValueOrDefault(turn.Id)?.Value.EndsAt;

    /// <summary>A turn is continued: its time begins anew.</summary>
    public void Use(Turn turn, DateTimeOffset now)
    {
        if (_byId.ContainsKey(turn.Id))
        {
            Remove(turn.Id);
            AddLast(turn, now + Grace);
        }
    }

    /// <summary>Lets those go whose time is over.</summary>
    public void Expire(DateTimeOffset now)
    {
        while (_order.First is { } first && first.Value.EndsAt <= now)
        {
            Remove(first.Value.Turn.Id);
        }
    }

    /// <summary>Lets all go.</summary>
    public void Clear()
    {
        _order.Clear();
        _byId.Clear();
    }

    private void AddLast(Turn turn, DateTimeOffset endsAt) => _byId[turn.Id] = _order.AddLast((turn, endsAt));

    private void Remove(TurnId id)
    {
        if (_byId.Remove(id, out var node))
        {
            _order.Remove(node);
        }
    }
}
