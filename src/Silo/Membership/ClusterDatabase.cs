using System.Net;
using System.Net.Sockets;
using Evergrain.Conversations.Ports;
using Evergrain.Grains;
using Evergrain.Providers.Postgres;
using Npgsql;
using Orleans.Hosting;

namespace Evergrain.Silo.Membership;

/// <summary>
/// The database where the cluster's processes find each other and grains keep what they keep: the journal's.
/// </summary>
/// <param name="url">The journal's URL; a wrong one is refused at the first use.</param>
/// <param name="schema">The schema that holds the tables.</param>
internal sealed class ClusterDatabase(string url, string schema)
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

    /// <summary>The server's host, or the directory of its Unix socket.</summary>
    public string Host => _settings.Value.Host!;

    /// <summary>The server's port.</summary>
    public int Port => _settings.Value.Port;

    private string ConnectionString => _settings.Value.ToString();

    private PostgresPlace Place => PostgresUrl.PlaceOf(_settings.Value);

    /// <summary>Makes the tables, or checks those that are there.</summary>
    /// <exception cref="JournalUnavailableException">
    /// They cannot be made, or are of a newer version; or a session lacks what it asked for.
    /// </exception>
    public Task PrepareAsync(CancellationToken cancellationToken) => RunAsync(async connection =>
    {
        await SessionSettings.CheckAsync(connection, Place, SessionOf(schema), cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ClusterSchema.MakeOrCheckAsync(connection, Place, schema, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }, cancellationToken);

    /// <summary>What time it is there.</summary>
    /// <exception cref="JournalUnavailableException">It cannot be read.</exception>
    public Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellationToken) => RunAsync(async connection =>
    {
        await using var command = new NpgsqlCommand("SELECT clock_timestamp()", connection);
        return new DateTimeOffset((DateTime)(await command.ExecuteScalarAsync(cancellationToken))!);
    }, cancellationToken);

    /// <summary>The silos of a cluster that said lately that they are alive.</summary>
    /// <exception cref="JournalUnavailableException">They cannot be read.</exception>
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

    /// <summary>The authorities whose certificates the cluster's processes trust, the oldest first.</summary>
    /// <exception cref="JournalUnavailableException">They cannot be read.</exception>
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

    /// <summary>Adds an authority, unless another process has added the one of that number.</summary>
    /// <exception cref="JournalUnavailableException">It may not have been added.</exception>
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

    /// <summary>Lets a silo join, and gives its grains their storage.</summary>
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

    /// <summary>Lets a frontend find silos.</summary>
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

/// <summary>Where a silo of the cluster is.</summary>
/// <param name="Address">The address at which others reach it.</param>
/// <param name="Host">The name of its host.</param>
internal readonly record struct ClusterMemberPlace(IPAddress Address, string Host);

/// <summary>An authority as it is kept: its certificate and its private key, each as PEM.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Certificate">The certificate.</param>
/// <param name="Key">The key, as PKCS #8.</param>
internal sealed record AuthorityText(int Number, string Certificate, string Key);
