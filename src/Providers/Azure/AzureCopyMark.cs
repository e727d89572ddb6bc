using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Azure;

/// <summary>
/// The mark of a container into which a journal is being copied: an empty blob. No server starts on it.
/// </summary>
internal static class AzureCopyMark
{
    private const string Name = "unfinished-copy";

    /// <summary>Refuses a container that has the mark; one that is to be copied into gets it.</summary>
    /// <exception cref="JournalUnavailableException">
    /// It has the mark, or is to be copied into and has conversations and no mark.
    /// </exception>
    public static async Task CheckAsync(AzureStore store, bool isTarget, CancellationToken cancellationToken)
    {
        var account = store.Account;
        var isThere = await account.RunAsync(
            async token => (await BlobOf(account).ExistsAsync(token)).Value, cancellationToken);
        if (isThere && !isTarget)
        {
            throw new JournalUnavailableException($"The journal in {account.Place} is an unfinished copy: run " +
                "evergrain copy again to its end, or name another container.");
        }

        if (isThere || !isTarget)
        {
            return;
        }

        if ((await store.Index.AllAsync(behind: null, 1, cancellationToken)).Count > 0)
        {
            throw new JournalUnavailableException($"The journal in {account.Place} holds conversations, and no " +
                "unfinished copy: copy into an empty container.");
        }

        await AzureLifetimes.RemoveAsync(account, cancellationToken);
        await account.RunAsync(
            token => BlobOf(account).UploadAsync(Stream.Null, new BlobUploadOptions(), token), cancellationToken);
    }

    /// <summary>Takes the mark away.</summary>
    public static Task RemoveAsync(AzureAccount account, CancellationToken cancellationToken) =>
        account.RunAsync(token => BlobOf(account).DeleteIfExistsAsync(cancellationToken: token), cancellationToken);

    private static BlockBlobClient BlobOf(AzureAccount account) => account.Container.GetBlockBlobClient(Name);
}
