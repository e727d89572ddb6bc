using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// Finds conversations and the ends of their logs. One connection's statements, for one thread at a time.
/// </summary>
/// <remarks>
/// A damaged index leads to another row, or to none, and SQLite does not notice. So an index gives the row's number
/// alone; what is used comes from the row itself and is compared with what was asked for.
/// </remarks>
internal sealed class ConversationRows : IDisposable
{
    private readonly HiddenConversations _hidden;
    private readonly Statement _find, _end, _writer;

    public ConversationRows(sqlite3 database, HiddenConversations hidden)
    {
        _hidden = hidden;
        _find = new Statement(database, """
            SELECT i.number, r.tenant, r.id, r.next
            FROM conversations i LEFT JOIN conversations r ON r.number = i.number
            WHERE i.tenant = ?1 AND i.id = ?2
            """);
        _end = new Statement(database, """
            SELECT i.position, r.conversation, r.position, r.writer
            FROM appends i LEFT JOIN appends r ON r.sequence = i.sequence
            WHERE i.conversation = ?1 ORDER BY i.position DESC LIMIT 1
            """);
        _writer = new Statement(database, """
            SELECT r.writer FROM appends i CROSS JOIN appends r ON r.sequence = i.sequence
            WHERE i.conversation = ?1 AND i.position = ?2
            """);
    }

    /// <summary>The row of a conversation; null: there is none.</summary>
    /// <exception cref="JournalCorruptException">
    /// The index led to another row, or to none though there is one.
    /// </exception>
    public ConversationRow? Find(ConversationKey key)
    {
        Span<byte> id = stackalloc byte[16];
        WriteTables.WriteId(key.Id, id);
        _find.Bind(1, key.Tenant).Bind(2, id);
        try
        {
            if (!_find.Step())
            {
                _hidden.Check(key);
                return null;
            }

            return _find.IsNull(1) || _find.Text(1) != key.Tenant || !_find.Bytes(2).SequenceEqual(id)
                ? throw new JournalCorruptException("an index leads to another conversation")
                : new ConversationRow(_find.Int64(0), _find.Int64(3));
        }
        finally
        {
            _find.Reset();
        }
    }

    /// <summary>Where a conversation's log ends.</summary>
    /// <exception cref="JournalCorruptException">
    /// The index led to another append, or hides the last ones.
    /// </exception>
    public JournalEnd ReadEnd(ConversationRow row)
    {
        _end.Bind(1, row.Number);
        try
        {
            var end = JournalEnd.None;
            if (_end.Step())
            {
                var position = _end.Int64(0);
                CheckRow(_end.IsNull(1), (_end.Int64(1), _end.Int64(2)), (row.Number, position));
                end = new JournalEnd(position + 1, (ulong)_end.Int64(3));
            }

            CheckHead(end.Position, row);
            return end;
        }
        finally
        {
            _end.Reset();
        }
    }

    /// <summary>Who wrote an append; null: it is not there.</summary>
    public ulong? WriterOf(long conversation, long position) =>
        (ulong?)_writer.Bind(1, conversation).Bind(2, position).FirstInt64();

    /// <summary>Refuses an append that is not the one that its index entry names.</summary>
    public static void CheckRow(bool isMissing, (long Conversation, long Position) row,
        (long Conversation, long Position) entry)
    {
        if (isMissing || row != entry)
        {
            throw new JournalCorruptException($"an index leads to another append than append {entry.Position}");
        }
    }

    /// <summary>Refuses a log that ends before the last append that the conversation's row tells of.</summary>
    public static void CheckHead(long end, ConversationRow row)
    {
        if (end < row.Next)
        {
            throw new JournalCorruptException($"append {end} is missing, the last one was {row.Next - 1} or later");
        }
    }

    public void Dispose()
    {
        _find.Dispose();
        _end.Dispose();
        _writer.Dispose();
    }
}

/// <summary>A conversation that the database holds.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Next">How many appends its log has at least: it is raised now and then, not with each append.</param>
internal readonly record struct ConversationRow(long Number, long Next);
