using System.Buffers.Binary;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// The table of ends of turns, beside the journal's. Builds that do not know it pass it over: what they delete is then
/// left in it, and a look-up does not find it.
/// </summary>
/// <remarks>
/// A turn that is deleted before its entry was added leaves a row without a key, so that the entry does not come later.
/// The entries of a tenant have numbers that grow with each, so that the oldest are found without counting. A turn may
/// have two rows: see <see cref="HistoryEntry.Rows"/>.
/// </remarks>
internal sealed class HistoryTable : IDisposable
{
    // A bound that was lowered makes many old at once: the next batches take the others.
    private const int TrimMax = 512;

    // The row of no tenant says before which conversation the index does not know any: those behind it come by
    // themselves.
    private static readonly string[] Schema =
    [
        "BEGIN IMMEDIATE",
        """
        CREATE TABLE histories (
          tenant TEXT NOT NULL, number INTEGER NOT NULL, conversation INTEGER NOT NULL, turn INTEGER NOT NULL,
          tag INTEGER NOT NULL, key BLOB, hint INTEGER NOT NULL, PRIMARY KEY (tenant, number)) STRICT, WITHOUT ROWID
        """,
        "CREATE UNIQUE INDEX histories_by_turn ON histories (conversation, turn)",
        "CREATE INDEX histories_by_key ON histories (tenant, key)",
        "DROP TABLE IF EXISTS histories_filled",
        "CREATE TABLE histories_filled (tenant TEXT PRIMARY KEY, before INTEGER NOT NULL) STRICT",
        "INSERT INTO histories_filled SELECT '', coalesce(max(number), 0) + 1 FROM conversations",
        "COMMIT",
    ];

    private readonly Statement _add, _older, _filled, _trim, _forget, _mark, _forgetAll, _changes;

    public HistoryTable(sqlite3 database)
    {
        const string Next = "coalesce(max(number), 0) + 1";
        _add = new Statement(database, $"""
            INSERT OR IGNORE INTO histories (tenant, number, conversation, turn, tag, key, hint)
            SELECT ?1, {Next}, ?2, ?3, ?4, ?5, ?6 FROM histories WHERE tenant = ?1
            """);
        _older = new Statement(database, """
            INSERT OR IGNORE INTO histories (tenant, number, conversation, turn, tag, key, hint)
            SELECT ?1, coalesce(min(number), 1) - 1, ?2, ?3, ?4, ?5, ?6 FROM histories WHERE tenant = ?1
            """);
        _filled = new Statement(database, """
            INSERT INTO histories_filled (tenant, before) VALUES (?1, CASE WHEN
              (SELECT max(number) FROM histories WHERE tenant = ?1) -
              (SELECT min(number) FROM histories WHERE tenant = ?1) + 1 >= ?3 THEN 0 ELSE ?2 END)
            ON CONFLICT (tenant) DO UPDATE SET before = excluded.before
            """);
        _trim = new Statement(database, $"""
            DELETE FROM histories WHERE tenant = ?1 AND number <= min(
              (SELECT max(number) FROM histories WHERE tenant = ?1) - ?2,
              (SELECT min(number) FROM histories WHERE tenant = ?1) + {TrimMax - 1})
            """);
        _forget = new Statement(database, "DELETE FROM histories WHERE conversation = ?1 AND turn IN (?2, -?2)");
        _mark = new Statement(database, $"""
            INSERT OR IGNORE INTO histories (tenant, number, conversation, turn, tag, hint)
            SELECT ?1, {Next}, ?2, ?3, 0, 0 FROM histories WHERE tenant = ?1
            """);
        _forgetAll = new Statement(database, "DELETE FROM histories WHERE conversation = ?1");
        _changes = new Statement(database, "SELECT changes()");
    }

