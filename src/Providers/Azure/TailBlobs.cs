using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Azure;

/// <summary>The tails of logs: one append blob for each conversation, whose metadata are the log's manifest.</summary>
internal sealed class TailBlobs(AzureAccount account)
{
    /// <summary>A tail with its content; null: the conversation has none.</summary>
    public Task<ReadTail?> ReadAsync(ConversationKey key, CancellationToken cancellationToken) =>
        account.RunAsync(async token =>
        {
            // A tail that changes while its answer breaks off is read again.
            while (true)
            {
                try
                {
                    using BlobDownloadStreamingResult answer =
                        await BlobOf(key).DownloadStreamingAsync(cancellationToken: token);
                    return Read(await BlobContent.ReadAsync(answer, token), answer.Details);
                }
                catch (RequestFailedException e) when (AzureFault.IsBlobMissing(e))
                {
                    return null;
                }
                catch (RequestFailedException e) when (e.Status == 412)
                {
                    token.ThrowIfCancellationRequested();
                }
            }
        }, cancellationToken);

    /// <summary>
    /// What is known of a tail without its content: its manifest and whether it has blocks; null: there is no tail.
    /// </summary>
    public Task<(LogManifest Manifest, bool HasBlocks)?> LookAsync(
        ConversationKey key, CancellationToken cancellationToken) => account.RunAsync(async token =>
    {
        try
        {
            BlobProperties found = await BlobOf(key).GetPropertiesAsync(cancellationToken: token);
            return (LogManifest.Read(found.Metadata), found.ContentLength > 0);
        }
        catch (RequestFailedException e) when (AzureFault.IsBlobMissing(e))
        {
            return ((LogManifest, bool)?)null;
        }
    }, cancellationToken);

    /// <summary>A part of a tail, of one that had a manifest; null: it is another one by now.</summary>
    public Task<byte[]?> ReadPartAsync(
        ConversationKey key, LogManifest manifest, HttpRange part, CancellationToken cancellationToken) =>
        account.RunAsync(async token =>
        {
            try
            {
                using BlobDownloadStreamingResult answer = await BlobOf(key).DownloadStreamingAsync(
                    new BlobDownloadOptions { Range = part }, token);
                return LogManifest.Read(answer.Details.Metadata) == manifest
                    ? await BlobContent.ReadAsync(answer, token)
                    : null;
            }
            catch (RequestFailedException e) when (AzureFault.IsConditionNotMet(e) || e.Status == 416)
            {
                return null;
            }
        }, cancellationToken);

    /// <summary>Makes an empty tail, if there is none; null: there is one.</summary>
    public Task<LogTail?> CreateAsync(
        ConversationKey key, LogManifest manifest, CancellationToken cancellationToken) =>
        PutAsync(key, manifest, new AppendBlobRequestConditions { IfNoneMatch = ETag.All }, cancellationToken);

    /// <summary>Replaces a tail by an empty one behind it; null: the tail is another one by now, or gone.</summary>
    public Task<LogTail?> ReplaceAsync(ConversationKey key, LogTail tail, CancellationToken cancellationToken) =>
        PutAsync(key, tail.Manifest with { Ordinal = tail.Manifest.Ordinal + 1, Begin = tail.End },
            new AppendBlobRequestConditions { IfMatch = tail.Tag }, cancellationToken);

    /// <summary>
    /// Appends a block behind a tail; null: the tail is another one by now, or gone, or a block was stored whose answer
    /// was lost.
    /// </summary>
    public Task<ETag?> AppendAsync(
        ConversationKey key, LogTail tail, byte[] block, CancellationToken cancellationToken) =>
        account.RunAsync<ETag?>(async token =>
        {
            try
            {
                using var content = new MemoryStream(block, writable: false);
                BlobAppendInfo stored = await BlobOf(key).AppendBlockAsync(content, new AppendBlobAppendBlockOptions
                {
                    Conditions = new AppendBlobRequestConditions
                    {
                        IfAppendPositionEqual = tail.Bytes,
                        IfMatch = tail.Tag,
                    },
                }, token);
                return stored.ETag;
            }
            catch (RequestFailedException e) when (AzureFault.IsConditionNotMet(e))
            {
                return null;
            }
        }, cancellationToken);

    /// <summary>Deletes a tail, and with it the log; false: it is another one by now.</summary>
    public Task<bool> DeleteAsync(ConversationKey key, LogTail tail, CancellationToken cancellationToken) =>
        account.RunAsync(async token =>
        {
            try
            {
                await BlobOf(key).DeleteAsync(DeleteSnapshotsOption.IncludeSnapshots,
                    new BlobRequestConditions { IfMatch = tail.Tag }, token);
                return true;
            }
            catch (RequestFailedException e) when (AzureFault.IsConditionNotMet(e))
            {
                return e.Status != 412;
            }
        }, cancellationToken);

    private static ReadTail Read(byte[] content, BlobDownloadDetails details)
    {
        var manifest = LogManifest.Read(details.Metadata);
        var blocks = Block.ReadAll(content, manifest.Begin);
        var isRolling = blocks.Count > 0 && blocks[^1].Kind == BlockKind.Rolling;
        var last = blocks.Count - (isRolling ? 2 : 1);
        var end = last < 0 ? manifest.Begin : JournalEnd.Behind(blocks[last].Entry);
        var tail = new LogTail(manifest, end, content.Length, blocks.Count, details.ETag) { IsRolling = isRolling };
        return new ReadTail(tail, content, blocks);
    }

    private Task<LogTail?> PutAsync(ConversationKey key, LogManifest manifest, AppendBlobRequestConditions conditions,
        CancellationToken cancellationToken) => account.RunAsync(async token =>
    {
        try
        {
            BlobContentInfo made = await BlobOf(key).CreateAsync(
                new AppendBlobCreateOptions { Metadata = manifest.Write(), Conditions = conditions }, token);
            return new LogTail(manifest, manifest.Begin, 0, 0, made.ETag);
        }
        catch (RequestFailedException e) when (AzureFault.IsThere(e) || AzureFault.IsConditionNotMet(e))
        {
            return null;
        }
    }, cancellationToken);

    private AppendBlobClient BlobOf(ConversationKey key) =>
        account.Container.GetAppendBlobClient($"tail/{key.Tenant}/{key.Id.Code}");
}
