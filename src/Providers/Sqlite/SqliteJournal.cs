using System.ComponentModel.DataAnnotations;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Copying;
using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// The journal of one machine: a SQLite file that only this process may open, written by one thread that commits the
/// appends of many conversations in one synced transaction.
/// </summary>
/// <remarks>
/// Space of deleted conversations is overwritten and used again; the file does not shrink. The disk must be a local one
/// that keeps its promise to sync.
/// </remarks>
public sealed class SqliteJournal : IJournal, IHistoryStore, ILifetimeStore, ITenantTotals, ICopyTarget
{
    private readonly DataDirectory _directory;
    private readonly JournalStore _store;
    private readonly WriteTables _tables;
    private readonly JournalWriter _writer;
    private readonly JournalReaders _readers;
    private readonly JournalCheck? _check;
    private readonly bool _keepsHistories;
    private int _disposed;

    private SqliteJournal(SqliteJournalOptions options, DataDirectory directory)
    {
        (_directory, Format, _keepsHistories) = (directory, options.Format, options.KeepsHistories);
        var hidden = new HiddenConversations();
        _tables = JournalDatabase.OpenWriter(directory.DatabaseFile, options, hidden);
        try
        {
            _store = JournalStore.Of(directory, options, hidden);
        }
        catch
        {
            _tables.Dispose();
            throw;
        }

        _writer = new JournalWriter(options, _store, _tables);
        _readers = new JournalReaders(_store, options.ReadersMax);
        _check = options.Check is { } setup ? new JournalCheck(this, hidden, setup) : null;
    }

    /// <inheritdoc/>
    public int Format { get; }

    /// <inheritdoc/>
    public string? Obstacle => _store.Condition.Obstacle;

    /// <summary>What was done since the journal was opened.</summary>
    public SqliteJournalCounters Counters => _writer.Counters;

    /// <summary>Ends once the journal was checked for the first time; at once where it is not checked.</summary>
    internal Task FirstCheck => _check?.FirstRound ?? Task.CompletedTask;

