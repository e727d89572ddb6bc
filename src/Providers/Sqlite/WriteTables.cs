using System.Buffers.Binary;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Copying;
using Evergrain.Providers.Journals;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>The statements that write, and what the writer remembers of the tables. One thread uses it.</summary>
internal sealed class WriteTables : IDisposable
{
    // Ends of conversations remembered, about 150 bytes each; when full, all are forgotten and looked up again.
    private const int EndsMax = 16_384;

    // One clean-up transaction: appends are held up by it for a few milliseconds.
    private const int SweepCountMax = 256;
    private const int SweepBytesMax = 4 << 20;

    // How long appends wait for readers so that the log can be cut. A page is read within 100 ms.
    private const int ScrubMilliseconds = 100;

    private const string OfRows = "FROM appends i CROSS JOIN appends r ON r.sequence = i.sequence " +
        "WHERE i.conversation = ?1 AND r.conversation = ?1";

    // A number and an end that no log has.
    private const long Damaged = -1;

    private readonly SqliteConnection _connection;
    private readonly sqlite3 _database;
    private readonly List<Statement> _statements = [];
    private readonly Dictionary<ConversationKey, (long Conversation, JournalEnd End)> _ends = [];

    // Of conversations whose rows tell of fewer appends: how many there are.
    private readonly Dictionary<long, long> _heads = [];
    private readonly ConversationRows _rows;
    private readonly HistoryTable? _histories;
    private readonly Statement _begin, _commit, _rollback;
    private readonly Statement _create, _append, _head;
    private readonly Statement _remove, _drop, _dropped, _isLive, _sizes, _sweep, _swept, _totals, _try;
    private long _nextConversation;

    /// <summary>Prepares the statements.</summary>
    /// <param name="connection">The connection, which it owns.</param>
    /// <param name="hidden">Conversations that no index leads to.</param>
    /// <param name="histories">The table of ends of turns, which it owns; null: there is none.</param>
    public WriteTables(SqliteConnection connection, HiddenConversations hidden, HistoryTable? histories)
    {
        (_connection, _histories) = (connection, histories);
        _database = connection.Handle!;
        _begin = Prepare("BEGIN IMMEDIATE");
        _commit = Prepare("COMMIT");
        _rollback = Prepare("ROLLBACK");
        _rows = new ConversationRows(_database, hidden);
        _create = Prepare("INSERT INTO conversations (number, tenant, id) VALUES (?1, ?2, ?3)");
        _append = Prepare("INSERT INTO appends (conversation, position, writer, records) VALUES (?1, ?2, ?3, ?4)");
        _head = Prepare("UPDATE conversations SET next = ?2 WHERE number = ?1 AND next < ?2");
        _remove = Prepare("DELETE FROM conversations WHERE number = ?1");
        _drop = Prepare("INSERT INTO dropped (conversation) VALUES (?1)");
        _dropped = Prepare("SELECT conversation FROM dropped LIMIT 1");

        // A damaged index leads to appends of other conversations, so the rows themselves are asked whose they are.
        _sizes = Prepare($"SELECT i.position, length(r.records) {OfRows} ORDER BY i.position");
        _sweep = Prepare(
            $"DELETE FROM appends WHERE sequence IN (SELECT r.sequence {OfRows} AND i.position <= ?2)");
        _isLive = Prepare("SELECT 1 FROM conversations WHERE number = ?1");
        _swept = Prepare("DELETE FROM dropped WHERE conversation = ?1");
        _totals = Prepare(TotalsTable.Add(TotalsTable.Name));
        _try = Prepare(JournalDatabase.WriteVersion);

        // Never a number still to be swept, nor, while this process lives, one that a reader may be following. Appends
        // whose conversation a damaged table has lost must not get another one.
        _nextConversation = 1 + Statement.ExecuteInt64(_database, """
            SELECT max((SELECT coalesce(max(number), 0) FROM conversations),
              (SELECT coalesce(max(conversation), 0) FROM dropped),
              (SELECT coalesce(max(conversation), 0) FROM appends))
            """);
    }

    public void Begin() => _begin.Run();

    public void Commit() => _commit.Run();

    /// <summary>Undoes what SQLite has not undone by itself, and forgets what was remembered of it.</summary>
    public void Rollback()
    {
        _ends.Clear();
        _heads.Clear();
        if (raw.sqlite3_get_autocommit(_database) == 0)
        {
            _rollback.Run();
        }
    }

