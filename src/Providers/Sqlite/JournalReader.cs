using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Journals;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>One connection that only reads, with its statements. One thread at a time uses it.</summary>
internal sealed class JournalReader : IDisposable
{
    // A page of a read: enough to make the change of thread cheap, little enough to hold while its reader is slow.
    private const int PageCountMax = 256;
    private const int PageBytesMax = 256 << 10;

    // A disk may be slow: no transaction takes 100 ms, unless one append does.
    private static readonly TimeSpan PageTimeMax = TimeSpan.FromMilliseconds(50);

    private readonly SqliteConnection _connection;
    private readonly ConversationRows _rows;
    private readonly ConversationsByNumber _list;
    private readonly Statement _begin, _end, _read, _totals;
    private NewestConversations? _newest;
    private AgedConversations? _aged;
    private SqliteRoster? _roster;
    private HistoryRows? _histories;

    public JournalReader(string file, HiddenConversations hidden)
    {
        _connection = JournalDatabase.OpenReader(file);
        var database = _connection.Handle!;
        _begin = new Statement(database, "BEGIN");
        _end = new Statement(database, "COMMIT");
        _rows = new ConversationRows(database, hidden);
        _read = new Statement(database, """
            SELECT i.position, r.conversation, r.position, r.writer, r.records
            FROM appends i LEFT JOIN appends r ON r.sequence = i.sequence
            WHERE i.conversation = ?1 AND i.position >= ?2 ORDER BY i.position
            """);
        _list = new ConversationsByNumber(database, isNewestFirst: false);
        _totals = new Statement(database, TotalsTable.Get(TotalsTable.Name));
    }

    /// <summary>The next appends, if the conversation is still the one that was begun with (0: any).</summary>
    /// <exception cref="PositionTakenException">The log never ended at <paramref name="from"/>.</exception>
    /// <exception cref="JournalCorruptException">The log is damaged.</exception>
    public JournalPage Read(ConversationKey key, JournalEnd from, long begunWith)
    {
        try
        {
            // All statements see one moment: else a delete in between could show a half-cleaned conversation. After a
            // failure nobody uses this connection, so its transaction need not be ended.
            _begin.Run();
            var found = _rows.Find(key);
            if (begunWith == 0 && !Holds(found, from))
            {
                throw new PositionTakenException(key, from);
            }

            var page = found is not { } row || (begunWith != 0 && row.Number != begunWith)
                ? JournalPage.Nothing
                : ReadPage(row, from.Position);
            _end.Run();
            return page;
        }
        catch (SqliteException e) when (e.SqliteErrorCode == raw.SQLITE_CORRUPT)
        {
            throw new JournalCorruptException(e.Message, e);
        }
    }

    public IReadOnlyList<ConversationId> List(string tenant, ConversationId? after, int limit)
    {
        var previous = after is { } id ? _rows.Find(new ConversationKey(tenant, id)) : default(ConversationRow);
        return previous is { } row ? [.. ListOldest(tenant, row.Number, limit).Select(static one => one.Key.Id)] : [];
    }

    /// <summary>The number of a conversation; null: there is none.</summary>
    public long? FindNumber(ConversationKey key) => _rows.Find(key)?.Number;

    /// <summary>A page of conversations, newest first.</summary>
    public JournalListing ListNewest(IReadOnlyList<string> tenants, long before, int limit) =>
        (_newest ??= new NewestConversations(_connection.Handle!)).List(tenants, before, limit);

    /// <summary>The tenants that have conversations.</summary>
    public IReadOnlyList<string> ListTenants(int limit) =>
        (_newest ??= new NewestConversations(_connection.Handle!)).ListTenants(limit);

    /// <summary>A page of the conversations of a tenant, oldest first.</summary>
    public IReadOnlyList<NumberedConversation> ListOldest(string tenant, long behind, int limit) =>
        _list.List(tenant, behind, limit);

    /// <summary>How some conversations end.</summary>
    public IReadOnlyList<AgedConversation> ReadAges(IReadOnlyList<NumberedConversation> some) =>
        [.. some.Select((_aged ??= new AgedConversations(_connection.Handle!)).Read)];

    /// <summary>The lifetimes that the last start had.</summary>
    public IReadOnlyList<KeptLifetime> ReadLifetimes() => LifetimeTable.Read(_connection.Handle!);

    /// <summary>The turn with the first of some keys.</summary>
    public HistoryEntry? FindHistory(string tenant, IReadOnlyList<Digest> keys, ulong hint) =>
        (_histories ??= new HistoryRows(_connection.Handle!)).Find(tenant, keys, hint);

    /// <summary>How far the older conversations of a tenant are in the index.</summary>
    public long? ReadFilled(string tenant) =>
        (_histories ??= new HistoryRows(_connection.Handle!)).ReadFilled(tenant);

    public TurnCounts ReadTotals(string tenant)
    {
        _totals.Bind(1, tenant);
        try
        {
            return _totals.Step() ? TotalsTable.Read(_totals.Int64) : default;
        }
        finally
        {
            _totals.Reset();
        }
    }

    /// <summary>A part of the table of conversations, and the heads that it should have.</summary>
    public (RosterPage Page, List<(long Conversation, long Next)> Lagging) ReadRoster(long behind)
    {
        // The scan of the table is its transaction: COMMIT would report damage that the roster has met already.
        _roster ??= new SqliteRoster(_connection.Handle!);
        return _roster.Read(behind);
    }

    public void Dispose()
    {
        _roster?.Dispose();
        _histories?.Dispose();
        _newest?.Dispose();
        _aged?.Dispose();
        _begin.Dispose();
        _end.Dispose();
        _rows.Dispose();
        _read.Dispose();
        _list.Dispose();
        _totals.Dispose();
        _connection.Dispose();
    }

    private bool Holds(ConversationRow? row, JournalEnd end) => end == JournalEnd.None || (row is { } found &&
        end.Position > 0 && _rows.WriterOf(found.Number, end.Position - 1) == end.LastWriter);

    private JournalPage ReadPage(ConversationRow row, long from)
    {
        var entries = new List<JournalEntry>();
        var bytes = 0L;
        var begun = TimeProvider.System.GetTimestamp();
        _read.Bind(1, row.Number).Bind(2, from);
        try
        {
            while (_read.Step())
            {
                var position = from + entries.Count;
                if (_read.Int64(0) != position)
                {
                    throw new JournalCorruptException($"append {position} is missing");
                }

                ConversationRows.CheckRow(_read.IsNull(1), (_read.Int64(1), _read.Int64(2)), (row.Number, position));
                var records = _read.Bytes(4).ToArray();
                entries.Add(new JournalEntry(position, (ulong)_read.Int64(3), records));
                bytes += records.Length;
                if (entries.Count >= PageCountMax || bytes >= PageBytesMax ||
                    TimeProvider.System.GetElapsedTime(begun) >= PageTimeMax)
                {
                    return new JournalPage(row.Number, entries, HasMore: true);
                }
            }
        }
        finally
        {
            _read.Reset();
        }

        ConversationRows.CheckHead(from + entries.Count, row);
        return new JournalPage(row.Number, entries, HasMore: false);
    }
}
