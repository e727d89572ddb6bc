using Evergrain.Conversations.Ports;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>How logs end. One connection's statement, for one thread at a time.</summary>
internal sealed class AgedConversations(sqlite3 database) : IDisposable
{
    // The appends of a deleted conversation may still be there.
    private readonly Statement _last = new(database, $"""
        SELECT i.position, r.conversation, r.position, r.writer,
          substr(r.records, -{JournalBounds.LastTailBytes})
        FROM appends i LEFT JOIN appends r ON r.sequence = i.sequence
        WHERE i.conversation = ?1 AND EXISTS (SELECT 1 FROM conversations WHERE number = ?1)
        ORDER BY i.position DESC LIMIT 1
        """);

    /// <summary>The end of a log. Where an index leads to another append, a reader of the log is told.</summary>
    public AgedConversation Read(NumberedConversation one)
    {
        var (key, number) = one;
        _last.Bind(1, number);
        try
        {
            return _last.Step() && !_last.IsNull(1) && (_last.Int64(1), _last.Int64(2)) == (number, _last.Int64(0))
                ? new AgedConversation(key, number, new JournalEnd(_last.Int64(0) + 1, (ulong)_last.Int64(3)),
                    _last.Bytes(4).ToArray())
                : new AgedConversation(key, number, JournalEnd.None, default);
        }
        finally
        {
            _last.Reset();
        }
    }

    public void Dispose() => _last.Dispose();
}
