using Evergrain.Providers.Journals;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>The mark of a schema: whose processes are there.</summary>
/// <remarks>
/// The session of the process's lock says it, by an advisory lock of two numbers: one is the schema's, the other the
/// owner's. So no row is left over when the last process has ended, and the next owner may be another.
/// </remarks>
internal static class OwnerMark
{
    private const string NameOfLock = "evergrain-lock";

    // Two names that PostgreSQL makes the same number of are let in together: one pair in four billion.
    private const string Others = """
        SELECT coalesce(min(a.application_name), '') FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
        WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND l.classid::bigint = hashtext($1)::bigint & 4294967295
          AND l.objid::bigint <> hashtext($2)::bigint & 4294967295
        HAVING count(*) > 0
        """;

    // Another user's session shows no name.
    private const string Unnamed = "of another user of the database";

    /// <summary>What an owner's sessions are called: the server shows it to people.</summary>
    public static string SessionNameOf(JournalOwner owner) =>
        owner.IsShared ? $"{NameOfLock} {owner.Name}" : NameOfLock;

    /// <summary>Marks a schema as an owner's for as long as the session lasts, unless another's is there.</summary>
    /// <returns>The other one; null: it is this owner's.</returns>
    public static async Task<string?> MarkAsync(
        JournalOwner owner, NpgsqlConnection session, string schema, CancellationToken cancellationToken)
    {
        if (owner.Name is not { } own)
        {
            // It has the journal's lock to itself.
            return null;
        }

        // One after the other: of two that begin at once, one is there before the other looks.
        var name = $"evergrain owner {schema}";
        await using var transaction = await session.BeginTransactionAsync(cancellationToken);
        await RunAsync(session, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))::text", [name],
            cancellationToken);
        if (await RunAsync(session, Others, [name, own], cancellationToken) is string other)
        {
            other = other.StartsWith(NameOfLock, StringComparison.Ordinal) ? other[NameOfLock.Length..].Trim() : "";
            return other.Length > 0 ? other : Unnamed;
        }

        await RunAsync(session, "SELECT pg_advisory_lock_shared(hashtext($1), hashtext($2))::text", [name, own],
            cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return null;
    }

    private static async Task<object?> RunAsync(
        NpgsqlConnection session, string sql, string[] values, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, session);
        Array.ForEach(values, value => command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = value }));
        return await command.ExecuteScalarAsync(cancellationToken);
    }
}
