using System.Text.Json;
using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Azure;

/// <summary>
/// The lifetimes and since when they count: one blob of JSON, which is replaced as a whole. A start with a lifetime
/// makes it. Builds that do not know it pass it over.
/// </summary>
internal static class AzureLifetimes
{
    private const string Name = "lifetimes";
    private const string Tenant = "tenant", Lifetime = "milliseconds", Since = "since";

    /// <summary>See <see cref="ILifetimeReader.ReadLifetimesAsync"/>.</summary>
    public static async Task<IReadOnlyList<KeptLifetime>> ReadAsync(
        AzureAccount account, CancellationToken cancellationToken) =>
        (await FindAsync(account, cancellationToken)).Kept;

    /// <summary>See <see cref="ILifetimeStore.KeepLifetimesAsync"/>. Again it keeps the same.</summary>
    public static async Task<IReadOnlyList<KeptLifetime>> KeepAsync(AzureAccount account,
        IReadOnlyList<LifetimeRule> rules, DateTimeOffset now, CancellationToken cancellationToken)
    {
        while (true)
        {
            var (before, tag) = await FindAsync(account, cancellationToken);
            var kept = KeptLifetime.Next(before, rules, now);
            if (kept.SequenceEqual(before) || await TryWriteAsync(account, kept, tag, cancellationToken))
            {
                return kept;
            }

            // Another process wrote meanwhile, or this one did and the answer was lost.
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Takes the blob out of an empty journal: what is copied into it counts from its first start.</summary>
    public static Task RemoveAsync(AzureAccount account, CancellationToken cancellationToken) => account.RunAsync(
        token => BlobOf(account).DeleteIfExistsAsync(cancellationToken: token), cancellationToken);

    private static Task<(IReadOnlyList<KeptLifetime> Kept, ETag? Tag)> FindAsync(
        AzureAccount account, CancellationToken cancellationToken) =>
        account.RunAsync<(IReadOnlyList<KeptLifetime>, ETag?)>(async token =>
        {
            try
            {
                BlobDownloadResult found = await BlobOf(account).DownloadContentAsync(token);
                using var json = JsonDocument.Parse(found.Content);
                return ([.. json.RootElement.EnumerateArray().Select(Read)], found.Details.ETag);
            }
            catch (RequestFailedException e) when (AzureFault.IsBlobMissing(e))
            {
                return ([], null);
            }
        }, cancellationToken);

    /// <summary>False: the blob is another one by now.</summary>
    private static Task<bool> TryWriteAsync(AzureAccount account, IReadOnlyList<KeptLifetime> kept, ETag? tag,
        CancellationToken cancellationToken) => account.RunAsync(async token =>
    {
        try
        {
            using var content = new MemoryStream(Write(kept), writable: false);
            await BlobOf(account).UploadAsync(content, new BlobUploadOptions
            {
                Conditions = tag is null
                    ? new BlobRequestConditions { IfNoneMatch = ETag.All }
                    : new BlobRequestConditions { IfMatch = tag },
            }, token);
            return true;
        }
        catch (RequestFailedException e) when (AzureFault.IsThere(e) || AzureFault.IsConditionNotMet(e))
        {
            return false;
        }
    }, cancellationToken);

    private static KeptLifetime Read(JsonElement one) => new(one.GetProperty(Tenant).GetString()!,
        TimeSpan.FromMilliseconds(one.GetProperty(Lifetime).GetInt64()),
        DateTimeOffset.FromUnixTimeMilliseconds(one.GetProperty(Since).GetInt64()));

    private static byte[] Write(IReadOnlyList<KeptLifetime> kept)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartArray();
            foreach (var one in kept)
            {
                json.WriteStartObject();
                json.WriteString(Tenant, one.Tenant);
                json.WriteNumber(Lifetime, (long)one.Lifetime.TotalMilliseconds);
                json.WriteNumber(Since, one.Since.ToUnixTimeMilliseconds());
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        return bytes.ToArray();
    }

    private static BlockBlobClient BlobOf(AzureAccount account) => account.Container.GetBlockBlobClient(Name);
}