    /// <summary>Stores an append in the open transaction; false if the log does not end where it should.</summary>
    public bool TryAppend(ConversationKey key, JournalEnd believed, ulong writer, ReadOnlySpan<byte> records)
    {
        var (conversation, end) = FindEnd(key);
        if (believed != end)
        {
            return false;
        }

        if (conversation == 0)
        {
            conversation = Create(key);
        }

        _append.Bind(1, conversation).Bind(2, end.Position).Bind(3, (long)writer).Bind(4, records).Run();
        Remember(key, conversation, new JournalEnd(end.Position + 1, writer));
        _heads[conversation] = end.Position + 1;
        return true;
    }

    /// <summary>
    /// Takes a conversation away in the open transaction; its appends are swept later, unseen. False: it was not
    /// there; null: it does not end where it should, and stays.
    /// </summary>
    public bool? TryDelete(ConversationKey key, JournalEnd believed)
    {
        var (conversation, end) = FindEnd(key);
        if (conversation == 0)
        {
            return false;
        }

        if (believed != end)
        {
            return null;
        }

        _ends.Remove(key);
        _heads.Remove(conversation);
        _histories?.ForgetAll(conversation);
        _remove.Bind(1, conversation).Run();
        _drop.Bind(1, conversation).Run();
        return true;
    }

    /// <summary>Takes turns out of the index, in the open transaction that deletes them.</summary>
    public void Forget(ConversationKey key, IReadOnlyList<int> turns)
    {
        foreach (var turn in turns)
        {
            _histories?.Forget(key.Tenant, FindEnd(key).Conversation, turn);
        }
    }

    /// <summary>Adds ends of turns to the index in the open transaction.</summary>
    public void AddHistories(HistoryBatch batch)
    {
        foreach (var entry in batch.Entries)
        {
            var conversation = FindEnd(new ConversationKey(entry.Tenant, entry.Response.Conversation)).Conversation;
            if (conversation > 0)
            {
                _histories?.Add(conversation, entry);
            }
        }

        if (batch.Older is { } older)
        {
            AddOlder(older, batch.CountMax);
        }

        foreach (var tenant in batch.Entries.Select(static entry => entry.Tenant).Distinct(StringComparer.Ordinal))
        {
            _histories?.Trim(tenant, batch.CountMax);
        }
    }

    /// <summary>Adds a report to a tenant's totals in the open transaction, unless it was added before.</summary>
    public void AddTotals(string tenant, TenantReport report)
    {
        _totals.Bind(1, tenant);
        foreach (var (index, value) in TotalsTable.ValuesOf(report).Index())
        {
            _totals.Bind(index + 2, value);
        }

        _totals.Run();
    }

    /// <summary>
    /// Replaces what tenants used, in the open transaction, and takes the mark of an unfinished copy away.
    /// </summary>
    public void EndCopy(IReadOnlyList<TenantTotal> totals)
    {
        Statement.Execute(_database, $"DELETE FROM {TotalsTable.Name}");
        foreach (var total in totals)
        {
            AddTotals(total.Tenant, total.Sum);
        }

        SqliteCopyMark.Remove(_database);
    }

    /// <summary>Keeps the lifetimes of a start, in the open transaction.</summary>
    public void KeepLifetimes(LifetimeStart start) =>
        start.Kept = LifetimeTable.Keep(_database, start.Rules, start.Now);

    /// <summary>Cleans up a bounded part of one deleted conversation; false if none is left.</summary>
    public bool Sweep()
    {
        if (_dropped.FirstInt64() is not { } conversation)
        {
            return false;
        }

        // A damaged entry may name a conversation that nobody deleted.
        var last = _isLive.Bind(1, conversation).FirstInt64() is null ? LastToSweep(conversation) : null;
        Begin();
        if (last is { } position)
        {
            _sweep.Bind(1, conversation).Bind(2, position).Run();
        }
        else
        {
            _swept.Bind(1, conversation).Run();
        }

        Commit();
        return true;
    }

    /// <summary>Writes heads, in the open transaction, into rows that tell of fewer appends.</summary>
    public void RaiseHeads(IEnumerable<(long Conversation, long Next)> heads)
    {
        foreach (var (conversation, next) in heads)
        {
            _head.Bind(1, conversation).Bind(2, next).Run();
        }
    }

