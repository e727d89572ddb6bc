using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Recognition;

/// <summary>The ends of one tenant's turns by key, the oldest of which goes first.</summary>
/// <param name="countMax">How many it holds.</param>
internal sealed class KnownTurns(int countMax)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<Digest, LinkedListNode<KnownTurn>> _byKey = [];
    private readonly Dictionary<ResponseId, LinkedListNode<KnownTurn>> _byResponse = [];
    private readonly LinkedList<KnownTurn> _order = new();

    /// <summary>Adds a turn, which takes the place of another one with its key.</summary>
    /// <returns>How many turns it holds more than before.</returns>
    public int Add(Digest key, ResponseId response)
    {
        lock (_gate)
        {
            var before = _order.Count;
            if (_byKey.TryGetValue(key, out var old))
            {
                if (old.Value.Response == response)
                {
                    return 0;
                }

                Remove(old);
            }
            else if (_order.Count >= countMax)
            {
                Remove(_order.First!);
            }

            _byKey[key] = _byResponse[response] = _order.AddLast(new KnownTurn(key, response));
            return _order.Count - before;
        }
    }

    /// <summary>The newest turn with a key; null if there is none.</summary>
    public KnownTurn? Find(Digest key)
    {
        lock (_gate)
        {
            return _byKey.GetValueOrDefault(key)?.Value;
        }
    }

    /// <summary>Forgets a turn; returns whether it was there.</summary>
    public bool Remove(ResponseId response)
    {
        lock (_gate)
        {
            if (_byResponse.GetValueOrDefault(response) is not { } node)
            {
                return false;
            }

            Remove(node);
            return true;
        }
    }

    private void Remove(LinkedListNode<KnownTurn> node)
    {
        _order.Remove(node);
        _byKey.Remove(node.Value.Key);
        _byResponse.Remove(node.Value.Response);
    }
}

/// <summary>A turn that a history may continue.</summary>
/// <param name="key">The key of its context.</param>
/// <param name="response">Its response.</param>
internal sealed class KnownTurn(Digest key, ResponseId response)
{
    public Digest Key { get; } = key;

    public ResponseId Response { get; } = response;

    /// <summary>Whether a history that was sent again has continued it: the next one is a fork.</summary>
    public bool IsContinued { get; set; }
}
