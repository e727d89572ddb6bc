using System.Buffers.Binary;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// Lists the conversations of a tenant by their numbers, which grow with each that begins: the oldest first, or the
/// newest. One connection's statement, for one thread at a time.
/// </summary>
internal sealed class ConversationsByNumber(sqlite3 database, bool isNewestFirst) : IDisposable
{
    private const int IdBytes = 16;

    private readonly Statement _list = new(database, $"""
        SELECT i.number, r.tenant, r.id
        FROM conversations i INDEXED BY conversations_by_tenant
        LEFT JOIN conversations r ON r.number = i.number
        WHERE i.tenant = ?1 AND i.number {(isNewestFirst ? '<' : '>')} ?2
        ORDER BY i.number {(isNewestFirst ? "DESC" : "ASC")} LIMIT ?3
        """);

    /// <summary>A page behind a number, in this order.</summary>
    /// <exception cref="JournalCorruptException">An index leads to another tenant's conversation.</exception>
    public List<NumberedConversation> List(string tenant, long behind, int limit)
    {
        var page = new List<NumberedConversation>();
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
                page.Add(new NumberedConversation(new ConversationKey(tenant, id), _list.Int64(0)));
            }
        }
        finally
        {
            _list.Reset();
        }

        return page;
    }

    public void Dispose() => _list.Dispose();
}
