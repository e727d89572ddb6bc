using System.Buffers.Binary;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// Lists conversations by their numbers, with the ends of their logs. One connection's statements, for one thread at a
/// time.
/// </summary>
internal sealed class AgedConversations : IDisposable
{
    private const int IdBytes = 16;

    private readonly Statement _list, _last;

    public AgedConversations(sqlite3 database)
    {
        _list = new Statement(database, """
            SELECT i.number, r.tenant, r.id
            FROM conversations i INDEXED BY conversations_by_tenant
            LEFT JOIN conversations r ON r.number = i.number
            WHERE i.tenant = ?1 AND i.number > ?2 ORDER BY i.number LIMIT ?3
            """);
        _last = new Statement(database, $"""
            SELECT i.position, r.conversation, r.position, r.writer,
              substr(r.records, -{JournalBounds.LastTailBytes})
            FROM appends i LEFT JOIN appends r ON r.sequence = i.sequence
            WHERE i.conversation = ?1 ORDER BY i.position DESC LIMIT 1
            """);
    }

    /// <summary>A page of a tenant's conversations.</summary>
    /// <exception cref="JournalCorruptException">An index leads to another tenant's conversation.</exception>
    public IReadOnlyList<AgedConversation> List(string tenant, long behind, int limit) =>
        [.. ListOf(tenant, behind, limit).Select(one => ReadLast(one.Key, one.Number))];

    public void Dispose()
    {
        _list.Dispose();
        _last.Dispose();
    }

    private List<(long Number, ConversationKey Key)> ListOf(string tenant, long behind, int limit)
    {
        var page = new List<(long, ConversationKey)>();
        _list.Bind(1, tenant).Bind(2, behind).Bind(3, limit);
        try
        {
            while (_list.Step())
            {
                if (_list.IsNull(1) || _list.Text(1) != tenant || _list.Bytes(2).Length != IdBytes)
                {
                    throw new JournalCorruptException("an index leads to another tenant's conversation");
                }

                var id = new ConversationId(BinaryPrimitives.ReadUInt128BigEndian(_list.Bytes(2)));
                page.Add((_list.Int64(0), new ConversationKey(tenant, id)));
            }
        }
        finally
        {
            _list.Reset();
        }

        return page;
    }

    /// <summary>The end of its log. Where an index leads to another append, whoever reads the log is told.</summary>
    private AgedConversation ReadLast(ConversationKey key, long number)
    {
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
}
