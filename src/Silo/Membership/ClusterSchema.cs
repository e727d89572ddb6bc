using Evergrain.Conversations.Ports;
using Evergrain.Providers.Postgres;
using Npgsql;
using static Evergrain.Providers.Postgres.SchemaCommands;

namespace Evergrain.Silo.Membership;

/// <summary>Makes the cluster's tables and statements, or checks those that are there.</summary>
/// <remarks>
/// Orleans knows no table but <c>OrleansQuery</c>: there it looks its statements up by name. The statements are
/// versioned with the tables, so processes of one database must be of versions that know the same.
/// </remarks>
internal static class ClusterSchema
{
    private const int SchemaVersion = 1;

    /// <summary>Does so within the transaction that is open.</summary>
    /// <exception cref="JournalUnavailableException">They are of a newer version, or another program's.</exception>
    public static async Task MakeOrCheckAsync(NpgsqlConnection connection, PostgresPlace place, string schema,
        CancellationToken cancellationToken)
    {
        // The lock under which the journal's tables are made.
        await LockAsync(connection, schema, cancellationToken);
        if (await ExistsAsync(connection, $"to_regclass('\"{schema}\".cluster_version')", cancellationToken))
        {
            await CheckAsync(connection, place, schema, cancellationToken);
            await AddAuthoritiesAsync(connection, schema, cancellationToken);
            return;
        }

        if (await ExistsAsync(connection, $"to_regclass('\"{schema}\".orleansquery')", cancellationToken))
        {
            throw new JournalUnavailableException($"The schema {schema} of the database {place.Database} at " +
                $"{place.Server} holds another program's OrleansQuery: name another schema.");
        }

        await CreateIfMissingAsync(connection, schema, cancellationToken);
        await ExecuteAsync(connection, Tables(schema), cancellationToken);
        foreach (var (name, text) in ClusterStatements.All)
        {
            await using var command = new NpgsqlCommand(
                $"INSERT INTO \"{schema}\".OrleansQuery (QueryKey, QueryText) VALUES ($1, $2)", connection);
            command.Parameters.Add(new NpgsqlParameter { Value = name });
            command.Parameters.Add(new NpgsqlParameter { Value = text });
            await command.ExecuteNonQueryAsync(cancellationToken);
        }

        await AddAuthoritiesAsync(connection, schema, cancellationToken);
    }

    // Tables of an earlier build lack it. It is no new version of them: an earlier build goes on with them.
    private static async Task AddAuthoritiesAsync(NpgsqlConnection connection, string schema,
        CancellationToken cancellationToken)
    {
        if (!await ExistsAsync(connection, $"to_regclass('\"{schema}\".authorities')", cancellationToken))
        {
            await ExecuteAsync(connection, $"""
                CREATE TABLE "{schema}".authorities (
                  number int PRIMARY KEY, certificate text NOT NULL, key text NOT NULL);
                """, cancellationToken);
        }
    }

    private static async Task CheckAsync(NpgsqlConnection connection, PostgresPlace place, string schema,
        CancellationToken cancellationToken)
    {
        var version = await QueryInt64Async(connection,
            $"SELECT max(version)::bigint FROM \"{schema}\".cluster_version", cancellationToken);
        if (version > SchemaVersion)
        {
            throw new JournalUnavailableException($"The cluster's tables at {place.Server} (database " +
                $"{place.Database}, schema {schema}) have version {version}, this program knows up to " +
                $"{SchemaVersion}: start the newer version that made them.");
        }
    }

    // A member is a process: the same address again, later, is another one. The row of its cluster counts the changes
    // to the list, and whoever changes the list must have seen the last.
    private static string Tables(string schema) => $"""
        CREATE TABLE "{schema}".cluster_version (version int NOT NULL);
        INSERT INTO "{schema}".cluster_version VALUES ({SchemaVersion});
        CREATE TABLE "{schema}".OrleansQuery (QueryKey text PRIMARY KEY, QueryText text NOT NULL);
        CREATE TABLE "{schema}".clusters (id text COLLATE "C" PRIMARY KEY, version int NOT NULL);
        CREATE TABLE "{schema}".silos (
          cluster text COLLATE "C" NOT NULL REFERENCES "{schema}".clusters ON DELETE CASCADE,
          address text COLLATE "C" NOT NULL, port int NOT NULL, generation int NOT NULL,
          name text NOT NULL, host text NOT NULL, gateway_port int NOT NULL, status int NOT NULL,
          suspected text, started timestamptz NOT NULL, alive timestamptz NOT NULL,
          PRIMARY KEY (cluster, address, port, generation));
        CREATE TABLE "{schema}".grain_states (
          service text COLLATE "C" NOT NULL, type text COLLATE "C" NOT NULL,
          key_0 bigint NOT NULL, key_1 bigint NOT NULL, key_text text COLLATE "C" NOT NULL,
          version int NOT NULL, state bytea, written timestamptz NOT NULL DEFAULT now(),
          PRIMARY KEY (service, type, key_0, key_1, key_text));
        """;
}
