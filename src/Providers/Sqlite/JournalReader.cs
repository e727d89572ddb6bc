using System.Buffers.Binary;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Journals;
using Microsoft.Data.Sqlite;

namespace Evergrain.Providers.Sqlite;

/// <summary>One connection that only reads, with its statements. One thread at a time uses it.</summary>
internal sealed class JournalReader : IDisposable
{
    // A page of a read: enough to make the change of thread cheap, little enough to hold while its reader is slow.
    private const int PageCountMax = 256;
    private const int PageBytesMax = 256 << 10;

    private readonly string _file;
    private readonly SqliteConnection _connection;
    private readonly Statement _begin, _end, _find, _writer, _read, _list, _totals;

    public JournalReader(string file)
    {
        _file = file;
        _connection = JournalDatabase.OpenReader(file);
        var database = _connection.Handle!;
        _begin = new Statement(database, "BEGIN");
        _end = new Statement(database, "COMMIT");
        _find = new Statement(database, "SELECT number FROM conversations WHERE tenant = ?1 AND id = ?2");
        _writer = new Statement(database, "SELECT writer FROM appends WHERE conversation = ?1 AND position = ?2");
        _read = new Statement(database, """
            SELECT position, writer, records FROM appends WHERE conversation = ?1 AND position >= ?2 ORDER BY position
            """);
        _list = new Statement(database, """
            SELECT id FROM conversations WHERE tenant = ?1 AND number > ?2 ORDER BY number LIMIT ?3
            """);
        _totals = new Statement(database, TotalsTable.Get(TotalsTable.Name));
    }

    /// <summary>The next appends, if the conversation is still the one that was begun with (0: any).</summary>
    /// <exception cref="PositionTakenException">The log never ended at <paramref name="from"/>.</exception>
    public JournalPage Read(ConversationKey key, JournalEnd from, long begunWith)
    {
        // Both statements see one moment: else a delete in between could show a half-cleaned conversation.
        _begin.Run();
        try
        {
            var conversation = Find(key);
            if (begunWith == 0 && !Holds(conversation, from))
            {
                throw new PositionTakenException(key, from);
            }

            return conversation == 0 || (begunWith != 0 && conversation != begunWith)
                ? JournalPage.Nothing
                : ReadPage(conversation, from.Position);
        }
        finally
        {
            _end.Run();
        }
    }

    public IReadOnlyList<ConversationId> List(string tenant, ConversationId? after, int limit)
    {
        var page = new List<ConversationId>();
        var previous = after is { } id ? Find(new ConversationKey(tenant, id)) : 0;
        if (after is not null && previous == 0)
        {
            return page;
        }

        _list.Bind(1, tenant).Bind(2, previous).Bind(3, limit);
        try
        {
            while (_list.Step())
            {
                page.Add(new ConversationId(BinaryPrimitives.ReadUInt128BigEndian(_list.Bytes(0))));
            }
        }
        finally
        {
            _list.Reset();
        }

        return page;
    }

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

    public void Dispose()
    {
        _begin.Dispose();
        _end.Dispose();
        _find.Dispose();
        _writer.Dispose();
        _read.Dispose();
        _list.Dispose();
        _totals.Dispose();
        _connection.Dispose();
    }

    private bool Holds(long conversation, JournalEnd end) => end == JournalEnd.None || (end.Position > 0 &&
        _writer.Bind(1, conversation).Bind(2, end.Position - 1).FirstInt64() is { } writer &&
        (ulong)writer == end.LastWriter);

    private JournalPage ReadPage(long conversation, long from)
    {
        var entries = new List<JournalEntry>();
        var bytes = 0L;
        _read.Bind(1, conversation).Bind(2, from);
        try
        {
            while (_read.Step())
            {
                var position = _read.Int64(0);
                if (position != from + entries.Count)
                {
                    throw new JournalUnavailableException(
                        $"The journal {_file} is damaged (append {from + entries.Count} is missing): " +
                        "restore it from a backup.");
                }

                var records = _read.Bytes(2).ToArray();
                entries.Add(new JournalEntry(position, (ulong)_read.Int64(1), records));
                bytes += records.Length;
                if (entries.Count >= PageCountMax || bytes >= PageBytesMax)
                {
                    return new JournalPage(conversation, entries, HasMore: true);
                }
            }
        }
        finally
        {
            _read.Reset();
        }

        return new JournalPage(conversation, entries, HasMore: false);
    }

    private long Find(ConversationKey key)
    {
        Span<byte> id = stackalloc byte[16];
        WriteTables.WriteId(key.Id, id);
        return _find.Bind(1, key.Tenant).Bind(2, id).FirstInt64() ?? 0;
    }
}
