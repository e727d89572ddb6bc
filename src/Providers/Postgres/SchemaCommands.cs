using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>What making a schema's tables takes, whoever's they are.</summary>
internal static class SchemaCommands
{
    /// <summary>
    /// Whoever makes or checks tables of a schema at the same time comes one after the other, until the transaction
    /// ends.
    /// </summary>
    public static Task LockAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken) =>
        ExecuteAsync(connection, $"SELECT pg_advisory_xact_lock(hashtextextended('evergrain {schema}', 0))",
            cancellationToken);

    /// <summary>Makes the schema, if it is not there.</summary>
    public static async Task CreateIfMissingAsync(NpgsqlConnection connection, string schema,
        CancellationToken cancellationToken)
    {
        if (!await ExistsAsync(connection, $"to_regnamespace('\"{schema}\"')", cancellationToken))
        {
            await ExecuteAsync(connection, $"CREATE SCHEMA \"{schema}\"", cancellationToken);
        }
    }

    /// <summary>Whether an expression such as <c>to_regclass('name')</c> is not null.</summary>
    public static async Task<bool> ExistsAsync(NpgsqlConnection connection, string expression,
        CancellationToken cancellationToken) =>
        await QueryInt64Async(connection, $"SELECT ({expression} IS NOT NULL)::int::bigint", cancellationToken) != 0;

    /// <summary>A statement's one number.</summary>
    public static async Task<long> QueryInt64Async(NpgsqlConnection connection, string sql,
        CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Runs a statement.</summary>
    public static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
