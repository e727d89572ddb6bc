using Evergrain.Conversations.Ports;
using Evergrain.Grains;
using Evergrain.Providers.Postgres;
using Npgsql;
using Orleans.Hosting;

namespace Evergrain.Silo.Membership;

/// <summary>The database of membership and of grains' state: connections as Orleans opens them, and its schema.</summary>
internal sealed class ClusterDatabase
{
    /// <summary>Npgsql's name in Orleans.</summary>
    public const string Invariant = "Npgsql";

    // A silo asks now and then, one thing at a time; a refresh and a write may meet.
    private const int ConnectionsMax = 8;

    // Shorter than a probe's silence makes a silo dead several times over: Orleans asks again.
    private const int TimeoutSeconds = 5;

    private readonly PostgresPlace _place;
    private readonly string _schema;

    /// <summary>The database at a URL.</summary>
    /// <param name="url">Where it is.</param>
    /// <param name="schema">The schema that holds the tables.</param>
    /// <exception cref="JournalUnavailableException">The URL is wrong.</exception>
    public ClusterDatabase(string url, string schema)
    {
        var settings = PostgresUrl.Parse(url);
        _schema = schema;
        _place = new PostgresPlace(settings.Host!.StartsWith('/') ? settings.Host : $"{settings.Host}:{settings.Port}",
            settings.Database!, settings.Username!);

        // Orleans names OrleansQuery without a schema.
        settings.SearchPath = schema;
        settings.ApplicationName ??= "evergrain-cluster";
        settings.MaxPoolSize = ConnectionsMax;
        settings.Enlist = false;
        settings.Timeout = settings.Timeout is 0 or > TimeoutSeconds ? TimeoutSeconds : settings.Timeout;
        settings.CommandTimeout = TimeoutSeconds;
        settings.Options = $"{settings.Options} -c synchronous_commit=on -c lock_timeout={TimeoutSeconds}s " +
            $"-c statement_timeout={TimeoutSeconds}s -c default_transaction_isolation=read\\ committed";
        ConnectionString = settings.ToString();
    }

    /// <summary>For Orleans. Holds the password.</summary>
    public string ConnectionString { get; }

    /// <summary>Makes the tables, or checks those that are there.</summary>
    /// <exception cref="JournalUnavailableException">They cannot be made, or are of a newer version.</exception>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = new NpgsqlConnection(ConnectionString);
            await connection.OpenAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await ClusterSchema.MakeOrCheckAsync(connection, _place, _schema, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException
            or System.Net.Sockets.SocketException)
        {
            throw PostgresFault.Unavailable(e, _place);
        }
    }

    /// <summary>Gives a silo's grains their storage.</summary>
    public void AddStorageTo(ISiloBuilder silo) => silo.AddAdoNetGrainStorage(ClusterStorage.Name, options =>
    {
        options.Invariant = Invariant;
        options.ConnectionString = ConnectionString;
    });
}
