using System.Globalization;
using Azure;
using Azure.Data.Tables;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Providers.Azure;

/// <summary>
/// The container and the tables of a journal, and the blob that says how it is written: the version of its layout, and
/// the newest format of its records, which never falls.
/// </summary>
internal static class AzureSchema
{
    /// <summary>Written over while nothing else can be stored, to find out.</summary>
    public const string ProbeName = "probe";

    private const string BlobName = "journal";
    private const string VersionName = "evergrain_version", FormatName = "evergrain_format";
    private const int Version = 1;

    /// <summary>Makes what is not there, and checks what is.</summary>
    /// <returns>The newest format of the journal's records, for now.</returns>
    /// <exception cref="JournalUnavailableException">A newer build wrote the journal, or Azure failed.</exception>
    public static async Task<int> PrepareAsync(
        AzureAccount account, AzureJournalOptions options, CancellationToken cancellationToken)
    {
        await MakeContainerAsync(account, cancellationToken);
        await MakeTableAsync(account, account.Logs, cancellationToken);
        await MakeTableAsync(account, account.Totals, cancellationToken);
        if (options.IsShared)
        {
            return await JoinAsync(account, cancellationToken);
        }

        int? written = null;
        while (written is null)
        {
            cancellationToken.ThrowIfCancellationRequested();
            written = await TryAgreeAsync(account, options.Format, isJoining: false, cancellationToken);
        }

        return written.Value;
    }

    /// <summary>
    /// Checks the journal as one process of several, and writes its blob anew: so a process that is about to raise the
    /// format looks again.
    /// </summary>
    /// <returns>The newest format of the journal's records, for now.</returns>
    /// <exception cref="JournalUnavailableException">A newer build wrote the journal, or Azure failed.</exception>
    public static async Task<int> JoinAsync(AzureAccount account, CancellationToken cancellationToken)
    {
        int? written = null;
        while (written is null)
        {
            cancellationToken.ThrowIfCancellationRequested();
            written = await TryAgreeAsync(account, RecordFormat.First, isJoining: true, cancellationToken);
        }

        return written.Value;
    }

    /// <summary>Makes a table, if it is not there.</summary>
    public static Task MakeTableAsync(
        AzureAccount account, TableClient table, CancellationToken cancellationToken) =>
        MakeAsync(account, token => table.CreateIfNotExistsAsync(token), cancellationToken);

    /// <summary>Makes the container, if it is not there.</summary>
    public static Task MakeContainerAsync(AzureAccount account, CancellationToken cancellationToken) => MakeAsync(
        account, token => account.Container.CreateIfNotExistsAsync(cancellationToken: token), cancellationToken);

    /// <summary>Whether the container is there, and Azure's clock.</summary>
    public static Task<(bool IsThere, DateTimeOffset? Now)> LookAsync(
        AzureAccount account, CancellationToken cancellationToken) => account.RunAsync(async token =>
    {
        try
        {
            var found = await account.Container.GetPropertiesAsync(cancellationToken: token);
            return (true, found.GetRawResponse().Headers.Date);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return (false, e.GetRawResponse()?.Headers.Date);
        }
    }, cancellationToken);

    /// <summary>The newest format of a journal's records; null: there is no journal.</summary>
    public static Task<int?> ReadFormatAsync(AzureAccount account, CancellationToken cancellationToken) =>
        account.RunAsync<int?>(async token =>
        {
            try
            {
                BlobProperties found = await BlobOf(account).GetPropertiesAsync(cancellationToken: token);
                return Check(account, found.Metadata);
            }
            catch (RequestFailedException e) when (e.Status == 404)
            {
                return null;
            }
        }, cancellationToken);

    /// <summary>The newest format of a journal's records, and what its blob is known by.</summary>
    public static Task<(int Format, ETag Tag)> ReadAsync(
        AzureAccount account, CancellationToken cancellationToken) => account.RunAsync(async token =>
    {
        BlobProperties found = await BlobOf(account).GetPropertiesAsync(cancellationToken: token);
        return (Check(account, found.Metadata), found.ETag);
    }, cancellationToken);

    /// <summary>Writes a newer format; false: another process wrote meanwhile.</summary>
    public static Task<bool> TryWriteAsync(
        AzureAccount account, int format, ETag before, CancellationToken cancellationToken) => account.RunAsync(
        token => TryWriteAsync(account, format, new BlobRequestConditions { IfMatch = before }, token),
        cancellationToken);

    private static BlockBlobClient BlobOf(AzureAccount account) => account.Container.GetBlockBlobClient(BlobName);

    private static Task MakeAsync(
        AzureAccount account, Func<CancellationToken, Task> make, CancellationToken cancellationToken) =>
        account.RunAsync(async token =>
        {
            try
            {
                await make(token);
            }
            catch (RequestFailedException e) when (e.Status == 403)
            {
                // An identity that has rights in the container alone may not make it: it is there, or the next step
                // says what is wrong.
            }

            return true;
        }, cancellationToken);

    /// <summary>The format that stands there by now; null: another process wrote meanwhile.</summary>
    private static Task<int?> TryAgreeAsync(
        AzureAccount account, int format, bool isJoining, CancellationToken cancellationToken) =>
        account.RunAsync<int?>(async token =>
        {
            var (written, conditions) = (0, new BlobRequestConditions { IfNoneMatch = ETag.All });
            try
            {
                BlobProperties found = await BlobOf(account).GetPropertiesAsync(cancellationToken: token);
                written = Check(account, found.Metadata);
                if (written >= format && !isJoining)
                {
                    return written;
                }

                conditions = new BlobRequestConditions { IfMatch = found.ETag };
            }
            catch (RequestFailedException e) when (AzureFault.IsBlobMissing(e))
            {
                // Nobody wrote it yet.
            }

            written = Math.Max(written, format);
            return await TryWriteAsync(account, written, conditions, token) ? written : null;
        }, cancellationToken);

    private static async Task<bool> TryWriteAsync(AzureAccount account, int format, BlobRequestConditions conditions,
        CancellationToken cancellationToken)
    {
        try
        {
            await BlobOf(account).UploadAsync(Stream.Null, new BlobUploadOptions
            {
                Metadata = new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    [VersionName] = Version.ToString(CultureInfo.InvariantCulture),
                    [FormatName] = format.ToString(CultureInfo.InvariantCulture),
                },
                Conditions = conditions,
            }, cancellationToken);
            return true;
        }
        catch (RequestFailedException e) when (AzureFault.IsThere(e) || AzureFault.IsConditionNotMet(e))
        {
            return false;
        }
    }

    /// <summary>The newest format of its records.</summary>
    private static int Check(AzureAccount account, IDictionary<string, string> metadata)
    {
        if (!metadata.TryGetValue(VersionName, out var version) || !metadata.TryGetValue(FormatName, out var said) ||
            !int.TryParse(said, CultureInfo.InvariantCulture, out var format))
        {
            throw new JournalUnavailableException(
                $"There is another program's data in {account.Place}: name another container.");
        }

        return version != Version.ToString(CultureInfo.InvariantCulture) || format > RecordFormat.Newest
            ? throw new JournalUnavailableException($"The journal in {account.Place} has version {version} and " +
                $"records of format {format}, this program reads version {Version} and up to " +
                $"{RecordFormat.Newest}: start the newer build that wrote it.")
            : format;
    }
}