    /// <summary>Opens the journal in a directory, made if it is not there, and holds it until disposed.</summary>
    /// <exception cref="JournalUnavailableException">
    /// The directory is held by another process or cannot be written, or its database is damaged, foreign or newer.
    /// </exception>
    /// <exception cref="ValidationException">An option is out of its range.</exception>
    public static Task<SqliteJournal> OpenAsync(SqliteJournalOptions options, CancellationToken cancellationToken)
    {
        OptionRules.Check(options);
        return Task.Run(() => Open(options), cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer, ReadOnlyMemory<byte> records,
        CancellationToken cancellationToken)
    {
        JournalBounds.CheckAppend(end, records);
        var write = new PendingWrite(key, end) { Writer = writer, Records = records };
        await _writer.WriteAsync(write, cancellationToken);
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<JournalEntry> ReadAsync(
        ConversationKey key, JournalEnd from, CancellationToken cancellationToken)
    {
        JournalBounds.CheckEnd(from);
        return JournalPage.ReadAllAsync(from, ReadPageAsync, cancellationToken);

        Task<JournalPage> ReadPageAsync(JournalEnd behind, long begunWith, CancellationToken token) =>
            _readers.RunAsync(reader => reader.Read(key, behind, begunWith), token);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
        CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return await _readers.RunAsync(reader => reader.List(tenant, after, limit), cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<JournalListing> ListNewestAsync(IReadOnlyList<string> tenants, long before, int limit,
        CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return await _readers.RunAsync(reader => reader.ListNewest(tenants, before, limit), cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<long?> FindNumberAsync(ConversationKey key, CancellationToken cancellationToken) =>
        await _readers.RunAsync(reader => reader.FindNumber(key), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<string>> ListTenantsAsync(int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return await _readers.RunAsync(reader => reader.ListTenants(limit), cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DeleteAsync(ConversationKey key, JournalEnd end, CancellationToken cancellationToken)
    {
        JournalBounds.CheckEnd(end);
        await _writer.WriteAsync(new PendingWrite(key, end) { IsDelete = true }, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask AddAsync(string tenant, TenantReport report, CancellationToken cancellationToken) =>
        await _writer.WriteAsync(new PendingWrite(new ConversationKey(tenant, default), JournalEnd.None)
        {
            Report = report,
        }, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<TurnCounts> GetAsync(string tenant, CancellationToken cancellationToken) =>
        await _readers.RunAsync(reader => reader.ReadTotals(tenant), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<NumberedConversation>> ListOldestAsync(
        string tenant, long behind, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return await _readers.RunAsync(reader => reader.ListOldest(tenant, behind, limit), cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<AgedConversation>> ReadAgesAsync(
        IReadOnlyList<NumberedConversation> some, CancellationToken cancellationToken) =>
        await _readers.RunAsync(reader => reader.ReadAges(some), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<KeptLifetime>> ReadLifetimesAsync(CancellationToken cancellationToken) =>
        await _readers.RunAsync(static reader => reader.ReadLifetimes(), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<KeptLifetime>> KeepLifetimesAsync(
        IReadOnlyList<LifetimeRule> rules, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var start = new LifetimeStart(rules, now);
        await _writer.WriteAsync(
            new PendingWrite(new ConversationKey("", default), JournalEnd.None) { Lifetimes = start },
            cancellationToken);
        return start.Kept;
    }

    /// <inheritdoc/>
    async ValueTask IHistoryStore.AddAsync(
        IReadOnlyList<HistoryEntry> entries, int countMax, CancellationToken cancellationToken) =>
        await WriteAsync(new HistoryBatch(entries, countMax), cancellationToken);

    /// <inheritdoc/>
    async ValueTask<long?> IHistoryStore.ClaimAsync(
        string tenant, ulong process, CancellationToken cancellationToken) =>
        await _readers.RunAsync(reader => reader.ReadFilled(tenant), cancellationToken);

    /// <inheritdoc/>
    async ValueTask IHistoryStore.AddOlderAsync(OlderPage page, int countMax, CancellationToken cancellationToken) =>
        await WriteAsync(new HistoryBatch([], countMax) { Older = page }, cancellationToken);

    /// <inheritdoc/>
    async ValueTask<HistoryEntry?> IHistoryStore.FindAsync(string tenant, IReadOnlyList<Digest> keys, ulong hint,
        CancellationToken cancellationToken) =>
        await _readers.RunAsync(reader => reader.FindHistory(tenant, keys, hint), cancellationToken);

    /// <inheritdoc/>
    async ValueTask IHistoryStore.AppendAsync(ConversationKey key, JournalEnd end, ulong writer,
        DeletingRecords records, CancellationToken cancellationToken)
    {
        JournalBounds.CheckAppend(end, records.Bytes);
        var write = new PendingWrite(key, end) { Writer = writer, Records = records.Bytes, Deleted = records.Turns };
        await _writer.WriteAsync(write, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        if (_check is not null)
        {
            await _check.DisposeAsync();
        }

        await _writer.StopAsync();
        await _readers.DisposeAsync();

        // The last connection to close copies the rest of the write-ahead log into the database file.
        await Task.Run(_tables.Dispose, CancellationToken.None);
        _directory.Dispose();
    }

    async Task<RosterPage> ICheckedJournal.ReadRosterAsync(long behind, CancellationToken cancellationToken)
    {
        var (page, lagging) = await _readers.RunAsync(reader => reader.ReadRoster(behind), cancellationToken);
        if (lagging.Count > 0)
        {
            var write = new PendingWrite(new ConversationKey("", default), JournalEnd.None) { Heads = lagging };
            await _writer.WriteAsync(write, cancellationToken);
        }

        return page;
    }

    Task ICopyTarget.EndCopyAsync(IReadOnlyList<TenantTotal> totals, CancellationToken cancellationToken) =>
        _writer.WriteAsync(new PendingWrite(new ConversationKey("", default), JournalEnd.None)
        {
            Copied = totals,
        }, cancellationToken);

    /// <summary>Holds a directory, whose log nobody but a writer of ours has written.</summary>
    /// <exception cref="JournalUnavailableException">It is held already, or its log is damaged.</exception>
    internal static DataDirectory Hold(string path)
    {
        var directory = DataDirectory.Hold(path);
        try
        {
            WriteAheadLog.Check(directory.DatabaseFile);
            return directory;
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    private Task WriteAsync(HistoryBatch batch, CancellationToken cancellationToken) => _keepsHistories
        ? _writer.WriteAsync(
            new PendingWrite(new ConversationKey("", default), JournalEnd.None) { Histories = batch },
            cancellationToken)
        : throw new InvalidOperationException("The journal was opened without an index of histories.");

    private static SqliteJournal Open(SqliteJournalOptions options)
    {
        var directory = Hold(options.Directory);
        try
        {
            return new SqliteJournal(options, directory);
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }
}
