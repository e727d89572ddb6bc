using System.Net;
using System.Net.Sockets;
using Evergrain.Conversations.Ports;
using Evergrain.Grains;
using Evergrain.Providers.Postgres;
using Npgsql;
using Orleans.Hosting;

namespace Evergrain.Silo.Membership;

/// <summary>The cluster's tables in the database of a journal in PostgreSQL.</summary>
/// <param name="url">The journal's URL; a wrong one is refused at the first use.</param>
/// <param name="schema">The schema that holds the tables.</param>
internal sealed class ClusterDatabase(string url, string schema) : IClusterStore
{
    // Npgsql's name in Orleans.
    private const string Invariant = "Npgsql";

    // A silo asks now and then, one thing at a time; a refresh and a write may meet.
    private const int ConnectionsMax = 8;

    // Shorter than a probe's silence makes a silo dead several times over: Orleans asks again.
    private const int TimeoutSeconds = 5;
    private const string TimeoutMilliseconds = "5000";

    // Every member writes each 30 seconds that it is alive.
    private const string AliveTime = "2 minutes";

    private readonly Lazy<NpgsqlConnectionStringBuilder> _settings = new(() => Configure(url, schema));

    /// <inheritdoc/>
    public string Name => "PostgreSQL";

    /// <inheritdoc/>
    public string AuthorityPlace => "the table authorities";

    /// <inheritdoc/>
    public string Host => _settings.Value.Host!;

    /// <inheritdoc/>
    public int Port => _settings.Value.Port;

    private string ConnectionString => _settings.Value.ToString();

    private PostgresPlace Place => PostgresUrl.PlaceOf(_settings.Value);

    /// <inheritdoc/>
    /// <exception cref="JournalUnavailableException">
    /// The tables cannot be made, or are of a newer version; or a session lacks what it asked for.
    /// </exception>
    public Task PrepareAsync(CancellationToken cancellationToken) => RunAsync(async connection =>
    {
        await SessionSettings.CheckAsync(connection, Place, SessionOf(schema), cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ClusterSchema.MakeOrCheckAsync(connection, Place, schema, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }, cancellationToken);

    /// <inheritdoc/>
    public Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellationToken) => RunAsync(async connection =>
    {
        await using var command = new NpgsqlCommand("SELECT clock_timestamp()", connection);
        return new DateTimeOffset((DateTime)(await command.ExecuteScalarAsync(cancellationToken))!);
    }, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<ClusterMemberPlace>> ReadMembersAsync(string cluster,
        CancellationToken cancellationToken) => RunAsync<IReadOnlyList<ClusterMemberPlace>>(async connection =>
    {
        await using var command = new NpgsqlCommand($"""
            SELECT address, host FROM silos WHERE cluster = $1 AND status IN (2, 3)
              AND alive > now() - interval '{AliveTime}'
            """, connection) { Parameters = { new NpgsqlParameter { Value = cluster } } };
        var members = new List<ClusterMemberPlace>();
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
        {
            members.Add(new ClusterMemberPlace(IPAddress.Parse(rows.GetString(0)), rows.GetString(1)));
        }

        return members;
    }, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<AuthorityText>> ReadAuthoritiesAsync(CancellationToken cancellationToken) =>
        RunAsync<IReadOnlyList<AuthorityText>>(async connection =>
    {
        await using var command = new NpgsqlCommand(
            "SELECT number, certificate, key FROM authorities ORDER BY number", connection);
        var found = new List<AuthorityText>();
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
        {
            found.Add(new AuthorityText(rows.GetInt32(0), rows.GetString(1), rows.GetString(2)));
        }

        return found;
    }, cancellationToken);

    /// <inheritdoc/>
    public Task AddAuthorityAsync(AuthorityText authority, CancellationToken cancellationToken) =>
        RunAsync(async connection =>
    {
        await using var command = new NpgsqlCommand("""
            INSERT INTO authorities (number, certificate, key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
            """, connection);
        command.Parameters.Add(new NpgsqlParameter { Value = authority.Number });
        command.Parameters.Add(new NpgsqlParameter { Value = authority.Certificate });
        command.Parameters.Add(new NpgsqlParameter { Value = authority.Key });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }, cancellationToken);

    /// <inheritdoc/>
    public void AddTo(ISiloBuilder silo)
    {
        silo.UseAdoNetClustering(options =>
            (options.Invariant, options.ConnectionString) = (Invariant, ConnectionString));
        silo.AddAdoNetGrainStorage(ClusterStorage.Name, options =>
        {
            options.Invariant = Invariant;
            options.ConnectionString = ConnectionString;
            options.GrainStorageSerializer = new StateSerializer();
        });
    }

    /// <inheritdoc/>
    public void AddTo(IClientBuilder client) => client.UseAdoNetClustering(options =>
        (options.Invariant, options.ConnectionString) = (Invariant, ConnectionString));

    private static NpgsqlConnectionStringBuilder Configure(string url, string schema)
    {
        var settings = PostgresUrl.Parse(url);
        settings.ApplicationName ??= "evergrain-cluster";
        settings.MaxPoolSize = ConnectionsMax;
        settings.Enlist = false;
        settings.Timeout = settings.Timeout is 0 or > TimeoutSeconds ? TimeoutSeconds : settings.Timeout;
        settings.CommandTimeout = TimeoutSeconds;
        settings.Options = $"{settings.Options} {SessionSettings.WordsOf(SessionOf(schema))}";
        return settings;
    }

    // What each session needs. Orleans' statements name OrleansQuery without a schema.
    private static (string Name, string Value)[] SessionOf(string schema) =>
    [
        ("search_path", schema),
        ("synchronous_commit", "on"),
        ("default_transaction_isolation", "read committed"),
        ("lock_timeout", TimeoutMilliseconds),
        ("statement_timeout", TimeoutMilliseconds),
    ];

    private async Task<T> RunAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = new NpgsqlConnection(ConnectionString);
            await connection.OpenAsync(cancellationToken);
            return await work(connection);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException or SocketException)
        {
            throw PostgresFault.Unavailable(e, Place);
        }
    }
}
