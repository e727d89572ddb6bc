using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Recognition;

/// <summary>The ends of one tenant's turns by key, the oldest of which goes first.</summary>
/// <param name="countMax">How many it holds.</param>
internal sealed class KnownTurns(int countMax)
{
    // Many chats may have one history, as those that begin alike. Newer ones are as good as older ones.
    private const int LooksMax = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<Digest, KnownTurn> _newest = [];
    private readonly Dictionary<(ResponseId Response, bool IsBare), LinkedListNode<KnownTurn>> _byResponse = [];
    private readonly LinkedList<KnownTurn> _order = new();

    /// <summary>Adds a turn by each of its keys; one that is there stays as it is.</summary>
    /// <returns>How many ends it holds more than before.</returns>
    public int Add(HistoryMark mark, ResponseId response)
    {
        lock (_gate)
        {
            var before = _order.Count;
            Add(new KnownTurn(mark, response, isBare: false));
            if (mark.BareKey is { } bare)
            {
                Add(new KnownTurn(new HistoryMark(bare, mark.Hint), response, isBare: true));
            }

            return _order.Count - before;
        }
    }

    /// <summary>A turn by its response; null: it is not there.</summary>
    public KnownTurn? Find(ResponseId response)
    {
        lock (_gate)
        {
            return _byResponse.GetValueOrDefault((response, false))?.Value;
        }
    }

    /// <summary>The newest turn with a key and a hint, or else the newest with that key; null: there is none.</summary>
    public KnownTurn? Find(Digest key, ulong hint)
    {
        lock (_gate)
        {
            var newest = _newest.GetValueOrDefault(key);
            var found = newest;
            for (var looks = 0; looks < LooksMax && found is not null; looks++, found = found.Older)
            {
                if (found.IsOf(hint))
                {
                    return found;
                }
            }

            return newest;
        }
    }

    /// <summary>Forgets a turn; returns how many ends that was.</summary>
    public int Remove(ResponseId response)
    {
        lock (_gate)
        {
            var before = _order.Count;
            foreach (var isBare in (ReadOnlySpan<bool>)[false, true])
            {
                if (_byResponse.GetValueOrDefault((response, isBare)) is { } node)
                {
                    Remove(node);
                }
            }

            return before - _order.Count;
        }
    }

    private void Add(KnownTurn turn)
    {
        if (_byResponse.ContainsKey((turn.Response, turn.IsBare)))
        {
            return;
        }

        if (_order.Count >= countMax)
        {
            Remove(_order.First!);
        }

        turn.Older = _newest.GetValueOrDefault(turn.Mark.Key);
        if (turn.Older is { } older)
        {
            older.Newer = turn;
        }

        _newest[turn.Mark.Key] = turn;
        _byResponse[(turn.Response, turn.IsBare)] = _order.AddLast(turn);
    }

    private void Remove(LinkedListNode<KnownTurn> node)
    {
        var turn = node.Value;
        _order.Remove(node);
        _byResponse.Remove((turn.Response, turn.IsBare));
        if (turn.Older is { } older)
        {
            older.Newer = turn.Newer;
        }

        if (turn.Newer is { } newer)
        {
            newer.Older = turn.Older;
        }
        else if (turn.Older is { } next)
        {
            _newest[turn.Mark.Key] = next;
        }
        else
        {
            _newest.Remove(turn.Mark.Key);
        }
    }
}

/// <summary>A turn that a history may continue.</summary>
/// <param name="mark">By what it is found.</param>
/// <param name="response">Its response.</param>
/// <param name="isBare">Whether the mark is that of a history without the reasoning of its output.</param>
internal sealed class KnownTurn(HistoryMark mark, ResponseId response, bool isBare)
{
    public bool IsBare { get; } = isBare;

    public HistoryMark Mark { get; } = mark;

    public ResponseId Response { get; } = response;

    /// <summary>Whether it is of the chat that has a hint, or no chat is asked for.</summary>
    public bool IsOf(ulong hint) => hint == 0 || Mark.Hint == hint;

    /// <summary>Whether a history that was sent again has continued it: the next one is a fork.</summary>
    public bool IsContinued { get; set; }

    /// <summary>The turn with its key that was added before it.</summary>
    public KnownTurn? Older { get; set; }

    /// <summary>The turn with its key that was added after it.</summary>
    public KnownTurn? Newer { get; set; }
}
