using System.Collections.Concurrent;
using Evergrain.Conversations.Hosts;

namespace Evergrain.Grains.Moving;

/// <summary>The conversations that are warm in this silo.</summary>
internal sealed class WarmConversations(ConversationInstruments instruments)
{
    private readonly ConcurrentDictionary<WarmConversation, Task> _all = new();
    private readonly SemaphoreSlim _changed = new(0, 1);
    private int _count;

    /// <summary>How many there are.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Those that are there now, in no order.</summary>
    public IEnumerable<WarmConversation> All => _all.Select(static entry => entry.Key);

    /// <summary>Adds a conversation, until its activation ends.</summary>
    public void Add(WarmConversation conversation)
    {
        Interlocked.Increment(ref _count);
        instruments.Activated();
        _all[conversation] = RemoveAsync(conversation);
        Changed();
    }

    /// <summary>A conversation has taken an input.</summary>
    public void Update(WarmConversation conversation, long bytes, bool isAtRest)
    {
        var (before, wasAtRest) = (conversation.Bytes, conversation.IsAtRest);
        conversation.Become(bytes, isAtRest);
        if (bytes != before)
        {
            instruments.WarmBytesChanged(bytes - before);
        }

        if (isAtRest != wasAtRest)
        {
            Changed();
        }
    }

    /// <summary>
    /// Ends when something has changed since the last wait ended: a conversation came, went or came to rest, or other
    /// silos are known. One waits at a time.
    /// </summary>
    public Task WaitForChangeAsync(CancellationToken cancellationToken) => _changed.WaitAsync(cancellationToken);

    /// <summary>Something has changed.</summary>
    public void Changed()
    {
        if (_changed.CurrentCount > 0)
        {
            return;
        }

        try
        {
            _changed.Release();
        }
        catch (SemaphoreFullException)
        {
            // Somebody else said so at the same time.
        }
    }

    // Kept with its entry: whoever ends the activation sees to it that this ends.
    private async Task RemoveAsync(WarmConversation conversation)
    {
        await conversation.Ended.ConfigureAwait(
            ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        _all.TryRemove(conversation, out _);
        instruments.WarmBytesChanged(-conversation.Bytes);
        instruments.Passivated();
        Interlocked.Decrement(ref _count);
        Changed();
    }
}
