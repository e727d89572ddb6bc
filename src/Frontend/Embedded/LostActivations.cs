using System.Collections.Concurrent;
using Evergrain.Conversations.Ids;

namespace Evergrain.Frontend.Embedded;

/// <summary>
/// Activations of this host that ended before their turns did: what they left open in a shared journal is known to be
/// dead, and not another server's.
/// </summary>
internal sealed class LostActivations
{
    // Each is forgotten when an activation of its conversation has ended what it left open; who is never asked for
    // again must not pile up. One that is forgotten makes its readers wait as for a turn that runs elsewhere.
    private const int CountMax = 65_536;

    private readonly ConcurrentDictionary<ConversationKey, ulong> _writers = new();

    public void Add(ConversationKey key, ulong activation)
    {
        if (_writers.Count >= CountMax)
        {
            _writers.Clear();
        }

        _writers[key] = activation;
    }

    /// <summary>Whether a journal's last writer was the conversation's last activation here.</summary>
    public bool WroteLast(ConversationKey key, ulong lastWriter) =>
        _writers.TryGetValue(key, out var activation) && activation == lastWriter;

    /// <summary>Nothing is left open of it, or another server has seen to that.</summary>
    public void Forget(ConversationKey key) => _writers.TryRemove(key, out _);
}
