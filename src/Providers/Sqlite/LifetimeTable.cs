using Evergrain.Conversations.Ports;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// The table of lifetimes and since when they count, beside the journal's. A start with a lifetime makes it. Builds
/// that do not know it pass it over.
/// </summary>
internal static class LifetimeTable
{
    private const string Table = "lifetimes";

    /// <summary>Replaces the rows in the open transaction; see <see cref="ILifetimeStore"/>.</summary>
    public static IReadOnlyList<KeptLifetime> Keep(
        sqlite3 database, IReadOnlyList<LifetimeRule> rules, DateTimeOffset now)
    {
        var before = Read(database);
        var kept = KeptLifetime.Next(before, rules, now);
        if (kept.Count + before.Count == 0)
        {
            return kept;
        }

        Statement.Execute(database, $"""
            CREATE TABLE IF NOT EXISTS {Table} (
              tenant TEXT PRIMARY KEY, milliseconds INTEGER NOT NULL, since INTEGER NOT NULL) STRICT
            """);
        Statement.Execute(database, $"DELETE FROM {Table}");
        using var add = new Statement(database, $"INSERT INTO {Table} VALUES (?1, ?2, ?3)");
        foreach (var one in kept)
        {
            add.Bind(1, one.Tenant).Bind(2, (long)one.Lifetime.TotalMilliseconds)
                .Bind(3, one.Since.ToUnixTimeMilliseconds()).Run();
        }

        return kept;
    }

    /// <summary>The rows; none where no start made the table.</summary>
    public static IReadOnlyList<KeptLifetime> Read(sqlite3 database)
    {
        var kept = new List<KeptLifetime>();
        if (Statement.ExecuteInt64(
            database, $"SELECT count(*) FROM sqlite_schema WHERE name = '{Table}'") == 0)
        {
            return kept;
        }

        using var rows = new Statement(database, $"SELECT tenant, milliseconds, since FROM {Table}");
        while (rows.Step())
        {
            kept.Add(new KeptLifetime(rows.Text(0), TimeSpan.FromMilliseconds(rows.Int64(1)),
                DateTimeOffset.FromUnixTimeMilliseconds(rows.Int64(2))));
        }

        return kept;
    }

    /// <summary>Takes the table out of an empty journal: what is copied into it counts from its first start.</summary>
    public static void Drop(sqlite3 database) => Statement.Execute(database, $"DROP TABLE IF EXISTS {Table}");
}
