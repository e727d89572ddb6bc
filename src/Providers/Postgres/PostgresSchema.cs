using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;
using Npgsql;
using static Evergrain.Providers.Postgres.SchemaCommands;

namespace Evergrain.Providers.Postgres;

/// <summary>Makes the tables, or checks those that are there.</summary>
/// <remarks>
/// A conversation's row says where its log ends. It is overwritten by each append; room is left in its page and no
/// index holds what changes, so that the new version lies beside the old one and no index is touched. Appends of up to
/// 8 KB lie in the table itself, larger ones beside it, uncompressed: they are mostly small, and written more often
/// than read. Numbers of conversations are never used twice. Each append names the schema version of its writer: a
/// process of a build before version 2 names none, and gets the default, which is an error that says why.
/// </remarks>
internal static class PostgresSchema
{
    /// <summary>The version that this build makes.</summary>
    public const int Version = 2;

    /// <summary>
    /// Opens the first connection, makes the schema where there is none, and gives the newest format of its records and
    /// whether it has the table of ends of turns.
    /// </summary>
    /// <exception cref="JournalUnavailableException">
    /// The server cannot be reached, refuses, is too old, or the schema or its records are foreign or newer.
    /// </exception>
    public static async Task<(int Format, bool HasHistories)> PrepareAsync(
        PostgresConnections connections, PostgresJournalOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await connections.Writes.OpenConnectionAsync(cancellationToken);
            await CheckServerAsync(connection, connections.Place, options, cancellationToken);
            await SessionSettings.CheckAsync(connection, connections.Place, options, cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await MakeOrCheckAsync(connection, connections.Place, options.Schema, cancellationToken);
            await PostgresCopyMark.CheckAsync(connection, connections.Place, options, cancellationToken);
            var hasHistories = await PostgresHistories.PrepareAsync(
                connection, options.Schema, options.KeepsHistories, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            await PostgresFormat.CheckAsync(connection, connections.Place, options.Schema, cancellationToken);
            return (await PostgresFormat.RaiseAsync(connection, options, cancellationToken), hasHistories);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException
            or System.Net.Sockets.SocketException)
        {
            throw PostgresFault.Unavailable(e, connections.Place);
        }
    }

    /// <summary>Refuses a journal that cannot be read as it is, and changes nothing.</summary>
    /// <exception cref="JournalUnavailableException">
    /// There is none, it is of another version, it is an unfinished copy, or its records are newer.
    /// </exception>
    public static async Task CheckReadableAsync(NpgsqlConnection connection, PostgresPlace place,
        PostgresJournalOptions options, CancellationToken cancellationToken)
    {
        var name = $"journal at {place.Server} (database {place.Database}, schema {options.Schema})";
        if (!await ExistsAsync(connection, $"to_regclass('\"{options.Schema}\".schema_version')", cancellationToken))
        {
            throw new JournalUnavailableException($"There is no {name}: correct the URL.");
        }

        if (await CheckVersionAsync(connection, place, options.Schema, cancellationToken) < Version)
        {
            throw new JournalUnavailableException($"The {name} is of an older build: start the server on it once.");
        }

        await PostgresCopyMark.RefuseAsync(connection, place, options.Schema, cancellationToken);
        await PostgresFormat.CheckAsync(connection, place, options.Schema, cancellationToken);
    }

    private static async Task CheckServerAsync(NpgsqlConnection connection, PostgresPlace place,
        PostgresJournalOptions options, CancellationToken cancellationToken)
    {
        var version = await QueryInt64Async(connection, "SELECT current_setting('server_version_num')::bigint",
            cancellationToken);
        if (version < options.ServerVersionMin)
        {
            throw new JournalUnavailableException($"PostgreSQL at {place.Server} has version " +
                $"{connection.ServerVersion}, this program needs {options.ServerVersionMin / 10_000}: " +
                "use a newer one.");
        }

        if (await QueryInt64Async(connection, "SELECT pg_is_in_recovery()::int::bigint", cancellationToken) != 0)
        {
            throw new JournalUnavailableException(
                $"PostgreSQL at {place.Server} is a standby and takes no writes: name the primary server.");
        }
    }

    private static async Task MakeOrCheckAsync(NpgsqlConnection connection, PostgresPlace place, string schema,
        CancellationToken cancellationToken)
    {
        await LockAsync(connection, schema, cancellationToken);
        if (await ExistsAsync(connection, $"to_regclass('\"{schema}\".schema_version')", cancellationToken))
        {
            if (await CheckVersionAsync(connection, place, schema, cancellationToken) < Version)
            {
                await ExecuteAsync(connection, ToVersion2(schema), cancellationToken);
            }

            await CheckRightsAsync(connection, place, schema, cancellationToken);
            return;
        }

        if (await ExistsAsync(connection, $"to_regclass('\"{schema}\".conversations')", cancellationToken) ||
            await ExistsAsync(connection, $"to_regclass('\"{schema}\".appends')", cancellationToken))
        {
            throw new JournalUnavailableException($"The schema {schema} of the database {place.Database} at " +
                $"{place.Server} holds another program's tables: name another schema.");
        }

        await CreateIfMissingAsync(connection, schema, cancellationToken);
        await ExecuteAsync(connection, Tables(schema) + ToVersion2(schema), cancellationToken);
    }

    private static async Task<long> CheckVersionAsync(NpgsqlConnection connection, PostgresPlace place,
        string schema, CancellationToken cancellationToken)
    {
        var version = await QueryInt64Async(connection, $"SELECT max(version)::bigint FROM \"{schema}\".schema_version",
            cancellationToken);
        if (version > Version)
        {
            throw new JournalUnavailableException($"The journal at {place.Server} (database {place.Database}, schema " +
                $"{schema}) has schema version {version}, this program knows up to {Version}: " +
                "start the newer version that made it.");
        }

        return version;
    }

    private static async Task CheckRightsAsync(NpgsqlConnection connection, PostgresPlace place, string schema,
        CancellationToken cancellationToken)
    {
        var missing = await QueryInt64Async(connection, $"""
            SELECT count(*) FROM unnest(ARRAY['conversations', 'appends', 'schema_version']) AS name,
              unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS word
            WHERE NOT (name = 'appends' AND word = 'UPDATE')
              AND NOT (name = 'schema_version' AND word IN ('INSERT', 'DELETE'))
              AND NOT has_table_privilege(format('"{schema}".%I', name), word)
            """, cancellationToken);
        if (missing > 0)
        {
            throw new JournalUnavailableException($"User {place.User} may not read and write the tables of schema " +
                $"{schema} in the database {place.Database} at {place.Server}: grant SELECT, INSERT, UPDATE, DELETE.");
        }
    }

    private static string Tables(string schema) => $"""
        CREATE TABLE "{schema}".schema_version (version int NOT NULL);
        INSERT INTO "{schema}".schema_version VALUES (1);
        CREATE TABLE "{schema}".conversations (
          number bigint GENERATED ALWAYS AS IDENTITY, id uuid NOT NULL, tenant text COLLATE "C" NOT NULL,
          next bigint NOT NULL, writer bigint NOT NULL,
          PRIMARY KEY (tenant, id), UNIQUE (tenant, number)) WITH (fillfactor = 50);
        CREATE TABLE "{schema}".appends (
          conversation bigint NOT NULL, position bigint NOT NULL, writer bigint NOT NULL, records bytea NOT NULL,
          PRIMARY KEY (conversation, position)) WITH (toast_tuple_target = 8160);
        ALTER TABLE "{schema}".appends ALTER COLUMN records SET STORAGE EXTERNAL;
        """;

    // The column is added before its default is set: existing rows keep none, and nothing is written anew.
    private static string ToVersion2(string schema) => $"""
        ALTER TABLE "{schema}".schema_version ADD COLUMN format int NOT NULL DEFAULT {RecordFormat.First};
        UPDATE "{schema}".schema_version SET version = 2;
        CREATE FUNCTION "{schema}".refuse_older_build() RETURNS smallint LANGUAGE plpgsql AS $$ BEGIN
          RAISE EXCEPTION 'the journal has schema version 2, which this process is too old for: stop the process';
          END $$;
        ALTER TABLE "{schema}".appends ADD COLUMN schema_version smallint;
        ALTER TABLE "{schema}".appends ALTER COLUMN schema_version SET DEFAULT "{schema}".refuse_older_build();
        {TotalsTable.Create(PostgresTotals.TableOf(schema), "text COLLATE \"C\"", "bigint")};
        """;
}
