using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Moving;

/// <summary>
/// The turns of a snapshot: the stored ones by number, then the unstored ones, each behind its parent. Evicted turns
/// that others continue are among them: these show their parent's id. So are those that are kept for histories.
/// </summary>
internal sealed class TurnTable
{
    private readonly Dictionary<Turn, int> _places = new(ReferenceEqualityComparer.Instance);
    private readonly List<Turn> _turns = [];

    public TurnTable(TurnTree tree, KeptTurns kept)
    {
        foreach (var turn in tree.Stored)
        {
            Add(turn);
        }

        var missing = new Stack<Turn>();
        foreach (var turn in tree.Unstored.Concat(kept.All))
        {
            for (var next = turn; next is not null && !_places.ContainsKey(next); next = next.Parent)
            {
                missing.Push(next);
            }

            while (missing.TryPop(out var next))
            {
                Add(next);
            }
        }
    }

    public IReadOnlyList<Turn> All => _turns;

    /// <summary>The place of a turn, from 1; 0 for none.</summary>
    public int PlaceOf(Turn? turn) => turn is null ? 0 : _places[turn];

    private void Add(Turn turn)
    {
        _turns.Add(turn);
        _places.Add(turn, _turns.Count);
    }
}
