using Evergrain.Conversations.Ports;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// The mark of a database into which a journal is being copied: a table without a use. No server starts on it.
/// </summary>
internal static class SqliteCopyMark
{
    private const string Table = "unfinished_copy";

    /// <summary>Refuses a database that has the mark.</summary>
    /// <exception cref="JournalUnavailableException">It has.</exception>
    public static void Refuse(sqlite3 database, string file)
    {
        if (Exists(database))
        {
            throw new JournalUnavailableException($"The journal {file} is an unfinished copy: run evergrain copy " +
                "again to its end, or name another directory.");
        }
    }

    /// <summary>Makes the mark in an empty journal.</summary>
    /// <exception cref="JournalUnavailableException">There are conversations, and no mark.</exception>
    public static void Make(sqlite3 database, string file)
    {
        if (Exists(database))
        {
            return;
        }

        if (Statement.ExecuteInt64(database, "SELECT EXISTS (SELECT 1 FROM conversations)") != 0)
        {
            throw new JournalUnavailableException($"The journal {file} holds conversations, and no unfinished copy: " +
                "copy into an empty directory.");
        }

        HistoryTable.Drop(database);
        LifetimeTable.Drop(database);
        Statement.Execute(database, $"CREATE TABLE {Table} (mark INTEGER) STRICT");
    }

    /// <summary>Takes the mark away, in the open transaction.</summary>
    public static void Remove(sqlite3 database) => Statement.Execute(database, $"DROP TABLE IF EXISTS {Table}");

    private static bool Exists(sqlite3 database) => Statement.ExecuteInt64(database,
        $"SELECT count(*) FROM sqlite_schema WHERE name = '{Table}'") != 0;
}
