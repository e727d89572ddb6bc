using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// Lists conversations by their numbers, which grow with each that begins. One connection's statements, for one thread
/// at a time.
/// </summary>
internal sealed class NewestConversations : IDisposable
{
    // SQLite reads a whole append for its end. A page stops at this many bytes, and has one conversation at least.
    private const long PageBytesMax = 16 << 20;

    private readonly ConversationsByNumber _list;
    private readonly Statement _first, _tenants;

    public NewestConversations(sqlite3 database)
    {
        _list = new ConversationsByNumber(database, isNewestFirst: true);
        _first = new Statement(database, $"""
            SELECT r.conversation, r.position, length(r.records),
              CASE WHEN length(r.records) <= ?2 THEN substr(r.records, -{JournalBounds.FirstTailBytes}) END
            FROM appends i LEFT JOIN appends r ON r.sequence = i.sequence
            WHERE i.conversation = ?1 AND i.position = 0
            """);
        _tenants = new Statement(database, """
            WITH RECURSIVE names (tenant) AS (
              SELECT min(tenant) FROM conversations
              UNION ALL
              SELECT (SELECT min(c.tenant) FROM conversations c WHERE c.tenant > names.tenant)
              FROM names WHERE names.tenant IS NOT NULL)
            SELECT tenant FROM names WHERE tenant IS NOT NULL LIMIT ?1
            """);
    }

    /// <summary>A page of the conversations of tenants.</summary>
    /// <exception cref="JournalCorruptException">An index leads to another tenant's conversation.</exception>
    public JournalListing List(IReadOnlyList<string> tenants, long before, int limit)
    {
        var newest = tenants.SelectMany(tenant => _list.List(tenant, before, limit))
            .OrderByDescending(static log => log.Number).Take(limit);
        var found = new List<ListedConversation>();
        var left = PageBytesMax;
        foreach (var (key, number) in newest)
        {
            if (ReadFirst(number, found.Count == 0 ? long.MaxValue : left, out var bytes) is not { } tail)
            {
                return new JournalListing(found, HasMore: true);
            }

            left -= bytes;
            found.Add(new ListedConversation(key, number, tail));
        }

        return new JournalListing(found, HasMore: false);
    }

    /// <summary>The tenants that have conversations.</summary>
    public IReadOnlyList<string> ListTenants(int limit)
    {
        var names = new List<string>();
        _tenants.Bind(1, limit);
        try
        {
            while (_tenants.Step())
            {
                names.Add(_tenants.Text(0));
            }
        }
        finally
        {
            _tenants.Reset();
        }

        return names;
    }

    public void Dispose()
    {
        _list.Dispose();
        _first.Dispose();
        _tenants.Dispose();
    }

    /// <summary>
    /// The end of a first append; empty: it is missing, or an index leads to another one. Null: it is too long.
    /// </summary>
    private ReadOnlyMemory<byte>? ReadFirst(long number, long bytesMax, out long bytes)
    {
        bytes = 0;
        _first.Bind(1, number).Bind(2, bytesMax);
        try
        {
            if (!_first.Step() || _first.IsNull(0) || _first.Int64(0) != number || _first.Int64(1) != 0)
            {
                return ReadOnlyMemory<byte>.Empty;
            }

            bytes = _first.Int64(2);
            if (_first.IsNull(3))
            {
                return null;
            }

            return _first.Bytes(3).ToArray();
        }
        finally
        {
            _first.Reset();
        }
    }
}
