using System.Globalization;
using Azure;
using Azure.Data.Tables;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Azure;

/// <summary>
/// The table of logs: in a tenant's partition two rows for each, one by its number and one by its number from the
/// newest, since rows come in one order alone.
/// </summary>
internal sealed class AzureIndex(AzureAccount account)
{
    private const string ByAge = "a", ByNewness = "n";
    private const string IdColumn = "Id";

    // Sorts behind every digit.
    private const string Behind = "z";
    private static readonly string[] Columns = ["PartitionKey", "RowKey", IdColumn];

    /// <summary>Adds a log; again it does the same.</summary>
    public Task AddAsync(ConversationKey key, long number, CancellationToken cancellationToken) =>
        account.RunAsync(async token => await account.Logs.SubmitTransactionAsync(
            RowsOf(number).Select(row => new TableTransactionAction(TableTransactionActionType.UpsertReplace,
                new TableEntity(key.Tenant, row) { [IdColumn] = key.Id.Code })), token), cancellationToken);

    /// <summary>Takes a log out, if it is there.</summary>
    public Task RemoveAsync(string tenant, long number, CancellationToken cancellationToken) =>
        account.RunAsync(async token =>
        {
            try
            {
                await account.Logs.SubmitTransactionAsync(RowsOf(number).Select(row => new TableTransactionAction(
                    TableTransactionActionType.Delete, new TableEntity(tenant, row), ETag.All)), token);
                return true;
            }
            catch (TableTransactionFailedException e) when (e.Status == 404)
            {
                return false;
            }
        }, cancellationToken);

    /// <summary>A tenant's logs with numbers above one, the oldest first.</summary>
    public Task<List<NumberedConversation>> OldestAsync(
        string tenant, long above, int limit, CancellationToken cancellationToken) => QueryAsync(
        $"PartitionKey eq '{tenant}' and RowKey gt '{ByAge}{BlobContent.Digits(above)}' and RowKey lt " +
            $"'{ByAge}{Behind}'", limit, cancellationToken);

    /// <summary>A tenant's logs with numbers below one, the newest first.</summary>
    public Task<List<NumberedConversation>> NewestAsync(
        string tenant, long below, int limit, CancellationToken cancellationToken) => QueryAsync(
        $"PartitionKey eq '{tenant}' and RowKey gt '{ByNewness}{BlobContent.Digits(long.MaxValue - below)}'",
        limit, cancellationToken);

    /// <summary>The first log of the first tenant behind one; null: there are no more tenants.</summary>
    public async Task<NumberedConversation?> NextTenantAsync(string behind, CancellationToken cancellationToken) =>
        (await QueryAsync($"PartitionKey gt '{behind}'", 1, cancellationToken)) is [var first, ..] ? first : null;

    /// <summary>Logs of all tenants behind one, in the order of tenants and numbers.</summary>
    public Task<List<NumberedConversation>> AllAsync(
        NumberedConversation? behind, int limit, CancellationToken cancellationToken) => QueryAsync(behind is { } log
            ? $"(PartitionKey gt '{log.Key.Tenant}' and RowKey lt '{ByAge}{Behind}') or " +
                $"(PartitionKey eq '{log.Key.Tenant}' and RowKey gt '{ByAge}{BlobContent.Digits(log.Number)}' and " +
                $"RowKey lt '{ByAge}{Behind}')"
            : $"RowKey lt '{ByAge}{Behind}'", limit, cancellationToken);

    private Task<List<NumberedConversation>> QueryAsync(
        string filter, int limit, CancellationToken cancellationToken) => account.RunAsync(async token =>
        {
            var found = new List<NumberedConversation>();
            var rows = account.Logs.QueryAsync<TableEntity>(filter, Math.Min(limit, 1_000), Columns, token);
            await foreach (var row in rows)
            {
                found.Add(Read(row));
                if (found.Count == limit)
                {
                    // Before the next page is asked for.
                    break;
                }
            }

            return found;
        }, cancellationToken);

    private static NumberedConversation Read(TableEntity row)
    {
        var place = long.Parse(row.RowKey.AsSpan(1), CultureInfo.InvariantCulture);
        var number = row.RowKey.StartsWith(ByAge, StringComparison.Ordinal) ? place : long.MaxValue - place;
        return ConversationId.TryParseCode(row.GetString(IdColumn), out var id)
            ? new NumberedConversation(new ConversationKey(row.PartitionKey, id), number)
            {
                BegunAt = LogNumbers.BeginOf(number),
            }
            : throw new FormatException($"The row {row.RowKey} of tenant {row.PartitionKey} names no conversation.");
    }

    private static string[] RowsOf(long number) =>
        [ByAge + BlobContent.Digits(number), ByNewness + BlobContent.Digits(long.MaxValue - number)];
}
