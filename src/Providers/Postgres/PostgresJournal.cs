using System.ComponentModel.DataAnnotations;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Copying;
using Evergrain.Providers.Journals;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>
/// The journal that several servers share: tables of a PostgreSQL database. An append is one statement with the log's
/// end as its condition; the appends of many conversations share a transaction and a round trip.
/// </summary>
/// <remarks>
/// <para>
/// An append that returned is on the server's disk, and on the standbys that the server is told to wait for; the
/// session sets <c>synchronous_commit</c> itself. What the server cannot keep (<c>fsync = off</c>, a failover to a
/// standby that it did not wait for) is lost here too.
/// </para>
/// <para>
/// A connection that breaks is opened again and the operation goes on, for a bounded time. An append whose answer was
/// lost is sent again together with a look at its position, so that it is stored once and reported as it is.
/// </para>
/// <para>
/// Connect to the server itself, not through a pooler that divides sessions: statements are prepared, and settings are
/// given with the connection. Conversations are listed in the order of their numbers; of two that begin at the same
/// moment, the one with the lower number may appear the later.
/// </para>
/// </remarks>
public sealed class PostgresJournal : IJournal, IHistoryStore, ILifetimeStore, ITenantTotals, ICopyTarget
{
    private readonly PostgresConnections _connections;
    private readonly PostgresWriter _writer;
    private readonly PostgresReader _reader;
    private readonly PostgresFormat _format;
    private readonly PostgresTotals _totals;
    private readonly PostgresHistories _histories;
    private readonly PostgresLifetimes _lifetimes;
    private readonly bool _hasHistories;
    private readonly StoreCondition _condition;
    private readonly StoreProbe _probe;
    private readonly PostgresRoster _roster;
    private readonly JournalCheck? _check;
    private int _disposed;

    private PostgresJournal(PostgresJournalOptions options, PostgresConnections connections, int format,
        bool hasHistories)
    {
        (_connections, _hasHistories) = (connections, hasHistories);
        _histories = new PostgresHistories(connections, options.Schema);
        _lifetimes = new PostgresLifetimes(connections, options.Schema);
        _condition = new StoreCondition(options.Logger, options.Time);
        _writer = new PostgresWriter(options, connections, _condition);
        var hidden = new HiddenConversations();
        _reader = new PostgresReader(connections, options, hidden, away: _condition.Failed);
        _roster = new PostgresRoster(connections, options.Schema);
        _totals = new PostgresTotals(connections, options.Schema);
        _format = new PostgresFormat(connections, options, format);
        _probe = new StoreProbe(
            _condition, token => WriteProbeAsync(connections, options.Schema, token), options.Time);
        _check = options.Check is { } setup ? new JournalCheck(this, hidden, setup) : null;
    }

    /// <inheritdoc/>
    public int Format => _format.Current;

    /// <inheritdoc/>
    public string? Obstacle => _condition.Obstacle;

    /// <summary>Server and database, for people; never the password.</summary>
    public string Place => $"{_connections.Place.Server}/{_connections.Place.Database}";

    /// <summary>What was done since the journal was opened.</summary>
    public PostgresJournalCounters Counters => _connections.Meter.Read();

    /// <summary>Ends once the journal was checked for the first time; at once where it is not checked.</summary>
    internal Task FirstCheck => _check?.FirstRound ?? Task.CompletedTask;

