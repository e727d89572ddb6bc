using Evergrain.Conversations.Ports;
using Npgsql;
using static Evergrain.Providers.Postgres.SchemaCommands;

namespace Evergrain.Providers.Postgres;

/// <summary>
/// The mark of a schema into which a journal is being copied: a table without a use. No server starts on it.
/// </summary>
internal static class PostgresCopyMark
{
    /// <summary>Refuses a schema that has the mark; one that is to be copied into gets it.</summary>
    /// <exception cref="JournalUnavailableException">
    /// It has the mark, or is to be copied into and has conversations and no mark.
    /// </exception>
    public static async Task CheckAsync(NpgsqlConnection connection, PostgresPlace place,
        PostgresJournalOptions options, CancellationToken cancellationToken)
    {
        var schema = options.Schema;
        if (!options.IsCopyTarget)
        {
            await RefuseAsync(connection, place, schema, cancellationToken);
            return;
        }

        if (await IsThereAsync(connection, schema, cancellationToken))
        {
            return;
        }

        if (await QueryInt64Async(connection,
            $"SELECT EXISTS (SELECT 1 FROM \"{schema}\".conversations)::int::bigint", cancellationToken) != 0)
        {
            throw new JournalUnavailableException($"The {Name(place, schema)} holds conversations, and no unfinished " +
                "copy: copy into an empty schema.");
        }

        await PostgresHistories.DropAsync(connection, schema, cancellationToken);
        await PostgresLifetimes.DropAsync(connection, schema, cancellationToken);
        await ExecuteAsync(connection, $"CREATE TABLE {TableOf(schema)} ()", cancellationToken);
    }

    /// <summary>Refuses a schema that has the mark.</summary>
    /// <exception cref="JournalUnavailableException">It has.</exception>
    public static async Task RefuseAsync(NpgsqlConnection connection, PostgresPlace place, string schema,
        CancellationToken cancellationToken)
    {
        if (await IsThereAsync(connection, schema, cancellationToken))
        {
            throw new JournalUnavailableException($"The {Name(place, schema)} is an unfinished copy: run evergrain " +
                "copy again to its end, or name another schema.");
        }
    }

    /// <summary>Takes the mark away, in the open transaction.</summary>
    public static Task RemoveAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken) =>
        ExecuteAsync(connection, $"DROP TABLE IF EXISTS {TableOf(schema)}", cancellationToken);

    private static Task<bool> IsThereAsync(
        NpgsqlConnection connection, string schema, CancellationToken cancellationToken) =>
        ExistsAsync(connection, $"to_regclass('{TableOf(schema)}')", cancellationToken);

    private static string TableOf(string schema) => $"\"{schema}\".unfinished_copy";

    private static string Name(PostgresPlace place, string schema) =>
        $"journal at {place.Server} (database {place.Database}, schema {schema})";
}
