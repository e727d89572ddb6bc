using System.Data;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>Reads pages of logs and lists, each with one statement, and so as they are at one moment.</summary>
/// <param name="connections">Where to.</param>
/// <param name="options">The schema and the bounds.</param>
/// <param name="hidden">Conversations that no index leads to.</param>
/// <param name="away">Is told each time that nothing can be read. A create reads before anything is written.</param>
internal sealed class PostgresReader(PostgresConnections connections, PostgresJournalOptions options,
    HiddenConversations hidden, Action<JournalUnavailableException>? away = null)
{
    // A page of a read: enough to make the round trip cheap, little enough to hold while its reader is slow.
    private const int PageCountMax = 256;
    private const int PageBytesMax = 512 << 10;

    private readonly ReadGate _gate = new(options.ReadersMax);

    // A row that is there even if no append follows, with the log's end and who wrote the append before. The server
    // adds up the sizes, so that a page of large appends is not sent to be thrown away. A damaged index leads to other
    // rows, so what was asked for is read from the rows and compared.
    private readonly string _read = $"""
        SELECT c.number, c.next, c.writer, c.tenant, c.id, b.writer, a.position, a.conversation, a.writer, a.records
        FROM "{options.Schema}".conversations c
        LEFT JOIN "{options.Schema}".appends b ON b.conversation = c.number AND b.position = $3 - 1
        LEFT JOIN LATERAL (
          SELECT position, conversation, writer, records FROM (
            SELECT position, conversation, writer, records, sum(octet_length(records)) OVER
              (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM (
              SELECT position, conversation, writer, records FROM "{options.Schema}".appends
              WHERE conversation = c.number AND position >= $3 ORDER BY position LIMIT {PageCountMax}) counted) summed
          WHERE before IS NULL OR before < {PageBytesMax}) a ON true
        WHERE c.tenant = $1 AND c.id = $2 AND ($4 = 0 OR c.number = $4)
        ORDER BY a.position
        """;

    private readonly string _list = $"""
        SELECT id FROM "{options.Schema}".conversations WHERE tenant = $1 ORDER BY number LIMIT $2
        """;

    private readonly string _listAfter = $"""
        SELECT id FROM "{options.Schema}".conversations WHERE tenant = $1 AND number >
          (SELECT number FROM "{options.Schema}".conversations WHERE tenant = $1 AND id = $3)
        ORDER BY number LIMIT $2
        """;

    private readonly string _number = $"""
        SELECT number FROM "{options.Schema}".conversations WHERE tenant = $1 AND id = $2
        """;

    private readonly string _newest = $"""
        SELECT l.number, l.tenant, l.id,
          substring(a.records FROM greatest(1, octet_length(a.records) - {JournalBounds.FirstTailBytes - 1}))
        FROM (
          SELECT c.number, c.tenant, c.id FROM unnest($1) AS t(tenant)
          CROSS JOIN LATERAL (
            SELECT number, tenant, id FROM "{options.Schema}".conversations
            WHERE tenant = t.tenant AND number < $2 ORDER BY number DESC LIMIT $3) c
          ORDER BY c.number DESC LIMIT $3) l
        LEFT JOIN "{options.Schema}".appends a ON a.conversation = l.number AND a.position = 0
        ORDER BY l.number DESC
        """;

    // Goes from name to name by the index.
    private readonly string _tenants = $"""
        WITH RECURSIVE names AS (
          (SELECT tenant FROM "{options.Schema}".conversations ORDER BY tenant LIMIT 1)
          UNION ALL
          SELECT (SELECT c.tenant FROM "{options.Schema}".conversations c WHERE c.tenant > names.tenant
            ORDER BY c.tenant LIMIT 1)
          FROM names WHERE names.tenant IS NOT NULL)
        SELECT tenant FROM names WHERE tenant IS NOT NULL LIMIT $1
        """;

    /// <summary>The next appends, if the conversation is still the one that was begun with (0: any).</summary>
    /// <exception cref="PositionTakenException">The log never ended at <paramref name="from"/>.</exception>
    public Task<JournalPage> ReadAsync(ConversationKey key, JournalEnd from, long begunWith,
        CancellationToken cancellationToken) => RunAsync(async connection =>
    {
        await using var command = new NpgsqlCommand(_read, connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = key.Tenant });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = key.Id.ToGuid() });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = from.Position });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = begunWith });

        // Sequential: records of 64 MiB are read into their array and nowhere else.
        await using var rows = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellationToken);
        if (await rows.ReadAsync(cancellationToken))
        {
            return await ReadPageAsync(rows, key, from, cancellationToken);
        }

        hidden.Check(key);
        return begunWith != 0 || from == JournalEnd.None ? JournalPage.Nothing
            : throw new PositionTakenException(key, from);
    }, cancellationToken);

    public Task<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
        CancellationToken cancellationToken) => RunAsync<IReadOnlyList<ConversationId>>(async connection =>
    {
        await using var command = new NpgsqlCommand(after is null ? _list : _listAfter, connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = tenant });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = limit });
        if (after is { } id)
        {
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = id.ToGuid() });
        }

        var page = new List<ConversationId>();
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
        {
            page.Add(rows.GetGuid(0).ToConversationId());
        }

        return page;
    }, cancellationToken);

    /// <summary>The number of a conversation; null: there is none.</summary>
    public Task<long?> FindNumberAsync(ConversationKey key, CancellationToken cancellationToken) =>
        RunAsync(async connection =>
    {
        await using var command = new NpgsqlCommand(_number, connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = key.Tenant });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = key.Id.ToGuid() });
        return (long?)await command.ExecuteScalarAsync(cancellationToken);
    }, cancellationToken);

    /// <summary>A page of the conversations of tenants, newest first.</summary>
    public Task<JournalListing> ListNewestAsync(IReadOnlyList<string> tenants, long before, int limit,
        CancellationToken cancellationToken) => RunAsync(async connection =>
    {
        await using var command = new NpgsqlCommand(_newest, connection);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. tenants] });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = before });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = limit });
        var found = new List<ListedConversation>();
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
        {
            var key = new ConversationKey(rows.GetString(1), rows.GetGuid(2).ToConversationId());
            var tail = await rows.IsDBNullAsync(3, cancellationToken)
                ? []
                : await rows.GetFieldValueAsync<byte[]>(3, cancellationToken);
            found.Add(new ListedConversation(key, rows.GetInt64(0), tail));
        }

        return found.Exists(log => !tenants.Contains(log.Key.Tenant, StringComparer.Ordinal))
            ? throw new JournalCorruptException("an index leads to another tenant's conversation")
            : new JournalListing(found, HasMore: false);
    }, cancellationToken);

    /// <summary>The tenants that have conversations.</summary>
    public Task<IReadOnlyList<string>> ListTenantsAsync(int limit, CancellationToken cancellationToken) =>
        RunAsync<IReadOnlyList<string>>(async connection =>
    {
        await using var command = new NpgsqlCommand(_tenants, connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = limit });
        var names = new List<string>();
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
        {
            names.Add(rows.GetString(0));
        }

        return names;
    }, cancellationToken);

    /// <summary>Waits for the reads under way and allows no more.</summary>
    public Task CloseAsync() => _gate.CloseAsync();

    private Task<T> RunAsync<T>(Func<NpgsqlConnection, Task<T>> read, CancellationToken cancellationToken)
    {
        var askedAt = connections.Now();
        return _gate.RunAsync(async () =>
        {
            try
            {
                return await connections.RunAsync(connections.Reads, read, askedAt, cancellationToken);
            }
            catch (PostgresException e) when (PostgresFault.IsDamage(e))
            {
                throw new JournalCorruptException(e.MessageText, e);
            }
            catch (Exception e) when (e is NpgsqlException || PostgresFault.IsConnectionLost(e))
            {
                var failure = PostgresFault.Unavailable(e, connections.Place);
                if (PostgresFault.HindersAll(e))
                {
                    away?.Invoke(failure);
                }

                throw failure;
            }
        }, cancellationToken);
    }

    private static async Task<JournalPage> ReadPageAsync(NpgsqlDataReader rows, ConversationKey key, JournalEnd from,
        CancellationToken cancellationToken)
    {
        var entries = new List<JournalEntry>();
        var (number, head) = (rows.GetInt64(0), new JournalEnd(rows.GetInt64(1), (ulong)rows.GetInt64(2)));
        if (rows.GetString(3) != key.Tenant || rows.GetGuid(4).ToConversationId() != key.Id)
        {
            throw new JournalCorruptException("an index leads to another conversation");
        }

        var before = await rows.IsDBNullAsync(5, cancellationToken) ? (ulong?)null : (ulong)rows.GetInt64(5);
        if (from.Position > 0 ? before != from.LastWriter : from != JournalEnd.None)
        {
            throw new PositionTakenException(key, from);
        }

        do
        {
            if (await rows.IsDBNullAsync(6, cancellationToken))
            {
                break;
            }

            var position = rows.GetInt64(6);
            CheckNext(position, from.Position + entries.Count);
            if (rows.GetInt64(7) != number)
            {
                throw new JournalCorruptException($"append {position} is another conversation's");
            }

            var writer = (ulong)rows.GetInt64(8);
            var records = await rows.GetFieldValueAsync<byte[]>(9, cancellationToken);
            entries.Add(new JournalEntry(position, writer, records));
        }
        while (await rows.ReadAsync(cancellationToken));

        // The head and the appends are of one moment: where appends are left, at least one was to come.
        var end = entries.Count == 0 ? from : JournalEnd.Behind(entries[^1]);
        CheckNext(entries.Count == 0 && end.Position < head.Position ? head.Position : end.Position, end.Position);
        return end.Position < head.Position || end == head
            ? new JournalPage(number, entries, HasMore: end.Position < head.Position)
            : throw new JournalCorruptException($"the log has {end.Position} appends, its head tells of " +
                $"{head.Position} or of another writer");
    }

    private static void CheckNext(long position, long expected)
    {
        if (position != expected)
        {
            throw new JournalCorruptException($"append {expected} is missing");
        }
    }
}