    /// <summary>Connects, and makes the schema or checks the one that is there.</summary>
    /// <exception cref="JournalUnavailableException">
    /// The URL is wrong, the server cannot be reached, refuses or is too old, or the schema or its records are
    /// foreign or newer. The message never holds the password.
    /// </exception>
    /// <exception cref="ValidationException">An option is out of its range.</exception>
    public static async Task<PostgresJournal> OpenAsync(
        PostgresJournalOptions options, CancellationToken cancellationToken)
    {
        OptionRules.Check(options);
        var connections = new PostgresConnections(options);
        try
        {
            var (format, hasHistories) = await PostgresSchema.PrepareAsync(connections, options, cancellationToken);
            return new PostgresJournal(options, connections, format, hasHistories);
        }
        catch
        {
            await connections.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer, ReadOnlyMemory<byte> records,
        CancellationToken cancellationToken)
    {
        JournalBounds.CheckAppend(end, records);
        CheckCanExist(key, end);
        var write = new PendingWrite(key, end) { Writer = writer, Records = records };
        await _writer.WriteAsync(write, cancellationToken);
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<JournalEntry> ReadAsync(
        ConversationKey key, JournalEnd from, CancellationToken cancellationToken)
    {
        JournalBounds.CheckEnd(from);
        return JournalPage.ReadAllAsync(from,
            (behind, begunWith, token) => _reader.ReadAsync(key, behind, begunWith, token), cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
        CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return await _reader.ListAsync(tenant, after, limit, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<JournalListing> ListNewestAsync(IReadOnlyList<string> tenants, long before, int limit,
        CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return await _reader.ListNewestAsync(tenants, before, limit, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<long?> FindNumberAsync(ConversationKey key, CancellationToken cancellationToken) =>
        await _reader.FindNumberAsync(key, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<string>> ListTenantsAsync(int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return await _reader.ListTenantsAsync(limit, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DeleteAsync(ConversationKey key, JournalEnd end, CancellationToken cancellationToken)
    {
        JournalBounds.CheckEnd(end);
        await _writer.WriteAsync(new PendingWrite(key, end) { IsDelete = true }, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask AddAsync(string tenant, TenantReport report, CancellationToken cancellationToken) =>
        await _totals.AddAsync(tenant, report, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<TurnCounts> GetAsync(string tenant, CancellationToken cancellationToken) =>
        await _totals.GetAsync(tenant, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<NumberedConversation>> ListOldestAsync(
        string tenant, long behind, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return await _lifetimes.ListOldestAsync(tenant, behind, limit, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<AgedConversation>> ReadAgesAsync(
        IReadOnlyList<NumberedConversation> some, CancellationToken cancellationToken) =>
        await _lifetimes.ReadAgesAsync(some, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<KeptLifetime>> ReadLifetimesAsync(CancellationToken cancellationToken) =>
        await _lifetimes.ReadAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<KeptLifetime>> KeepLifetimesAsync(
        IReadOnlyList<LifetimeRule> rules, DateTimeOffset now, CancellationToken cancellationToken) =>
        await _lifetimes.KeepAsync(rules, now, cancellationToken);

    /// <inheritdoc/>
    async ValueTask IHistoryStore.AddAsync(
        IReadOnlyList<HistoryEntry> entries, int countMax, CancellationToken cancellationToken) =>
        await _histories.AddAsync(entries, countMax, cancellationToken);

    /// <inheritdoc/>
    async ValueTask<long?> IHistoryStore.ClaimAsync(
        string tenant, ulong process, CancellationToken cancellationToken) =>
        await _histories.ClaimAsync(tenant, process, cancellationToken);

    /// <inheritdoc/>
    async ValueTask IHistoryStore.AddOlderAsync(OlderPage page, int countMax, CancellationToken cancellationToken) =>
        await _histories.AddOlderAsync(page, countMax, cancellationToken);

    /// <inheritdoc/>
    async ValueTask<HistoryEntry?> IHistoryStore.FindAsync(string tenant, IReadOnlyList<Digest> keys, ulong hint,
        CancellationToken cancellationToken) =>
        await _histories.FindAsync(tenant, keys, hint, cancellationToken);

    /// <inheritdoc/>
    async ValueTask IHistoryStore.AppendAsync(ConversationKey key, JournalEnd end, ulong writer,
        DeletingRecords records, CancellationToken cancellationToken)
    {
        JournalBounds.CheckAppend(end, records.Bytes);
        CheckCanExist(key, end);
        await _writer.WriteAsync(new PendingWrite(key, end)
        {
            Writer = writer,
            Records = records.Bytes,
            Deleted = _hasHistories ? records.Turns : null,
        }, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            if (_check is not null)
            {
                await _check.DisposeAsync();
            }

            await _probe.DisposeAsync();
            await _format.DisposeAsync();
            await _writer.StopAsync();
            await _reader.CloseAsync();
            await _connections.DisposeAsync();
        }
    }

    Task<RosterPage> ICheckedJournal.ReadRosterAsync(long behind, CancellationToken cancellationToken) =>
        _roster.ReadAsync(behind, cancellationToken);

    Task ICopyTarget.EndCopyAsync(IReadOnlyList<TenantTotal> totals, CancellationToken cancellationToken) =>
        _totals.EndCopyAsync(totals, cancellationToken);

    // The statement that begins a log asks only whether there is one.
    private static void CheckCanExist(ConversationKey key, JournalEnd end)
    {
        if (end.Position == 0 && end != JournalEnd.None)
        {
            throw new PositionTakenException(key, end);
        }
    }

    private static async Task WriteProbeAsync(
        PostgresConnections connections, string schema, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await connections.Writes.OpenConnectionAsync(cancellationToken);
            await SchemaCommands.ExecuteAsync(
                connection, $"UPDATE \"{schema}\".schema_version SET format = format", cancellationToken);
        }
        catch (Exception e) when (e is NpgsqlException || PostgresFault.IsConnectionLost(e))
        {
            throw PostgresFault.Unavailable(e, connections.Place);
        }
    }
}
