using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Logging;

namespace Evergrain.Providers.Azure;

/// <summary>
/// Looks, at the start, whether the account keeps what is deleted or written over. What it keeps nobody has erased.
/// </summary>
internal static partial class AzureErasure
{
    /// <summary>
    /// Warns where blobs are deleted softly, or have versions. An account that does not let the process look is passed
    /// over; the soft deletion of whole containers cannot be seen from here.
    /// </summary>
    public static async Task LookAsync(AzureAccount account, ILogger logger, CancellationToken cancellationToken)
    {
        // An answer names the version that a write has made, if there are versions.
        BlobContentInfo written = await account.RunAsync(token => account.Container
            .GetAppendBlobClient(AzureSchema.ProbeName).CreateAsync(cancellationToken: token), cancellationToken);
        if (written.VersionId is not null)
        {
            LogVersions(logger, account.Place);
        }

        try
        {
            BlobServiceProperties service = await account.RunAsync(token => account.Container
                .GetParentBlobServiceClient().GetPropertiesAsync(token), cancellationToken);
            if (service.DeleteRetentionPolicy is { Enabled: true } policy)
            {
                LogSoftDelete(logger, account.Place, policy.Days);
            }
        }
        catch (JournalUnavailableException)
        {
            // An identity that may use the container alone is not shown the account's properties.
        }
    }

    [LoggerMessage(460, LogLevel.Warning, "The account of {Place} keeps versions of blobs: deleted conversations " +
        "stay there until it removes them. Switch versions off, or remove old ones by a rule.")]
    private static partial void LogVersions(ILogger logger, string place);

    [LoggerMessage(461, LogLevel.Warning, "The account of {Place} deletes blobs softly: deleted conversations stay " +
        "there for {Days} days. Switch soft delete off.")]
    private static partial void LogSoftDelete(ILogger logger, string place, int? days);
}
