using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Copying;
using Evergrain.Providers.Journals;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>The journal in PostgreSQL, to be copied.</summary>
internal sealed class PostgresCopySource : ICopySource
{
    private readonly PostgresConnections _connections;
    private readonly PostgresJournalLock _lock;
    private readonly PostgresReader _reader;
    private readonly PostgresRoster _roster;
    private readonly PostgresTotals _totals;
    private readonly int _format;

    private PostgresCopySource(
        PostgresJournalOptions options, PostgresConnections connections, PostgresJournalLock held, int format)
    {
        (_connections, _lock, _format) = (connections, held, format);
        _reader = new PostgresReader(connections, options, new HiddenConversations());
        _roster = new PostgresRoster(connections, options.Schema);
        _totals = new PostgresTotals(connections, options.Schema);
    }

    /// <inheritdoc/>
    public Task Lost => _lock.Lost;

    /// <summary>Opens it, and holds its lock until disposed. Its URL is <see cref="PostgresUrl.ReadOnly"/>.</summary>
    /// <exception cref="JournalUnavailableException">
    /// There is none, a process serves it, or it cannot be read as it is.
    /// </exception>
    public static async Task<PostgresCopySource> OpenAsync(
        PostgresJournalOptions options, CancellationToken cancellationToken)
    {
        OptionRules.Check(options);
        var held = await PostgresJournalLock.TakeAsync(options, JournalOwner.Alone, cancellationToken);
        var connections = new PostgresConnections(options);
        try
        {
            var format = await connections.RunAsync(connections.Reads, async connection =>
            {
                await SessionSettings.CheckAsync(connection, connections.Place, options, cancellationToken);
                await PostgresSchema.CheckReadableAsync(connection, connections.Place, options, cancellationToken);
                return await PostgresFormat.ReadAsync(connection, options.Schema, cancellationToken);
            }, since: null, cancellationToken);
            return new PostgresCopySource(options, connections, held, format);
        }
        catch (Exception e)
        {
            await connections.DisposeAsync();
            await held.DisposeAsync();
            throw e is NpgsqlException || PostgresFault.IsConnectionLost(e)
                ? PostgresFault.Unavailable(e, connections.Place) : e;
        }
    }

    /// <inheritdoc/>
    public Task<int> ReadFormatAsync(CancellationToken cancellationToken) => Task.FromResult(_format);

    /// <inheritdoc/>
    public Task<IReadOnlyList<TenantTotal>> ReadTotalsAsync(CancellationToken cancellationToken) =>
        _totals.ReadAllAsync(cancellationToken);

    /// <inheritdoc/>
    public Task<RosterPage> ReadRosterAsync(long behind, CancellationToken cancellationToken) =>
        _roster.ReadAsync(behind, cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<JournalEntry> ReadAsync(
        ConversationKey key, JournalEnd from, CancellationToken cancellationToken) =>
        JournalPage.ReadAllAsync(from,
            (behind, begunWith, token) => _reader.ReadAsync(key, behind, begunWith, token), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _reader.CloseAsync();
        await _connections.DisposeAsync();
        await _lock.DisposeAsync();
    }
}
