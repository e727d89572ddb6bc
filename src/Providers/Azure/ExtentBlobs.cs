using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Azure;

/// <summary>
/// The extents of logs: block blobs, made empty and filled once. Their names hold the number of the log, so that those
/// of a log that was begun anew are others.
/// </summary>
internal sealed class ExtentBlobs(AzureAccount account)
{
    /// <summary>Makes an empty extent; null: it is there already.</summary>
    public Task<ETag?> ReserveAsync(
        ConversationKey key, LogManifest manifest, CancellationToken cancellationToken) =>
        account.RunAsync<ETag?>(async token =>
        {
            try
            {
                return await PutAsync(key, manifest, default,
                    new BlobRequestConditions { IfNoneMatch = ETag.All }, token);
            }
            catch (RequestFailedException e) when (AzureFault.IsThere(e) || e.Status == 412)
            {
                return null;
            }
        }, cancellationToken);

    /// <summary>
    /// Fills an extent, unless it is filled like that. What else is in it was sealed by a copy of the storage that is
    /// lost, since no manifest names it yet. False: it is not there.
    /// </summary>
    public Task<bool> FillAsync(
        ConversationKey key, ReadTail tail, ETag? reserved, CancellationToken cancellationToken) =>
        account.RunAsync(async token =>
        {
            while (true)
            {
                try
                {
                    if ((reserved ?? await FindOtherAsync(key, tail, token)) is { } other)
                    {
                        var conditions = new BlobRequestConditions { IfMatch = other };
                        await PutAsync(key, tail.Tail.Manifest, tail.Sealed, conditions, token);
                    }

                    return true;
                }
                catch (RequestFailedException e) when (e.Status == 412)
                {
                    // Another process filled it, or this one did and the answer was lost; or it is gone.
                    reserved = null;
                }
                catch (RequestFailedException e) when (AzureFault.IsBlobMissing(e))
                {
                    return false;
                }
            }
        }, cancellationToken);

    /// <summary>Takes an empty extent back whose log is gone.</summary>
    public Task ReleaseAsync(
        ConversationKey key, LogManifest manifest, ETag reserved, CancellationToken cancellationToken) =>
        account.RunAsync(async token =>
        {
            try
            {
                await BlobOf(key, manifest.Number, manifest.Ordinal).DeleteAsync(
                    conditions: new BlobRequestConditions { IfMatch = reserved }, cancellationToken: token);
            }
            catch (RequestFailedException e) when (AzureFault.IsConditionNotMet(e))
            {
                return false;
            }

            return true;
        }, cancellationToken);

    /// <summary>An extent's manifest and blocks; null: it is not there.</summary>
    public Task<(LogManifest Manifest, List<Block> Blocks)?> ReadAsync(
        ConversationKey key, long number, int ordinal, CancellationToken cancellationToken) =>
        account.RunAsync(async token =>
        {
            try
            {
                using BlobDownloadStreamingResult answer =
                    await BlobOf(key, number, ordinal).DownloadStreamingAsync(cancellationToken: token);
                var manifest = LogManifest.Read(answer.Details.Metadata);
                return (manifest, Block.ReadAll(await BlobContent.ReadAsync(answer, token), manifest.Begin));
            }
            catch (RequestFailedException e) when (AzureFault.IsBlobMissing(e))
            {
                return ((LogManifest, List<Block>)?)null;
            }
        }, cancellationToken);

    /// <summary>A part of an extent; null: it is not there, or made and not filled yet.</summary>
    public Task<byte[]?> ReadPartAsync(ConversationKey key, long number, int ordinal, HttpRange part,
        CancellationToken cancellationToken) => account.RunAsync(async token =>
    {
        try
        {
            using BlobDownloadStreamingResult answer = await BlobOf(key, number, ordinal)
                .DownloadStreamingAsync(new BlobDownloadOptions { Range = part }, token);
            return await BlobContent.ReadAsync(answer, token);
        }
        catch (RequestFailedException e) when (AzureFault.IsBlobMissing(e) || e.Status == 416)
        {
            return null;
        }
    }, cancellationToken);

    /// <summary>Where the log ended before an extent; null: it is not there.</summary>
    public Task<JournalEnd?> BeginOfAsync(
        ConversationKey key, long number, int ordinal, CancellationToken cancellationToken) =>
        account.RunAsync<JournalEnd?>(async token =>
        {
            try
            {
                BlobProperties found = await BlobOf(key, number, ordinal).GetPropertiesAsync(cancellationToken: token);
                return LogManifest.Read(found.Metadata).Begin;
            }
            catch (RequestFailedException e) when (AzureFault.IsBlobMissing(e))
            {
                return null;
            }
        }, cancellationToken);

    /// <summary>Deletes all extents of a log.</summary>
    public async Task DeleteAllAsync(ConversationKey key, long number, CancellationToken cancellationToken)
    {
        var prefix = FolderOf(key, number);
        var names = await account.RunAsync(async token =>
        {
            var found = new List<string>();
            var options = new GetBlobsOptions { Prefix = prefix };
            await foreach (var blob in account.Container.GetBlobsAsync(options, token))
            {
                found.Add(blob.Name);
            }

            return found;
        }, cancellationToken);
        foreach (var name in names)
        {
            await account.RunAsync(async token =>
                await account.Container.DeleteBlobIfExistsAsync(
                    name, DeleteSnapshotsOption.IncludeSnapshots, cancellationToken: token), cancellationToken);
        }
    }

    /// <summary>The ETag of an extent that is not filled with what is sealed of a tail; null: it is.</summary>
    private async Task<ETag?> FindOtherAsync(ConversationKey key, ReadTail tail, CancellationToken cancellationToken)
    {
        var manifest = tail.Tail.Manifest;
        using BlobDownloadStreamingResult found = await BlobOf(key, manifest.Number, manifest.Ordinal)
            .DownloadStreamingAsync(cancellationToken: cancellationToken);
        var content = await BlobContent.ReadAsync(found, cancellationToken);
        return LogManifest.Read(found.Details.Metadata) == manifest && tail.Sealed.Span.SequenceEqual(content)
            ? null
            : found.Details.ETag;
    }

    private static string FolderOf(ConversationKey key, long number) =>
        $"extent/{key.Tenant}/{key.Id.Code}/{BlobContent.Digits(number)}/";

    private async Task<ETag> PutAsync(ConversationKey key, LogManifest manifest, ReadOnlyMemory<byte> content,
        BlobRequestConditions conditions, CancellationToken cancellationToken)
    {
        await using var stream = BinaryData.FromBytes(content).ToStream();
        BlobContentInfo stored = await BlobOf(key, manifest.Number, manifest.Ordinal).UploadAsync(
            stream, new BlobUploadOptions
            {
                Metadata = manifest.Write(),
                Conditions = conditions,
                TransferOptions = new() { InitialTransferSize = JournalBounds.AppendBytesMax * 2 },
            }, cancellationToken);
        return stored.ETag;
    }

    private BlockBlobClient BlobOf(ConversationKey key, long number, int ordinal) =>
        account.Container.GetBlockBlobClient(FolderOf(key, number) + BlobContent.Digits(ordinal));
}
