using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>
/// The table of ends of turns, beside the journal's. Builds that do not know it pass it over; the database itself takes
/// out what belongs to a conversation that anyone deletes.
/// </summary>
/// <remarks>
/// A turn that is deleted before its entry was added leaves a row without a key, so that the entry does not come later.
/// The entries of a tenant have numbers that grow, so that the oldest are found without counting. Processes add one
/// after the other, since two would give the same numbers. A turn may have two rows:
/// see <see cref="HistoryEntry.Rows"/>.
/// </remarks>
internal sealed class PostgresHistories(PostgresConnections connections, string schema)
{
    private const string Table = "histories";
    private const string Filled = "histories_filled";
    private const int LooksMax = 64;

    // A bound that was lowered makes many old at once: the next batches take the others.
    private const int TrimMax = 512;

    // Nobody waits for the disk: what a crash of the server loses is missed by nobody.
    private readonly string _begin = $"""
        SELECT set_config('synchronous_commit', 'off', true),
          pg_advisory_xact_lock(hashtextextended('evergrain histories {schema}', 0))::text
        """;

    // A conversation that another session deletes now waits for this transaction, or is not there any more.
    private readonly string _add = $"""
        INSERT INTO "{schema}".{Table} (tenant, number, conversation, turn, tag, key, hint)
        SELECT e.tenant, coalesce((SELECT max(h.number) FROM "{schema}".{Table} h WHERE h.tenant = e.tenant), 0) +
          e.place, c.number, e.turn, e.tag, e.key, e.hint
        FROM (
          SELECT *, row_number() OVER (PARTITION BY tenant ORDER BY line) AS place
          FROM unnest($1, $2, $3, $4, $5, $6) WITH ORDINALITY AS g(tenant, id, turn, tag, key, hint, line)) e
        JOIN "{schema}".conversations c ON c.tenant = e.tenant COLLATE "C" AND c.id = e.id
        ORDER BY c.tenant, c.id FOR KEY SHARE OF c
        ON CONFLICT (conversation, turn) DO NOTHING
        """;

    private readonly string _trim = $"""
        DELETE FROM "{schema}".{Table} h USING unnest($1) AS t(tenant)
        WHERE h.tenant = t.tenant COLLATE "C" AND h.number <= least(
          (SELECT max(number) FROM "{schema}".{Table} WHERE tenant = t.tenant COLLATE "C") - $2,
          (SELECT min(number) FROM "{schema}".{Table} WHERE tenant = t.tenant COLLATE "C") + {TrimMax - 1})
        """;

    // An append of a conversation that was read waits for this transaction; one that came first is seen.
    private readonly string _older = $"""
        INSERT INTO "{schema}".{Table} (tenant, number, conversation, turn, tag, key, hint)
        SELECT $1, coalesce((SELECT min(h.number) FROM "{schema}".{Table} h WHERE h.tenant = $1), 1) - e.line,
          c.number, e.turn, e.tag, e.key, e.hint
        FROM unnest($2, $3, $4, $5, $6, $7, $8) WITH ORDINALITY
          AS e(id, next, writer, turn, tag, key, hint, line)
        JOIN "{schema}".conversations c ON c.tenant = $1 AND c.id = e.id AND c.next = e.next AND c.writer = e.writer
        ORDER BY c.tenant, c.id FOR NO KEY UPDATE OF c
        ON CONFLICT (conversation, turn) DO NOTHING
        """;

    private readonly string _claim = $"""
        INSERT INTO "{schema}".{Filled} AS kept (tenant, before, process, until)
        SELECT $1, before, $2, now() + interval '1 min' FROM "{schema}".{Filled} WHERE tenant = ''
        ON CONFLICT (tenant) DO UPDATE SET process = $2, until = excluded.until
        WHERE kept.process = $2 OR kept.until < now() OR kept.before = 0 RETURNING before
        """;

    private readonly string _fill = $"""
        INSERT INTO "{schema}".{Filled} AS kept (tenant, before, process, until) VALUES ($1, CASE WHEN
          (SELECT max(number) FROM "{schema}".{Table} WHERE tenant = $1) -
          (SELECT min(number) FROM "{schema}".{Table} WHERE tenant = $1) + 1 >= $3 THEN 0 ELSE $2 END, 0, now())
        ON CONFLICT (tenant) DO UPDATE SET before = least(kept.before, excluded.before)
        """;

