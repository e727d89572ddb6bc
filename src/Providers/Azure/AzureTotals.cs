using System.Globalization;
using Azure;
using Azure.Data.Tables;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Copying;

namespace Evergrain.Providers.Azure;

/// <summary>
/// What tenants used: a row a tenant, with the last report that was added. One process at a time reports, so that one
/// row remembers enough to add each report once.
/// </summary>
internal sealed class AzureTotals(AzureAccount account)
{
    private const string Row = "totals";
    private const string ProcessColumn = "Process", SequenceColumn = "Sequence";

    private static readonly string[] Columns =
    [
        "Completed", "Incomplete", "Cancelled", "Failed", "Interrupted", "InputTokens", "CachedTokens", "OutputTokens",
    ];

    /// <summary>Adds a report; the same again adds nothing.</summary>
    public Task AddAsync(string tenant, TenantReport report, CancellationToken cancellationToken) =>
        account.RunAsync(async token =>
        {
            while (!await TryAddAsync(tenant, report, token))
            {
                token.ThrowIfCancellationRequested();
            }

            return true;
        }, cancellationToken);

    /// <summary>All that was added.</summary>
    public Task<TurnCounts> GetAsync(string tenant, CancellationToken cancellationToken) =>
        account.RunAsync(async token => CountsOf(await ReadAsync(tenant, token)), cancellationToken);

    /// <summary>What all tenants used.</summary>
    public Task<IReadOnlyList<TenantTotal>> ReadAllAsync(CancellationToken cancellationToken) =>
        account.RunAsync<IReadOnlyList<TenantTotal>>(async token =>
        {
            var totals = new List<TenantTotal>();
            await foreach (var row in account.Totals.QueryAsync<TableEntity>(cancellationToken: token))
            {
                totals.Add(new TenantTotal(row.PartitionKey, new TenantReport(ProcessOf(row),
                    row.GetInt64(SequenceColumn) ?? 0, CountsOf(row))));
            }

            return totals;
        }, cancellationToken);

    /// <summary>Puts what tenants used in the place of what is there.</summary>
    public Task ReplaceAsync(IReadOnlyList<TenantTotal> totals, CancellationToken cancellationToken) =>
        account.RunAsync(async token =>
        {
            await foreach (var row in account.Totals.QueryAsync<TableEntity>(cancellationToken: token))
            {
                await account.Totals.DeleteEntityAsync(row.PartitionKey, row.RowKey, cancellationToken: token);
            }

            foreach (var total in totals)
            {
                await account.Totals.UpsertEntityAsync(
                    RowOf(total.Tenant, total.Sum, default), TableUpdateMode.Replace, token);
            }

            return true;
        }, cancellationToken);

    private async Task<TableEntity?> ReadAsync(string tenant, CancellationToken cancellationToken)
    {
        var found = await account.Totals.GetEntityIfExistsAsync<TableEntity>(
            tenant, Row, cancellationToken: cancellationToken);
        return found.HasValue ? found.Value : null;
    }

    /// <summary>False: the row changed meanwhile, perhaps by this report, whose answer was lost.</summary>
    private async Task<bool> TryAddAsync(string tenant, TenantReport report, CancellationToken cancellationToken)
    {
        var kept = await ReadAsync(tenant, cancellationToken);
        if (kept is not null && ProcessOf(kept) == report.Process &&
            kept.GetInt64(SequenceColumn) >= report.Sequence)
        {
            return true;
        }

        var row = RowOf(tenant, report, CountsOf(kept));
        try
        {
            await (kept is null
                ? account.Totals.AddEntityAsync(row, cancellationToken)
                : account.Totals.UpdateEntityAsync(row, kept.ETag, TableUpdateMode.Replace, cancellationToken));
            return true;
        }
        catch (RequestFailedException e) when (e.Status is 409 or 412)
        {
            return false;
        }
    }

    private static TableEntity RowOf(string tenant, TenantReport report, TurnCounts before)
    {
        var row = new TableEntity(tenant, Row)
        {
            [ProcessColumn] = report.Process.ToString(CultureInfo.InvariantCulture),
            [SequenceColumn] = report.Sequence,
        };
        var sums = ValuesOf(before).Zip(ValuesOf(report.Counts), static (kept, more) => kept + more);
        foreach (var (column, sum) in Columns.Zip(sums))
        {
            row[column] = sum;
        }

        return row;
    }

    private static ulong ProcessOf(TableEntity row) =>
        ulong.Parse(row.GetString(ProcessColumn), CultureInfo.InvariantCulture);

    private static TurnCounts CountsOf(TableEntity? row)
    {
        long Value(int column) => row?.GetInt64(Columns[column]) ?? 0;
        return new TurnCounts(Value(0), Value(1), Value(2), Value(3), Value(4), Value(5), Value(6), Value(7));
    }

    private static long[] ValuesOf(TurnCounts counts) =>
    [
        counts.Completed, counts.Incomplete, counts.Cancelled, counts.Failed, counts.Interrupted, counts.InputTokens,
        counts.CachedTokens, counts.OutputTokens,
    ];
}