    /// <summary>
    /// Writes into the rows of conversations how many appends they have. An index that hides the last ones is then
    /// found out. With each append that would cost a page; here many appends share one.
    /// </summary>
    public void KeepHeads()
    {
        if (_heads.Count == 0)
        {
            return;
        }

        Begin();
        RaiseHeads(_heads.Select(static head => (head.Key, head.Value)));
        Commit();
        _heads.Clear();
    }

    /// <summary>Copies the write-ahead log into the database file, as far as readers let it.</summary>
    public void Checkpoint() => Statement.Check(_database,
        raw.sqlite3_wal_checkpoint_v2(_database, "main", raw.SQLITE_CHECKPOINT_PASSIVE, out _, out _));

    /// <summary>
    /// Copies all of the write-ahead log into the database file and cuts the log, so that nothing deleted is left in
    /// either. False: a reader was in the way, and appends have waited long enough.
    /// </summary>
    public bool TryScrub()
    {
        Statement.Check(_database, raw.sqlite3_busy_timeout(_database, ScrubMilliseconds));
        try
        {
            var result = raw.sqlite3_wal_checkpoint_v2(
                _database, "main", raw.SQLITE_CHECKPOINT_TRUNCATE, out _, out _);
            if (result != raw.SQLITE_BUSY)
            {
                Statement.Check(_database, result);
            }

            return result == raw.SQLITE_OK;
        }
        finally
        {
            Statement.Check(_database, raw.sqlite3_busy_timeout(_database, JournalDatabase.BusyMilliseconds));
        }
    }

    /// <summary>Writes one page, to learn whether that can be done.</summary>
    public void Try() => _try.Run();

    /// <summary>Pages written to the write-ahead log since the last call.</summary>
    public int TakePagesWritten()
    {
        Statement.Check(_database,
            raw.sqlite3_db_status(_database, raw.SQLITE_DBSTATUS_CACHE_WRITE, out var pages, out _, 1));
        return pages;
    }

    public void Dispose()
    {
        foreach (var statement in _statements)
        {
            statement.Dispose();
        }

        _rows.Dispose();
        _histories?.Dispose();
        _connection.Dispose();
    }

    internal static void WriteId(ConversationId id, Span<byte> bytes) =>
        BinaryPrimitives.WriteUInt128BigEndian(bytes, id.Value);

    private void AddOlder(OlderPage page, int countMax)
    {
        foreach (var (key, end, entries) in page.Conversations)
        {
            var (conversation, endNow) = FindEnd(key);
            foreach (var entry in endNow == end && conversation > 0 ? entries : [])
            {
                _histories?.AddOlder(conversation, entry);
            }
        }

        _histories?.Fill(page, countMax);
    }

    private (long Conversation, JournalEnd End) FindEnd(ConversationKey key)
    {
        if (_ends.TryGetValue(key, out var known))
        {
            return known;
        }

        try
        {
            return _rows.Find(key) is { } row
                ? Remember(key, row.Number, _rows.ReadEnd(row))
                : (0, JournalEnd.None);
        }
        catch (JournalCorruptException)
        {
            // Nobody's end: the write is refused, and its conversation meets the damage when it reads its log.
            return (Damaged, new JournalEnd(Damaged, 0));
        }
    }

    private long Create(ConversationKey key)
    {
        Span<byte> id = stackalloc byte[16];
        WriteId(key.Id, id);
        _create.Bind(1, _nextConversation).Bind(2, key.Tenant).Bind(3, id).Run();
        return _nextConversation++;
    }

    private (long Conversation, JournalEnd End) Remember(
        ConversationKey key, long conversation, JournalEnd end)
    {
        if (_ends.Count >= EndsMax)
        {
            _ends.Clear();
        }

        _ends[key] = (conversation, end);
        return (conversation, end);
    }

    private long? LastToSweep(long conversation)
    {
        long? last = null;
        var bytes = 0L;
        _sizes.Bind(1, conversation);
        try
        {
            for (var count = 0; count < SweepCountMax && bytes < SweepBytesMax && _sizes.Step(); count++)
            {
                last = _sizes.Int64(0);
                bytes += _sizes.Int64(1);
            }
        }
        finally
        {
            _sizes.Reset();
        }

        return last;
    }

    private Statement Prepare(string sql)
    {
        var statement = new Statement(_database, sql);
        _statements.Add(statement);
        return statement;
    }
}