    private readonly string _find = $"""
        SELECT e.place, c.id, h.turn, h.tag, h.hint FROM unnest($2) WITH ORDINALITY AS e(key, place)
        CROSS JOIN LATERAL (
          SELECT n.conversation, n.turn, n.tag, n.hint FROM (
            SELECT conversation, turn, tag, hint, number FROM "{schema}".{Table}
            WHERE tenant = $1 AND key = e.key ORDER BY number DESC LIMIT {LooksMax}) n
          ORDER BY (n.hint = $3 AND $3 <> 0) DESC, n.number DESC LIMIT 1) h
        JOIN "{schema}".conversations c ON c.tenant = $1 AND c.number = h.conversation
        ORDER BY e.place LIMIT 1
        """;

    /// <summary>Makes it where it is wanted, in the transaction that makes or checks the journal's tables.</summary>
    /// <returns>Whether it is there.</returns>
    public static async Task<bool> PrepareAsync(
        NpgsqlConnection connection, string schema, bool isWanted, CancellationToken cancellationToken)
    {
        if (await SchemaCommands.ExistsAsync(connection, $"to_regclass('\"{schema}\".{Table}')", cancellationToken))
        {
            return true;
        }

        if (isWanted)
        {
            await SchemaCommands.ExecuteAsync(connection, $"""
                CREATE TABLE "{schema}".{Table} (
                  tenant text COLLATE "C" NOT NULL, number bigint NOT NULL, conversation bigint NOT NULL,
                  turn int NOT NULL, tag int NOT NULL, key bytea, hint bigint NOT NULL,
                  PRIMARY KEY (conversation, turn),
                  FOREIGN KEY (tenant, conversation) REFERENCES "{schema}".conversations (tenant, number)
                    ON DELETE CASCADE);
                CREATE INDEX ON "{schema}".{Table} (tenant, number);
                CREATE INDEX ON "{schema}".{Table} (tenant, key, number);
                DROP TABLE IF EXISTS "{schema}".{Filled};
                CREATE TABLE "{schema}".{Filled} (
                  tenant text COLLATE "C" PRIMARY KEY, before bigint NOT NULL, process bigint NOT NULL,
                  until timestamptz NOT NULL);
                INSERT INTO "{schema}".{Filled}
                SELECT '', coalesce(max(number), 0) + 1, 0, now() FROM "{schema}".conversations;
                """, cancellationToken);
        }

        return isWanted;
    }

