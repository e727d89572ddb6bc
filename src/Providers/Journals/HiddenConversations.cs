using System.Collections.Concurrent;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Records;

namespace Evergrain.Providers.Journals;

/// <summary>
/// Conversations that are in the table, but that no index leads to. Whoever asks for one learns of damage, and not that
/// there is no such conversation. Any thread may use it.
/// </summary>
internal sealed class HiddenConversations
{
    // Some 100 bytes each. What is beyond that is logged and counted, and is not found.
    private const int CountMax = 10_000;

    private readonly ConcurrentDictionary<ConversationKey, bool> _keys = [];

    /// <summary>Refuses a conversation that is hidden.</summary>
    /// <exception cref="JournalCorruptException">It is.</exception>
    public void Check(ConversationKey key)
    {
        if (!_keys.IsEmpty && _keys.ContainsKey(key))
        {
            throw new JournalCorruptException("no index leads to the conversation");
        }
    }

    public void Add(ConversationKey key)
    {
        if (_keys.Count < CountMax)
        {
            _keys[key] = true;
        }
    }

    /// <summary>Forgets those that were found since.</summary>
    public void Keep(HashSet<ConversationKey> hidden)
    {
        foreach (var (key, _) in _keys)
        {
            if (!hidden.Contains(key))
            {
                _keys.TryRemove(key, out _);
            }
        }
    }
}
