using System.Globalization;
using Evergrain.Conversations.Ids;
using Evergrain.Providers.Journals;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>Reads the table of conversations itself, some blocks at a time, and compares the indexes with it.</summary>
internal sealed class PostgresRoster(PostgresConnections connections, string schema)
{
    // 64 KiB, some 250 conversations.
    private const int BlocksMax = 8;

    // A small table is read whole by PostgreSQL, where its indexes would not be looked at.
    private const string ByIndex = "SET LOCAL enable_seqscan = off";

    private readonly string _size = $"""
        SELECT pg_relation_size('"{schema}".conversations') / current_setting('block_size')::bigint
        """;

    private readonly string _rows = $"""
        SELECT h.tenant, h.id, h.number,
          (SELECT i.number FROM "{schema}".conversations i WHERE i.tenant = h.tenant AND i.id = h.id LIMIT 1),
          (SELECT count(*) FROM "{schema}".conversations i WHERE i.tenant = h.tenant AND i.number = h.number)
        FROM "{schema}".conversations h WHERE h.ctid >= $1::text::tid AND h.ctid < $2::text::tid
        """;

    /// <summary>The conversations in the blocks from a number on.</summary>
    public async Task<RosterPage> ReadAsync(long block, CancellationToken cancellationToken)
    {
        try
        {
            return await connections.RunAsync(connections.Reads,
                connection => ReadAsync(connection, block, cancellationToken), since: null, cancellationToken);
        }
        catch (PostgresException e) when (PostgresFault.IsDamage(e))
        {
            return new RosterPage([], block + BlocksMax, $"blocks {block} to {block + BlocksMax - 1} " +
                $"({e.MessageText})");
        }
        catch (Exception e) when (e is NpgsqlException || PostgresFault.IsConnectionLost(e))
        {
            throw PostgresFault.Unavailable(e, connections.Place);
        }
    }

    private async Task<RosterPage> ReadAsync(
        NpgsqlConnection connection, long block, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection, transaction)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand(ByIndex), new NpgsqlBatchCommand(_size), new NpgsqlBatchCommand(_rows),
            },
        };
        batch.BatchCommands[2].Parameters.Add(Place(block));
        batch.BatchCommands[2].Parameters.Add(Place(block + BlocksMax));
        var entries = new List<RosterEntry>();
        await using var rows = await batch.ExecuteReaderAsync(cancellationToken);
        await rows.ReadAsync(cancellationToken);
        var blocks = rows.GetInt64(0);
        await rows.NextResultAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
        {
            entries.Add(Entry(rows));
        }

        return new RosterPage(entries, block + BlocksMax < blocks ? block + BlocksMax : null);
    }

    private static RosterEntry Entry(NpgsqlDataReader row)
    {
        var key = new ConversationKey(row.GetString(0), row.GetGuid(1).ToConversationId());
        var damage = row.IsDBNull(3) ? "no index leads to it"
            : row.GetInt64(3) != row.GetInt64(2) ? "its id stands in the table twice"
            : row.GetInt64(4) == 0 ? "its tenant's list does not have it"
            : null;
        return new RosterEntry(key, damage, IsHidden: row.IsDBNull(3)) { Number = row.GetInt64(2) };
    }

    private static NpgsqlParameter<string> Place(long block) =>
        new() { TypedValue = string.Create(CultureInfo.InvariantCulture, $"({block},0)") };
}