    /// <summary>Takes the index of an empty journal away: it counts conversations that come later as known.</summary>
    public static Task DropAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken) =>
        SchemaCommands.ExecuteAsync(connection,
            $"DROP TABLE IF EXISTS \"{schema}\".{Table}, \"{schema}\".{Filled}", cancellationToken);

    /// <summary>
    /// Takes turns out whose deletion is stored: by a writer, at a position. It gives no row of use to its caller.
    /// </summary>
    public static string Forget(string schema) => $"""
        WITH head AS (
          SELECT c.number FROM "{schema}".conversations c JOIN "{schema}".appends a ON a.conversation = c.number
          WHERE c.tenant = $1 AND c.id = $2 AND a.position = $3 AND a.writer = $4),
        gone AS (
          DELETE FROM "{schema}".{Table} h USING head
          WHERE h.conversation = head.number AND h.turn = ANY($5 || ARRAY(SELECT -t FROM unnest($5) t))
          RETURNING abs(h.turn) AS turn)
        INSERT INTO "{schema}".{Table} AS kept (tenant, number, conversation, turn, tag, hint)
        SELECT $1, coalesce((SELECT max(number) FROM "{schema}".{Table} WHERE tenant = $1), 0) + t.place, head.number,
          t.turn * s.sign, 0, 0
        FROM head, unnest($5) WITH ORDINALITY AS t(turn, place), (VALUES (1), (-1)) AS s(sign)
        WHERE t.turn NOT IN (SELECT turn FROM gone)
        ON CONFLICT (conversation, turn) DO UPDATE SET key = NULL
        """;

    /// <summary>See <see cref="IHistoryStore.AddAsync"/>.</summary>
    public Task AddAsync(IReadOnlyList<HistoryEntry> entries, int countMax, CancellationToken cancellationToken) =>
        RunAsync(async () =>
        {
            // Once: what broke in between may be stored, and a second try could come behind a deletion.
            await using var connection = await connections.Writes.OpenConnectionAsync(cancellationToken);
            await using var batch = new NpgsqlBatch(connection)
            {
                BatchCommands = { new NpgsqlBatchCommand(_begin), Add(entries), Trim(entries, countMax) },
            };
            return await batch.ExecuteNonQueryAsync(cancellationToken);
        });

    /// <summary>See <see cref="IHistoryStore.ClaimAsync"/>.</summary>
    public Task<long?> ClaimAsync(string tenant, ulong process, CancellationToken cancellationToken) =>
        RunAsync(async () =>
        {
            await using var connection = await connections.Writes.OpenConnectionAsync(cancellationToken);
            await using var command = new NpgsqlCommand(_claim, connection);
            command.Parameters.Add(Value(tenant));
            command.Parameters.Add(Value((long)process));
            return (long?)await command.ExecuteScalarAsync(cancellationToken);
        });

    /// <summary>See <see cref="IHistoryStore.AddOlderAsync"/>.</summary>
    public Task AddOlderAsync(OlderPage page, int countMax, CancellationToken cancellationToken) =>
        RunAsync(async () =>
        {
            await using var connection = await connections.Writes.OpenConnectionAsync(cancellationToken);
            await using var batch = new NpgsqlBatch(connection)
            {
                BatchCommands =
                {
                    new NpgsqlBatchCommand(_begin), Older(page),
                    new NpgsqlBatchCommand(_fill)
                    {
                        Parameters = { Value(page.Tenant), Value(page.Before), Value((long)countMax) },
                    },
                },
            };
            return await batch.ExecuteNonQueryAsync(cancellationToken);
        });

    /// <summary>See <see cref="IHistoryStore.FindAsync"/>.</summary>
    public Task<HistoryEntry?> FindAsync(string tenant, IReadOnlyList<Digest> keys, ulong hint,
        CancellationToken cancellationToken) => RunAsync(async () =>
    {
        await using var connection = await connections.Reads.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(_find, connection);
        command.Parameters.Add(Value(tenant));
        command.Parameters.Add(Value(keys.Select(static key => key.AsSpan().ToArray()).ToArray()));
        command.Parameters.Add(Value((long)hint));
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        if (!await rows.ReadAsync(cancellationToken))
        {
            return (HistoryEntry?)null;
        }

        return HistoryEntry.OfRow(tenant, rows.GetGuid(1).ToConversationId(), (rows.GetInt32(2), rows.GetInt32(3)),
            new HistoryMark(keys[(int)rows.GetInt64(0) - 1], (ulong)rows.GetInt64(4)));
    });

    private NpgsqlBatchCommand Add(IReadOnlyList<HistoryEntry> entries)
    {
        var rows = entries.SelectMany(static entry => entry.Rows, static (entry, row) => (Entry: entry, Row: row))
            .ToArray();
        return new NpgsqlBatchCommand(_add)
        {
            Parameters =
            {
                Value(rows.Select(static row => row.Entry.Tenant).ToArray()),
                Value(rows.Select(static row => row.Entry.Response.Conversation.ToGuid()).ToArray()),
                Value(rows.Select(static row => row.Row.Turn).ToArray()),
                Value(rows.Select(static row => row.Entry.Response.Turn.Tag).ToArray()),
                Value(rows.Select(static row => row.Row.Key.AsSpan().ToArray()).ToArray()),
                Value(rows.Select(static row => (long)row.Entry.Mark.Hint).ToArray()),
            },
        };
    }

    private NpgsqlBatchCommand Older(OlderPage page)
    {
        var lines = page.Conversations.SelectMany(
            static log => log.Entries, static (log, entry) => (log.End, entry.Response, entry.Mark)).ToArray();
        return new NpgsqlBatchCommand(_older)
        {
            Parameters =
            {
                Value(page.Tenant),
                Value(lines.Select(static line => line.Response.Conversation.ToGuid()).ToArray()),
                Value(lines.Select(static line => line.End.Position).ToArray()),
                Value(lines.Select(static line => (long)line.End.LastWriter).ToArray()),
                Value(lines.Select(static line => line.Response.Turn.Number).ToArray()),
                Value(lines.Select(static line => line.Response.Turn.Tag).ToArray()),
                Value(lines.Select(static line => line.Mark.Key.AsSpan().ToArray()).ToArray()),
                Value(lines.Select(static line => (long)line.Mark.Hint).ToArray()),
            },
        };
    }

    private NpgsqlBatchCommand Trim(IReadOnlyList<HistoryEntry> entries, int countMax) => new(_trim)
    {
        Parameters =
        {
            Value(entries.Select(static entry => entry.Tenant).Distinct(StringComparer.Ordinal).ToArray()),
            Value((long)countMax),
        },
    };

    private static NpgsqlParameter<T> Value<T>(T value) => new() { TypedValue = value };

    private async Task<T> RunAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception e) when (e is NpgsqlException || PostgresFault.IsConnectionLost(e))
        {
            throw PostgresFault.Unavailable(e, connections.Place);
        }
    }
}
