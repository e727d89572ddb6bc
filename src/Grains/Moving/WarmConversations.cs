using System.Collections.Concurrent;
using Evergrain.Conversations.Hosts;

namespace Evergrain.Grains.Moving;

/// <summary>The conversations that are warm in this silo.</summary>
internal sealed class WarmConversations(ConversationInstruments instruments)
{
    private readonly ConcurrentDictionary<WarmConversation, Task> _all = new();
    private readonly SemaphoreSlim _changed = new(0, 1);
    private int _count;
    private long _bytes;

    /// <summary>How many there are.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Bytes they hold, estimated.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Those that are there now, in no order.</summary>
    public IEnumerable<WarmConversation> All => _all.Select(static entry => entry.Key);

    /// <summary>Adds a conversation, until its activation ends.</summary>
    public void Add(WarmConversation conversation)
    {
        Interlocked.Increment(ref _count);
        _all[conversation] = RemoveAsync(conversation);
        Changed();
    }

    /// <summary>A conversation has taken an input.</summary>
    public void Update(WarmConversation conversation, long bytes, bool isAtRest, bool isRead)
    {
        var (before, wasAtRest, wasRead) = (conversation.Bytes, conversation.IsAtRest, conversation.IsRead);
        conversation.Become(bytes, isAtRest, isRead);
        if (bytes != before)
        {
            ChangeBytes(bytes - before);
        }

        if (isAtRest != wasAtRest || isRead != wasRead)
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

    private void ChangeBytes(long difference)
    {
        Interlocked.Add(ref _bytes, difference);
        instruments.WarmBytesChanged(difference);
    }

    // Kept with its entry: whoever ends the activation sees to it that this ends.
    private async Task RemoveAsync(WarmConversation conversation)
    {
        await conversation.Ended.ConfigureAwait(
            ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        _all.TryRemove(conversation, out _);
        ChangeBytes(-conversation.Bytes);
        Interlocked.Decrement(ref _count);
        Changed();
    }
}
