using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>Whose processes a journal in PostgreSQL is for: a process that runs alone, or one cluster.</summary>
/// <remarks>
/// The session of the process's lock says it, by an advisory lock of two numbers: one is the schema's, the other the
/// owner's. So no row is left over when the last process has ended, and the next owner may be another.
/// </remarks>
public sealed record JournalOwner
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

    private readonly string? _cluster;

    private JournalOwner(string? cluster) => _cluster = cluster;

    /// <summary>A process that lets no other in.</summary>
    public static JournalOwner Alone { get; } = new(cluster: null);

    /// <summary>Whether other processes of the same owner may be there too.</summary>
    public bool IsShared => _cluster is not null;

    /// <summary>What its sessions are called: the server shows it to people.</summary>
    internal string SessionName => IsShared ? $"{NameOfLock} {_cluster}" : NameOfLock;

    /// <summary>The processes of one cluster.</summary>
    /// <param name="id">The cluster's id.</param>
    /// <param name="service">The name under which its grains keep what they keep.</param>
    public static JournalOwner Cluster(string id, string service) => new($"cluster {id}, service {service}");

    /// <summary>Marks a schema as this owner's for as long as the session lasts, unless another's is there.</summary>
    /// <returns>The other one; null: it is this owner's.</returns>
    internal async Task<string?> MarkAsync(NpgsqlConnection session, string schema,
        CancellationToken cancellationToken)
    {
        if (!IsShared)
        {
            // It has the journal's lock to itself.
            return null;
        }

        // One after the other: of two that begin at once, one is there before the other looks.
        var name = $"evergrain owner {schema}";
        await using var transaction = await session.BeginTransactionAsync(cancellationToken);
        await RunAsync(session, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))::text", [name],
            cancellationToken);
        if (await RunAsync(session, Others, [name, _cluster!], cancellationToken) is string other)
        {
            return other.StartsWith(NameOfLock, StringComparison.Ordinal) ? other[NameOfLock.Length..].Trim() : "";
        }

        await RunAsync(session, "SELECT pg_advisory_lock_shared(hashtext($1), hashtext($2))::text", [name, _cluster!],
            cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return null;
    }

    /// <summary>Why a process of this owner is refused.</summary>
    internal string Refusal(string journal, string other) => $"{journal} another cluster or service " +
        $"({(other.Length > 0 ? other : "of another user of the database")}), and this process is of {_cluster}: " +
        "give both the same Cluster:Id and Cluster:Service, or name another schema.";

    private static async Task<object?> RunAsync(
        NpgsqlConnection session, string sql, string[] values, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, session);
        Array.ForEach(values, value => command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = value }));
        return await command.ExecuteScalarAsync(cancellationToken);
    }
}
