using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>The ages of conversations in PostgreSQL, also while servers run on it. Nothing changes.</summary>
internal sealed class PostgresLifetimeReader : ILifetimeReader, IAsyncDisposable
{
    private readonly PostgresConnections _connections;
    private readonly PostgresReader _reader;
    private readonly PostgresLifetimes _lifetimes;

    private PostgresLifetimeReader(PostgresJournalOptions options, PostgresConnections connections)
    {
        _connections = connections;
        _reader = new PostgresReader(connections, options, new HiddenConversations());
        _lifetimes = new PostgresLifetimes(connections, options.Schema);
    }

    /// <summary>Connects. Its URL is <see cref="PostgresUrl.ReadOnly"/>.</summary>
    /// <exception cref="JournalUnavailableException">There is no journal, or it cannot be read as it is.</exception>
    public static async Task<PostgresLifetimeReader> OpenAsync(
        PostgresJournalOptions options, CancellationToken cancellationToken)
    {
        OptionRules.Check(options);
        var connections = new PostgresConnections(options);
        try
        {
            await using var connection = await connections.Reads.OpenConnectionAsync(cancellationToken);
            await PostgresSchema.CheckReadableAsync(connection, connections.Place, options, cancellationToken);
            return new PostgresLifetimeReader(options, connections);
        }
        catch (Exception e)
        {
            await connections.DisposeAsync();
            throw e is NpgsqlException || PostgresFault.IsConnectionLost(e)
                ? PostgresFault.Unavailable(e, connections.Place) : e;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<string>> ListTenantsAsync(int limit, CancellationToken cancellationToken) =>
        await _reader.ListTenantsAsync(limit, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<NumberedConversation>> ListOldestAsync(
        string tenant, long behind, int limit, CancellationToken cancellationToken) =>
        await _lifetimes.ListOldestAsync(tenant, behind, limit, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<AgedConversation>> ReadAgesAsync(
        IReadOnlyList<NumberedConversation> some, CancellationToken cancellationToken) =>
        await _lifetimes.ReadAgesAsync(some, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<KeptLifetime>> ReadLifetimesAsync(CancellationToken cancellationToken) =>
        await _lifetimes.ReadAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _reader.CloseAsync();
        await _connections.DisposeAsync();
    }
}
