using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Npgsql;
using static Evergrain.Providers.Postgres.SchemaCommands;

namespace Evergrain.Providers.Postgres;

/// <summary>
/// How conversations end, and the table of lifetimes beside the journal's. A start with a lifetime makes that table.
/// Builds that do not know it pass it over.
/// </summary>
internal sealed class PostgresLifetimes(PostgresConnections connections, string schema)
{
    private readonly string _list = $"""
        SELECT number, tenant, id FROM "{schema}".conversations
        WHERE tenant = $1 AND number > $2 ORDER BY number LIMIT $3
        """;

    private readonly string _ages = $"""
        SELECT c.number, c.tenant, c.id, c.next, c.writer,
          substring(a.records FROM greatest(1, octet_length(a.records) - {JournalBounds.LastTailBytes - 1}))
        FROM "{schema}".conversations c
        LEFT JOIN "{schema}".appends a ON a.conversation = c.number AND a.position = c.next - 1
        WHERE c.tenant = $1 AND c.number = ANY ($2) ORDER BY c.number
        """;

    private readonly string _read = $"SELECT tenant, milliseconds, since FROM {TableOf(schema)}";

    private readonly string _make = $"""
        CREATE TABLE IF NOT EXISTS {TableOf(schema)} (
          tenant text COLLATE "C" PRIMARY KEY, milliseconds bigint NOT NULL, since bigint NOT NULL)
        """;

    private readonly string _replace = $"""
        WITH old AS (DELETE FROM {TableOf(schema)} WHERE tenant <> ALL ($1))
        INSERT INTO {TableOf(schema)} (tenant, milliseconds, since) SELECT * FROM unnest($1, $2, $3)
        ON CONFLICT (tenant) DO UPDATE SET milliseconds = excluded.milliseconds, since = excluded.since
        """;

    /// <summary>Takes the table out of an empty journal: what is copied into it counts from its first start.</summary>
    public static Task DropAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken) =>
        ExecuteAsync(connection, $"DROP TABLE IF EXISTS {TableOf(schema)}", cancellationToken);

    /// <summary>See <see cref="ILifetimeReader.ListOldestAsync"/>.</summary>
    public Task<IReadOnlyList<NumberedConversation>> ListOldestAsync(
        string tenant, long behind, int limit, CancellationToken cancellationToken) =>
        RunAsync<IReadOnlyList<NumberedConversation>>(connections.Reads, async connection =>
        {
            await using var command = new NpgsqlCommand(_list, connection);
            command.Parameters.Add(Value(tenant));
            command.Parameters.Add(Value(behind));
            command.Parameters.Add(Value((long)limit));
            var page = new List<NumberedConversation>();
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            while (await rows.ReadAsync(cancellationToken))
            {
                page.Add(ReadRow(rows, tenant));
            }

            return page;
        }, cancellationToken);

    /// <summary>See <see cref="ILifetimeReader.ReadAgesAsync"/>.</summary>
    public Task<IReadOnlyList<AgedConversation>> ReadAgesAsync(
        IReadOnlyList<NumberedConversation> some, CancellationToken cancellationToken) =>
        RunAsync<IReadOnlyList<AgedConversation>>(connections.Reads, async connection =>
        {
            var tenant = some[0].Key.Tenant;
            await using var command = new NpgsqlCommand(_ages, connection);
            command.Parameters.Add(Value(tenant));
            command.Parameters.Add(Value(some.Select(static one => one.Number).ToArray()));
            var page = new List<AgedConversation>();
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            while (await rows.ReadAsync(cancellationToken))
            {
                var (key, number) = ReadRow(rows, tenant);
                var tail = await rows.IsDBNullAsync(5, cancellationToken)
                    ? []
                    : await rows.GetFieldValueAsync<byte[]>(5, cancellationToken);
                var end = new JournalEnd(rows.GetInt64(3), (ulong)rows.GetInt64(4));
                page.Add(new AgedConversation(key, number, end, tail));
            }

            return page;
        }, cancellationToken);

    /// <summary>See <see cref="ILifetimeReader.ReadLifetimesAsync"/>.</summary>
    public Task<IReadOnlyList<KeptLifetime>> ReadAsync(CancellationToken cancellationToken) =>
        RunAsync(connections.Reads, connection => ReadAsync(connection, cancellationToken), cancellationToken);

    /// <summary>See <see cref="ILifetimeStore.KeepLifetimesAsync"/>. Again it keeps the same.</summary>
    public Task<IReadOnlyList<KeptLifetime>> KeepAsync(
        IReadOnlyList<LifetimeRule> rules, DateTimeOffset now, CancellationToken cancellationToken) =>
        RunAsync(connections.Writes, async connection =>
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await LockAsync(connection, schema, cancellationToken);
            var before = await ReadAsync(connection, cancellationToken);
            var kept = KeptLifetime.Next(before, rules, now);
            if (kept.Count + before.Count > 0)
            {
                await MakeAsync(connection, cancellationToken);
                await using var replace = new NpgsqlCommand(_replace, connection);
                replace.Parameters.Add(Value(kept.Select(static one => one.Tenant).ToArray()));
                replace.Parameters.Add(
                    Value(kept.Select(static one => (long)one.Lifetime.TotalMilliseconds).ToArray()));
                replace.Parameters.Add(Value(kept.Select(static one => one.Since.ToUnixTimeMilliseconds()).ToArray()));
                await replace.ExecuteNonQueryAsync(cancellationToken);
            }

            await transaction.CommitAsync(cancellationToken);
            return kept;
        }, cancellationToken);

    private static string TableOf(string schema) => $"\"{schema}\".lifetimes";

    private static NumberedConversation ReadRow(NpgsqlDataReader row, string tenant) => row.GetString(1) == tenant
        ? new NumberedConversation(new ConversationKey(tenant, row.GetGuid(2).ToConversationId()), row.GetInt64(0))
        : throw new JournalCorruptException("an index leads to another tenant's conversation");

    private static NpgsqlParameter<T> Value<T>(T value) => new() { TypedValue = value };

    private Task<bool> IsThereAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        ExistsAsync(connection, $"to_regclass('{TableOf(schema)}')", cancellationToken);

    // Not with each start: a user who may not make tables may still have one that is there.
    private async Task MakeAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (!await IsThereAsync(connection, cancellationToken))
        {
            await ExecuteAsync(connection, _make, cancellationToken);
        }
    }

    private async Task<IReadOnlyList<KeptLifetime>> ReadAsync(
        NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var kept = new List<KeptLifetime>();
        if (!await IsThereAsync(connection, cancellationToken))
        {
            return kept;
        }

        await using var command = new NpgsqlCommand(_read, connection);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
        {
            kept.Add(new KeptLifetime(rows.GetString(0), TimeSpan.FromMilliseconds(rows.GetInt64(1)),
                DateTimeOffset.FromUnixTimeMilliseconds(rows.GetInt64(2))));
        }

        return kept;
    }

    private async Task<T> RunAsync<T>(NpgsqlDataSource source, Func<NpgsqlConnection, Task<T>> work,
        CancellationToken cancellationToken)
    {
        try
        {
            return await connections.RunAsync(source, work, since: null, cancellationToken);
        }
        catch (PostgresException e) when (PostgresFault.IsDamage(e))
        {
            throw new JournalCorruptException(e.MessageText, e);
        }
        catch (Exception e) when (e is NpgsqlException || PostgresFault.IsConnectionLost(e))
        {
            throw PostgresFault.Unavailable(e, connections.Place);
        }
    }
}
