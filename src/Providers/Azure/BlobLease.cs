using System.Security.Cryptography;
using System.Text;
using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Azure;

/// <summary>
/// A lease of an empty blob. Azure gives and renews it to every process that names its id. So several processes hold
/// one lease together, and each of them renews it.
/// </summary>
/// <param name="account">Where the blob is.</param>
/// <param name="name">The blob.</param>
/// <param name="id">The lease's id: one of <see cref="SharedId"/> or <see cref="OwnId"/>.</param>
internal sealed class BlobLease(AzureAccount account, string name, string id)
{
    /// <summary>The shortest that Azure gives.</summary>
    public static readonly TimeSpan Time = TimeSpan.FromSeconds(15);

    private const int IdBytes = 16;

    private readonly BlobLeaseClient _lease = account.Container.GetBlobClient(name).GetBlobLeaseClient(id);

    private BlockBlobClient Blob => account.Container.GetBlockBlobClient(name);

    /// <summary>An id that nobody else has.</summary>
    public static string OwnId() => new RandomIdSource().Next128().ToString("x32", null);

    /// <summary>The id that all have who give the same name.</summary>
    public static string SharedId(string name) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, IdBytes));

    /// <summary>Makes the blob, if it is not there.</summary>
    public Task MakeAsync(CancellationToken cancellationToken) => account.RunAsync(async token =>
    {
        try
        {
            await Blob.UploadAsync(Stream.Null,
                new BlobUploadOptions { Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All } }, token);
        }
        catch (RequestFailedException e) when (e.Status is 409 or 412)
        {
            // It is there, perhaps under a lease.
        }

        return true;
    }, cancellationToken);

    /// <summary>Takes it, or has it for longer; false: it is there under another id.</summary>
    /// <remarks>A blob that was never made was never leased: that counts as taken.</remarks>
    public Task<bool> TryAcquireAsync(CancellationToken cancellationToken) => account.RunAsync(async token =>
    {
        try
        {
            await _lease.AcquireAsync(Time, cancellationToken: token);
            return true;
        }
        catch (RequestFailedException e) when (e.Status == 409 || AzureFault.IsBlobMissing(e))
        {
            return e.Status != 409;
        }
    }, cancellationToken);

    /// <summary>False: it ran out, and perhaps another process has it.</summary>
    public Task<bool> TryRenewAsync(CancellationToken cancellationToken) => account.RunAsync(async token =>
    {
        try
        {
            await _lease.RenewAsync(cancellationToken: token);
            return true;
        }
        catch (RequestFailedException e) when (e.Status is 409 or 412)
        {
            return false;
        }
    }, cancellationToken);

    /// <summary>Lets it go, if it can.</summary>
    public async Task ReleaseAsync()
    {
        try
        {
            await account.RunAsync(token => _lease.ReleaseAsync(cancellationToken: token), CancellationToken.None);
        }
        catch (JournalUnavailableException)
        {
            // It is another's by now, or runs out by itself.
        }
    }

    /// <summary>Writes a word for people beside it, while it is held.</summary>
    public Task NoteAsync(string key, string value, CancellationToken cancellationToken) => account.RunAsync(
        async token =>
        {
            try
            {
                await Blob.SetMetadataAsync(
                    new Dictionary<string, string>(StringComparer.Ordinal) { [key] = Uri.EscapeDataString(value) },
                    new BlobRequestConditions { LeaseId = id }, token);
            }
            catch (RequestFailedException e) when (e.Status is 409 or 412)
            {
                // It ran out meanwhile; the next renewal finds that.
            }

            return true;
        }, cancellationToken);

    /// <summary>The word that stands beside it; null: none.</summary>
    public Task<string?> ReadNoteAsync(string key, CancellationToken cancellationToken) => account.RunAsync(
        async token =>
        {
            BlobProperties found = await Blob.GetPropertiesAsync(cancellationToken: token);
            return found.Metadata.TryGetValue(key, out var value) ? Uri.UnescapeDataString(value) : null;
        }, cancellationToken);
}
