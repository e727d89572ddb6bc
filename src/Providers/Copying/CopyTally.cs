using System.Collections.Concurrent;
using Evergrain.Conversations.Ids;

namespace Evergrain.Providers.Copying;

/// <summary>What a copy has done so far. Any thread may read it.</summary>
internal sealed class CopyTally
{
    private readonly ConcurrentDictionary<ConversationKey, string> _damaged = [];
    private readonly ConcurrentQueue<string> _unreadable = [];
    private long _appends, _bytes, _copied, _compared, _conversations;

    /// <summary>Conversations that the source has.</summary>
    public long Conversations => Interlocked.Read(ref _conversations);

    /// <summary>Conversations that are whole in the target, those of an earlier try among them.</summary>
    public long Copied => Interlocked.Read(ref _copied);

    /// <summary>Conversations that were read back, compared and rebuilt.</summary>
    public long Compared => Interlocked.Read(ref _compared);

    /// <summary>Appends that were written.</summary>
    public long Appends => Interlocked.Read(ref _appends);

    /// <summary>Bytes of these appends.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Conversations that the source has damaged, and why. The target does not have them.</summary>
    public IReadOnlyDictionary<ConversationKey, string> Damaged => _damaged;

    /// <summary>Parts of the source's table of conversations that could not be read.</summary>
    public IReadOnlyCollection<string> Unreadable => _unreadable;

    public void Found(long conversations) => Interlocked.Exchange(ref _conversations, conversations);

    public void Appended(long bytes)
    {
        Interlocked.Increment(ref _appends);
        Interlocked.Add(ref _bytes, bytes);
    }

    public void CopiedOne() => Interlocked.Increment(ref _copied);

    public void ComparedOne() => Interlocked.Increment(ref _compared);

    public void FoundDamaged(ConversationKey key, string damage) => _damaged[key] = damage;

    public void FoundUnreadable(string damage) => _unreadable.Enqueue(damage);
}
