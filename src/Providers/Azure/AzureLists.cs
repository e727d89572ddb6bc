using Azure;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Azure;

/// <summary>
/// Lists of logs: rows of the index, each compared with its tail. A row whose log is gone was left by a process that
/// died within a deletion, which is finished here.
/// </summary>
internal sealed class AzureLists(AzureStore store, ReadGate gate)
{
    // Rows whose logs are looked at together.
    private const int PageMax = 64;

    // Most first appends are shorter, and then one request has the whole of it.
    private const int BeginBytes = 8 << 10;

    /// <summary>A tenant's conversations, the oldest first.</summary>
    public async Task<IReadOnlyList<ConversationId>> OldestAsync(
        string tenant, ConversationId? after, int limit, CancellationToken cancellationToken)
    {
        var number = after is { } id ? await NumberOfAsync(new ConversationKey(tenant, id), cancellationToken) : 0;
        if (number is not { } above)
        {
            return [];
        }

        var page = new List<ConversationId>();
        while (page.Count < limit)
        {
            var rows = await RunAsync(() => store.Index.OldestAsync(
                tenant, above, Math.Min(limit - page.Count, PageMax), cancellationToken), cancellationToken);
            if (rows.Count == 0)
            {
                break;
            }

            above = rows[^1].Number;
            var live = await EachAsync(rows, LookAsync, cancellationToken);
            page.AddRange(rows.Where((_, i) => live[i] is not null).Select(static row => row.Key.Id));
        }

        return page;
    }

    /// <summary>The number of a conversation's log; null: there is none.</summary>
    public async Task<long?> NumberOfAsync(ConversationKey key, CancellationToken cancellationToken)
    {
        var found = await RunAsync(() => store.Tails.LookAsync(key, cancellationToken), cancellationToken);
        return IsLog(found) ? found!.Value.Manifest.Number : null;
    }

    /// <summary>Conversations of tenants, the newest first.</summary>
    public async Task<JournalListing> NewestAsync(
        IReadOnlyList<string> tenants, long before, int limit, CancellationToken cancellationToken)
    {
        var count = Math.Min(limit, PageMax);
        while (true)
        {
            var below = before;
            var rows = (await EachAsync(tenants, (tenant, token) => RunAsync(
                () => store.Index.NewestAsync(tenant, below, count, token), token), cancellationToken))
                .SelectMany(static found => found).OrderByDescending(static row => row.Number).Take(count).ToList();
            var listed = await EachAsync(rows, ListedAsync, cancellationToken);
            List<ListedConversation> found = [.. listed.OfType<ListedConversation>()];
            if (found.Count > 0 || rows.Count < count)
            {
                return new JournalListing(found, HasMore: rows.Count == count && found.Count < limit);
            }

            before = rows[^1].Number;
        }
    }

    /// <summary>The tenants that have conversations, in the order of their names.</summary>
    public async Task<IReadOnlyList<string>> TenantsAsync(int limit, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        var behind = "";
        while (names.Count < limit && await RunAsync(
            () => store.Index.NextTenantAsync(behind, cancellationToken), cancellationToken) is { } row)
        {
            behind = row.Key.Tenant;
            if ((await OldestAsync(behind, after: null, 1, cancellationToken)).Count > 0)
            {
                names.Add(behind);
            }
        }

        return names;
    }

    private static bool IsLog((LogManifest Manifest, bool HasBlocks)? found) =>
        found is { } tail && (tail.HasBlocks || tail.Manifest.Ordinal > 0);

    private static async Task<TResult[]> EachAsync<T, TResult>(IReadOnlyList<T> all,
        Func<T, CancellationToken, Task<TResult>> work, CancellationToken cancellationToken) =>
        await Task.WhenAll(all.Select(one => work(one, cancellationToken)));

    /// <summary>The manifest of a row's log; null: there is none.</summary>
    private async Task<LogManifest?> LookAsync(NumberedConversation row, CancellationToken cancellationToken)
    {
        var found = await RunAsync(() => store.Tails.LookAsync(row.Key, cancellationToken), cancellationToken);
        if (found?.Manifest.Number != row.Number)
        {
            await RunAsync(async () =>
            {
                await store.ForgetAsync(row, cancellationToken);
                return true;
            }, cancellationToken);
            return null;
        }

        // An empty tail without extents is one that a process is about to begin, or was when it died.
        return IsLog(found) ? found.Value.Manifest : null;
    }

    private async Task<ListedConversation?> ListedAsync(
        NumberedConversation row, CancellationToken cancellationToken) =>
        await LookAsync(row, cancellationToken) is { } manifest
            ? new ListedConversation(row.Key, row.Number, await FirstTailAsync(row.Key, manifest, cancellationToken))
            : null;

    /// <summary>The last bytes of a log's first append; none where it is gone meanwhile.</summary>
    private async Task<byte[]> FirstTailAsync(
        ConversationKey key, LogManifest manifest, CancellationToken cancellationToken)
    {
        if (await PartAsync(key, manifest, new HttpRange(0, BeginBytes), cancellationToken) is not { } begin)
        {
            return [];
        }

        var length = Block.LengthOf(begin);
        var count = Math.Min(length, JournalBounds.FirstTailBytes);
        var end = Block.HeaderBytes + length;
        if (begin.Length >= end)
        {
            return begin[(end - count)..end];
        }

        var part = new HttpRange(end - count, count);
        return await PartAsync(key, manifest, part, cancellationToken) ?? [];
    }

    /// <summary>A part of what a log begins with, which is in its tail or, once that was sealed, in its first extent.
    /// </summary>
    private async Task<byte[]?> PartAsync(
        ConversationKey key, LogManifest manifest, HttpRange part, CancellationToken cancellationToken) =>
        (manifest.Ordinal == 0
            ? await RunAsync(() => store.Tails.ReadPartAsync(key, manifest, part, cancellationToken), cancellationToken)
            : null) ??
        await RunAsync(
            () => store.Extents.ReadPartAsync(key, manifest.Number, 0, part, cancellationToken), cancellationToken);

    private Task<T> RunAsync<T>(Func<Task<T>> read, CancellationToken cancellationToken) =>
        gate.RunAsync(read, cancellationToken);
}
