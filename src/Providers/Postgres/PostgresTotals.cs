using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Copying;
using Evergrain.Providers.Journals;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>What tenants used, in a table beside the journal's.</summary>
internal sealed class PostgresTotals(PostgresConnections connections, string schema)
{
    private readonly string _add = TotalsTable.Add(TableOf(schema));
    private readonly string _get = TotalsTable.Get(TableOf(schema));

    public static string TableOf(string schema) => $"\"{schema}\".{TotalsTable.Name}";

    // Sent again over another connection, a report that was added adds nothing.
    public Task AddAsync(string tenant, TenantReport report, CancellationToken cancellationToken) =>
        RunAsync(connections.Writes, connection => AddAsync(connection, tenant, report, cancellationToken),
            cancellationToken);

    public Task<TurnCounts> GetAsync(string tenant, CancellationToken cancellationToken) =>
        RunAsync(connections.Reads, async connection =>
        {
            await using var command = Command(_get, connection, tenant);
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            return await rows.ReadAsync(cancellationToken) ? TotalsTable.Read(rows.GetInt64) : default;
        }, cancellationToken);

    /// <summary>What all tenants used.</summary>
    public Task<IReadOnlyList<TenantTotal>> ReadAllAsync(CancellationToken cancellationToken) =>
        RunAsync<IReadOnlyList<TenantTotal>>(connections.Reads, async connection =>
        {
            await using var command = new NpgsqlCommand(TotalsTable.All(TableOf(schema)), connection);
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            var totals = new List<TenantTotal>();
            while (await rows.ReadAsync(cancellationToken))
            {
                totals.Add(TotalsTable.ReadRow(rows.GetString(0), rows.GetInt64));
            }

            return totals;
        }, cancellationToken);

    /// <summary>Replaces what tenants used, and takes the mark of an unfinished copy away.</summary>
    public Task EndCopyAsync(IReadOnlyList<TenantTotal> totals, CancellationToken cancellationToken) =>
        RunAsync(connections.Writes, async connection =>
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await SchemaCommands.ExecuteAsync(connection, $"DELETE FROM {TableOf(schema)}", cancellationToken);
            foreach (var total in totals)
            {
                await AddAsync(connection, total.Tenant, total.Sum, cancellationToken);
            }

            await PostgresCopyMark.RemoveAsync(connection, schema, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return totals.Count;
        }, cancellationToken);

    private async Task<int> AddAsync(
        NpgsqlConnection connection, string tenant, TenantReport report, CancellationToken cancellationToken)
    {
        await using var command = Command(_add, connection, tenant);
        foreach (var value in TotalsTable.ValuesOf(report))
        {
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = value });
        }

        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static NpgsqlCommand Command(string sql, NpgsqlConnection connection, string tenant) =>
        new(sql, connection) { Parameters = { new NpgsqlParameter<string> { TypedValue = tenant } } };

    private async Task<T> RunAsync<T>(NpgsqlDataSource source, Func<NpgsqlConnection, Task<T>> work,
        CancellationToken cancellationToken)
    {
        try
        {
            return await connections.RunAsync(source, work, since: null, cancellationToken);
        }
        catch (Exception e) when (e is NpgsqlException || PostgresFault.IsConnectionLost(e))
        {
            throw PostgresFault.Unavailable(e, connections.Place);
        }
    }
}
