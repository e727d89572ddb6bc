using System.Globalization;
using Azure.Storage.Blobs.Models;

namespace Evergrain.Providers.Azure;

/// <summary>Reads the content of a blob as it comes.</summary>
internal static class BlobContent
{
    /// <summary>All of an answer, in an array of its size.</summary>
    public static async Task<byte[]> ReadAsync(
        BlobDownloadStreamingResult answer, CancellationToken cancellationToken)
    {
        var bytes = new byte[answer.Details.ContentLength];
        await answer.Content.ReadExactlyAsync(bytes, cancellationToken);
        return bytes;
    }

    /// <summary>A number in names, which sort as the numbers do.</summary>
    public static string Digits(long number) => number.ToString("d19", CultureInfo.InvariantCulture);
}
