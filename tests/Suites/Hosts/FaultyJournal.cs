using System.Runtime.CompilerServices;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;

namespace Evergrain.Suites.Hosts;

/// <summary>What becomes of one append.</summary>
public enum AppendFault
{
    /// <summary>It is stored.</summary>
    None,

    /// <summary>It fails and was not stored.</summary>
    Before,

    /// <summary>It fails although it was stored.</summary>
    After,

    /// <summary>Another writer was there first.</summary>
    Taken,
}

/// <summary>A journal between a host and the real one, where tests let appends fail and wait. Not the owner.</summary>
public sealed class FaultyJournal(IJournal journal) : IJournal, IHistoryStore
{
    private readonly IHistoryStore _index = journal as IHistoryStore ?? new UnindexedHistories(journal);
    private readonly Lock _gate = new();
    private int _histories;
    private Func<ReadOnlyMemory<byte>, Task<AppendFault>>? _onAppend;
    private volatile Func<Task>? _onStored;
    private volatile Func<Task>? _onRead;
    private volatile bool _isDead;

    /// <summary>Whether deleting fails.</summary>
    public bool FailsDelete { get; set; }

    /// <summary>Called before each deletion of a log, which waits for it.</summary>
    public Func<Task>? OnDelete { get; set; }

    /// <summary>Whether looking a history up fails.</summary>
    public bool FailsFind { get; set; }

    /// <summary>How often the index was asked, and how many ends of turns it was told.</summary>
    public int Histories => _histories;

    /// <summary>Whether ends of turns do not reach the index.</summary>
    public bool LosesHistories { get; set; }

    /// <summary>Decides about every append from now on.</summary>
    public void OnAppend(Func<ReadOnlyMemory<byte>, Task<AppendFault>>? decide)
    {
        lock (_gate)
        {
            _onAppend = decide;
        }
    }

    /// <summary>The next append has this fault; those behind it have none.</summary>
    public void FailNext(AppendFault fault)
    {
        var isDone = 0;
        OnAppend(_ => Task.FromResult(Interlocked.Exchange(ref isDone, 1) == 0 ? fault : AppendFault.None));
    }

    /// <summary>Holds every append back until the gate is opened; says when the first one is there.</summary>
    public (Task Arrived, TaskCompletionSource Gate) HoldAppends()
    {
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        OnAppend(async _ =>
        {
            arrived.TrySetResult();
            await gate.Task;
            return AppendFault.None;
        });
        return (arrived.Task.WaitAsync(Waits.Patience), gate);
    }

    /// <summary>Stores every append, but answers only once the gate is opened; says when one is stored.</summary>
    public (Task Arrived, TaskCompletionSource Gate) HoldAnswers()
    {
        var stored = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _onStored = () =>
        {
            stored.TrySetResult();
            return gate.Task;
        };
        return (stored.Task.WaitAsync(Waits.Patience), gate);
    }

    /// <summary>Holds every read back until the gate is opened; says when the first one is there.</summary>
    public (Task Arrived, TaskCompletionSource Gate) HoldReads()
    {
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _onRead = () =>
        {
            arrived.TrySetResult();
            return gate.Task;
        };
        return (arrived.Task.WaitAsync(Waits.Patience), gate);
    }

    /// <summary>Its process is dead: nothing reaches the journal any more.</summary>
    public void Kill() => _isDead = true;

    public ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer, ReadOnlyMemory<byte> records,
        CancellationToken cancellationToken) => AppendAsync(key, end, records,
            () => journal.AppendAsync(key, end, writer, records, cancellationToken));

    public ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer, DeletingRecords records,
        CancellationToken cancellationToken) => AppendAsync(key, end, records.Bytes,
            () => _index.AppendAsync(key, end, writer, records, cancellationToken));

    public ValueTask AddAsync(
        IReadOnlyList<HistoryEntry> entries, int countMax, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entries);
        Interlocked.Add(ref _histories, entries.Count);
        return _isDead ? throw new JournalUnavailableException("The test broke the journal.")
            : LosesHistories ? ValueTask.CompletedTask : _index.AddAsync(entries, countMax, cancellationToken);
    }

    public ValueTask<long?> ClaimAsync(string tenant, ulong process, CancellationToken cancellationToken) =>
        _index.ClaimAsync(tenant, process, cancellationToken);

    public ValueTask AddOlderAsync(OlderPage page, int countMax, CancellationToken cancellationToken) =>
        _index.AddOlderAsync(page, countMax, cancellationToken);

    public ValueTask<HistoryEntry?> FindAsync(string tenant, IReadOnlyList<Digest> keys, ulong hint,
        CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _histories);
        return FailsFind
            ? throw new JournalUnavailableException("The test broke the index.")
            : _index.FindAsync(tenant, keys, hint, cancellationToken);
    }

    public async IAsyncEnumerable<JournalEntry> ReadAsync(ConversationKey key, JournalEnd from,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (_onRead is { } hold)
        {
            await hold();
        }

        await foreach (var entry in journal.ReadAsync(key, from, cancellationToken))
        {
            yield return entry;
        }
    }

    public ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
        CancellationToken cancellationToken) => journal.ListAsync(tenant, after, limit, cancellationToken);

    public ValueTask<JournalListing> ListNewestAsync(IReadOnlyList<string> tenants, long before, int limit,
        CancellationToken cancellationToken) => journal.ListNewestAsync(tenants, before, limit, cancellationToken);

    public ValueTask<long?> FindNumberAsync(ConversationKey key, CancellationToken cancellationToken) =>
        journal.FindNumberAsync(key, cancellationToken);

    public ValueTask<IReadOnlyList<string>> ListTenantsAsync(int limit, CancellationToken cancellationToken) =>
        journal.ListTenantsAsync(limit, cancellationToken);

    public async ValueTask DeleteAsync(ConversationKey key, JournalEnd end, CancellationToken cancellationToken)
    {
        if (_isDead || FailsDelete)
        {
            throw new JournalUnavailableException("The test broke the journal.");
        }

        await (OnDelete?.Invoke() ?? Task.CompletedTask);
        await journal.DeleteAsync(key, end, cancellationToken);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async ValueTask AppendAsync(
        ConversationKey key, JournalEnd end, ReadOnlyMemory<byte> records, Func<ValueTask> append)
    {
        Func<ReadOnlyMemory<byte>, Task<AppendFault>>? decide;
        lock (_gate)
        {
            decide = _onAppend;
        }

        var fault = decide is null ? AppendFault.None : await decide(records);
        if (_isDead || fault == AppendFault.Before)
        {
            throw new JournalUnavailableException("The test broke the journal before the write.");
        }

        if (fault == AppendFault.Taken)
        {
            throw new PositionTakenException(key, end);
        }

        await append();
        if (_onStored is { } hold)
        {
            await hold();
        }

        if (fault == AppendFault.After)
        {
            throw new JournalUnavailableException("The test broke the journal after the write.");
        }
    }
}
