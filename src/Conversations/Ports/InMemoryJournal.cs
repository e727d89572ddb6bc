using System.Runtime.CompilerServices;
using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Ports;

/// <summary>
/// A journal that lives and dies with its process: for tests and simulations. It keeps every promise of
/// <see cref="IJournal"/> except durability, and completes each call before it returns.
/// </summary>
public sealed class InMemoryJournal : IJournal, ILifetimeStore
{
    private readonly Lock _gate = new();

    // Per tenant, in order of creation. A log without appends is never kept.
    private readonly Dictionary<string, OrderedDictionary<ConversationId, List<JournalEntry>>> _tenants =
        new(StringComparer.Ordinal);

    private readonly Dictionary<ConversationKey, long> _numbers = [];
    private IReadOnlyList<KeptLifetime> _lifetimes = [];
    private long _begun;
    private bool _disposed;

    /// <inheritdoc/>
    public ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer, ReadOnlyMemory<byte> records,
        CancellationToken cancellationToken)
    {
        JournalBounds.CheckAppend(end, records);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (end != EndOf(Find(key)))
            {
                return ValueTask.FromException(new PositionTakenException(key, end));
            }

            FindOrBegin(key).Add(new JournalEntry(end.Position, writer, records.ToArray()));
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<JournalEntry> ReadAsync(ConversationKey key, JournalEnd from,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        JournalBounds.CheckEnd(from);
        foreach (var entry in Tail(key, from))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return entry;
        }

        await ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
        CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var page = new List<ConversationId>();
            if (_tenants.TryGetValue(tenant, out var logs))
            {
                var previous = after is { } id ? logs.IndexOf(id) : -1;
                var first = after is not null && previous < 0 ? logs.Count : previous + 1;
                for (var i = first; i < logs.Count && page.Count < limit; i++)
                {
                    page.Add(logs.GetAt(i).Key);
                }
            }

            return ValueTask.FromResult<IReadOnlyList<ConversationId>>(page);
        }
    }

    /// <inheritdoc/>
    public ValueTask<JournalListing> ListNewestAsync(IReadOnlyList<string> tenants, long before, int limit,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tenants);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return ValueTask.FromResult(new JournalListing([.. tenants.SelectMany(Listed)
                .Where(log => log.Number < before).OrderByDescending(static log => log.Number).Take(limit)], false));
        }
    }

    /// <inheritdoc/>
    public ValueTask<long?> FindNumberAsync(ConversationKey key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return ValueTask.FromResult(_numbers.TryGetValue(key, out var number) ? number : (long?)null);
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> ListTenantsAsync(int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return ValueTask.FromResult<IReadOnlyList<string>>([.. _tenants.Keys.Take(limit)]);
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<NumberedConversation>> ListOldestAsync(
        string tenant, long behind, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return ValueTask.FromResult<IReadOnlyList<NumberedConversation>>([.. Listed(tenant)
                .Select(static log => new NumberedConversation(log.Key, log.Number))
                .Where(log => log.Number > behind).OrderBy(static log => log.Number).Take(limit)]);
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<AgedConversation>> ReadAgesAsync(
        IReadOnlyList<NumberedConversation> some, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(some);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return ValueTask.FromResult<IReadOnlyList<AgedConversation>>([.. some
                .Where(one => _numbers.GetValueOrDefault(one.Key) == one.Number).Select(AgeOf)]);
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<KeptLifetime>> ReadLifetimesAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return ValueTask.FromResult(_lifetimes);
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<KeptLifetime>> KeepLifetimesAsync(
        IReadOnlyList<LifetimeRule> rules, DateTimeOffset now, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return ValueTask.FromResult(_lifetimes = KeptLifetime.Next(_lifetimes, rules, now));
        }
    }

    /// <inheritdoc/>
    public ValueTask DeleteAsync(ConversationKey key, JournalEnd end, CancellationToken cancellationToken)
    {
        JournalBounds.CheckEnd(end);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var log = Find(key);
            if (log is not null && end != EndOf(log))
            {
                return ValueTask.FromException(new PositionTakenException(key, end));
            }

            _numbers.Remove(key);
            if (_tenants.TryGetValue(key.Tenant, out var logs) && logs.Remove(key.Id) && logs.Count == 0)
            {
                _tenants.Remove(key.Tenant);
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposed = true;
            _tenants.Clear();
        }

        return ValueTask.CompletedTask;
    }

    private JournalEntry[] Tail(ConversationKey key, JournalEnd from)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var log = Find(key) ?? [];
            var count = (int)Math.Min(from.Position, log.Count);
            return from == EndOf(log[..count]) ? [.. log.Skip(count)] : throw new PositionTakenException(key, from);
        }
    }

    private static JournalEnd EndOf(List<JournalEntry>? log) =>
        log is { Count: > 0 } ? JournalEnd.Behind(log[^1]) : JournalEnd.None;

    private List<JournalEntry>? Find(ConversationKey key) =>
        _tenants.GetValueOrDefault(key.Tenant)?.GetValueOrDefault(key.Id);

    private List<JournalEntry> FindOrBegin(ConversationKey key)
    {
        if (!_tenants.TryGetValue(key.Tenant, out var logs))
        {
            _tenants[key.Tenant] = logs = [];
        }

        if (!logs.TryGetValue(key.Id, out var log))
        {
            logs[key.Id] = log = [];
            _numbers[key] = ++_begun;
        }

        return log;
    }

    private IEnumerable<ListedConversation> Listed(string tenant)
    {
        foreach (var (id, log) in _tenants.GetValueOrDefault(tenant) ?? [])
        {
            var key = new ConversationKey(tenant, id);
            yield return new ListedConversation(
                key, _numbers[key], TailOf(log[0].Records, JournalBounds.FirstTailBytes));
        }
    }

    private AgedConversation AgeOf(NumberedConversation one)
    {
        var log = Find(one.Key)!;
        return new AgedConversation(
            one.Key, one.Number, EndOf(log), TailOf(log[^1].Records, JournalBounds.LastTailBytes));
    }

    private static ReadOnlyMemory<byte> TailOf(ReadOnlyMemory<byte> records, int bytes) =>
        records.Length <= bytes ? records : records[^bytes..];
}