    /// <summary>Makes it where it is wanted.</summary>
    /// <returns>Whether it is there.</returns>
    public static bool Prepare(sqlite3 database, bool isWanted)
    {
        if (Statement.ExecuteInt64(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'histories'") > 0)
        {
            return true;
        }

        foreach (var statement in isWanted ? Schema : [])
        {
            Statement.Execute(database, statement);
        }

        return isWanted;
    }

    /// <summary>Takes the index of an empty journal away: it counts conversations that come later as known.</summary>
    public static void Drop(sqlite3 database)
    {
        Statement.Execute(database, "DROP TABLE IF EXISTS histories");
        Statement.Execute(database, "DROP TABLE IF EXISTS histories_filled");
    }

    /// <summary>Adds the end of a turn of a conversation.</summary>
    public void Add(long conversation, HistoryEntry entry) => Add(_add, conversation, entry);

    /// <summary>Adds the end of a turn of a conversation as the oldest.</summary>
    public void AddOlder(long conversation, HistoryEntry entry) => Add(_older, conversation, entry);

    /// <summary>Notes how far the older conversations are indexed.</summary>
    public void Fill(OlderPage page, int countMax) =>
        _filled.Bind(1, page.Tenant).Bind(2, page.Before).Bind(3, countMax).Run();

    /// <summary>Takes a tenant's oldest out.</summary>
    public void Trim(string tenant, int countMax) => _trim.Bind(1, tenant).Bind(2, countMax).Run();

    /// <summary>Takes a turn out that is deleted.</summary>
    public void Forget(string tenant, long conversation, int turn)
    {
        _forget.Bind(1, conversation).Bind(2, turn).Run();
        if (_changes.FirstInt64() is 0 or null)
        {
            _mark.Bind(1, tenant).Bind(2, conversation).Bind(3, turn).Run();
        }
    }

    /// <summary>Takes all of a conversation out.</summary>
    public void ForgetAll(long conversation) => _forgetAll.Bind(1, conversation).Run();

    public void Dispose()
    {
        _add.Dispose();
        _older.Dispose();
        _filled.Dispose();
        _trim.Dispose();
        _forget.Dispose();
        _mark.Dispose();
        _forgetAll.Dispose();
        _changes.Dispose();
    }

    private void Add(Statement statement, long conversation, HistoryEntry entry)
    {
        foreach (var (turn, key) in entry.Rows)
        {
            statement.Bind(1, entry.Tenant).Bind(2, conversation).Bind(3, turn).Bind(4, entry.Response.Turn.Tag)
                .Bind(5, key.AsSpan()).Bind(6, (long)entry.Mark.Hint).Run();
            if (_changes.FirstInt64() is 0 or null)
            {
                // It is known or was deleted, and so its other row is not to come.
                return;
            }
        }
    }
}

/// <summary>Finds turns in that table. One connection's statements, for one thread at a time.</summary>
internal sealed class HistoryRows(sqlite3 database) : IDisposable
{
    private const int LooksMax = 64;

    // Whose row is not there was deleted by a build that does not know the table. Without the index's name SQLite walks
    // all entries of the tenant for each key, since the table has them in the order that is asked for.
    private readonly Statement _find = new(database, $"""
        SELECT c.id, h.turn, h.tag, h.hint FROM (
          SELECT conversation, turn, tag, hint, number FROM histories INDEXED BY histories_by_key
          WHERE tenant = ?1 AND key = ?2 ORDER BY number DESC LIMIT {LooksMax}) h
        JOIN conversations c ON c.number = h.conversation AND c.tenant = ?1
        ORDER BY (h.hint = ?3 AND ?3 <> 0) DESC, h.number DESC LIMIT 1
        """);

    private readonly Statement _filled = new(database,
        "SELECT before FROM histories_filled WHERE tenant IN (?1, '') ORDER BY tenant DESC LIMIT 1");

    /// <summary>See <see cref="IHistoryStore.ClaimAsync"/>.</summary>
    public long? ReadFilled(string tenant) => _filled.Bind(1, tenant).FirstInt64();

    /// <summary>See <see cref="IHistoryStore.FindAsync"/>.</summary>
    public HistoryEntry? Find(string tenant, IReadOnlyList<Digest> keys, ulong hint)
    {
        foreach (var key in keys)
        {
            _find.Bind(1, tenant).Bind(2, key.AsSpan()).Bind(3, (long)hint);
            try
            {
                if (_find.Step())
                {
                    var conversation = new ConversationId(BinaryPrimitives.ReadUInt128BigEndian(_find.Bytes(0)));
                    return HistoryEntry.OfRow(tenant, conversation, ((int)_find.Int64(1), (int)_find.Int64(2)),
                        new HistoryMark(key, (ulong)_find.Int64(3)));
                }
            }
            finally
            {
                _find.Reset();
            }
        }

        return null;
    }

    public void Dispose()
    {
        _find.Dispose();
        _filled.Dispose();
    }
}
