using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Copying;

namespace Evergrain.Providers.Journals;

/// <summary>
/// An append, a delete, a report, heads, ends of turns, lifetimes or the end of a copy on the way through a writer.
/// Whoever comes first, the writer that takes it or the caller that cancels it, decides: once taken, it is carried to
/// its end, since the writer then reads the caller's buffer.
/// </summary>
internal sealed class PendingWrite(ConversationKey key, JournalEnd end)
{
    private const int Waiting = 0;
    private const int Taken = 1;
    private const int Cancelled = 2;

    // The caller must not run on the writer's thread.
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _state;

    public ConversationKey Key { get; } = key;

    /// <summary>Where the log must end.</summary>
    public JournalEnd End { get; } = end;

    /// <summary>Whether the conversation is to be deleted, not appended to.</summary>
    public bool IsDelete { get; init; }

    /// <summary>What is to be added to a tenant's totals, in place of an append; null: nothing.</summary>
    public TenantReport? Report { get; init; }

    /// <summary>
    /// Numbers of conversations and how many appends each has at least, in place of an append; null: nothing.
    /// </summary>
    public IReadOnlyList<(long Conversation, long Next)>? Heads { get; init; }

    /// <summary>What tenants used, which ends a copy, in place of an append; null: nothing.</summary>
    public IReadOnlyList<TenantTotal>? Copied { get; init; }

    /// <summary>Ends of turns for the index, in place of an append; null: none.</summary>
    public HistoryBatch? Histories { get; init; }

    /// <summary>The lifetimes of a start, in place of an append; null: none.</summary>
    public LifetimeStart? Lifetimes { get; init; }

    /// <summary>The turns that an append deletes, which go from the index; null: none.</summary>
    public IReadOnlyList<int>? Deleted { get; init; }

    public ulong Writer { get; init; }

    public ReadOnlyMemory<byte> Records { get; init; }

    /// <summary>Set by the writer inside the transaction, believed only once it is committed.</summary>
    public bool IsRefused { get; set; }

    /// <summary>Set by a writer that may have stored it already: its connection broke before the answer.</summary>
    public bool IsDoubtful { get; set; }

    public Task Done => _done.Task;

    public bool TryTake() => Interlocked.CompareExchange(ref _state, Taken, Waiting) == Waiting;

    public void Cancel(CancellationToken cancellationToken)
    {
        if (Interlocked.CompareExchange(ref _state, Cancelled, Waiting) == Waiting)
        {
            _done.SetCanceled(cancellationToken);
        }
    }

    public void Complete()
    {
        if (IsRefused)
        {
            _done.SetException(new PositionTakenException(Key, End));
        }
        else
        {
            _done.SetResult();
        }
    }

    public void Fail(Exception failure) => _done.SetException(failure);
}

/// <summary>The lifetimes that a start brings.</summary>
internal sealed class LifetimeStart(IReadOnlyList<LifetimeRule> rules, DateTimeOffset now)
{
    public IReadOnlyList<LifetimeRule> Rules { get; } = rules;

    public DateTimeOffset Now { get; } = now;

    /// <summary>What is kept of them; set by the writer.</summary>
    public IReadOnlyList<KeptLifetime> Kept { get; set; } = [];
}

/// <summary>Ends of turns that go into the index in one transaction.</summary>
/// <param name="Entries">The ends.</param>
/// <param name="CountMax">How many are kept of each tenant.</param>
internal sealed record HistoryBatch(IReadOnlyList<HistoryEntry> Entries, int CountMax)
{
    /// <summary>Older ones that go in before all others; null: none.</summary>
    public OlderPage? Older { get; init; }
}
