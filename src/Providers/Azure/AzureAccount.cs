using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Data.Tables;
using Azure.Identity;
using Azure.Storage.Blobs;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Azure;

/// <summary>The container and the tables of a deployment, and how requests to them are sent.</summary>
internal sealed class AzureAccount
{
    // What the SDK waits before it sends again, doubled each time.
    private static readonly TimeSpan PauseMin = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(2);

    private readonly AzureJournalOptions _options;

    /// <summary>Reads where it is. Nothing is sent yet.</summary>
    /// <exception cref="JournalUnavailableException">It is neither a URL nor a connection string.</exception>
    public AzureAccount(AzureJournalOptions options)
    {
        _options = options;
        try
        {
            (BlobServiceClient blobs, TableServiceClient tables) = IsUrl(options.Account)
                ? ByIdentity(new Uri(options.Account))
                : (new BlobServiceClient(options.Account, Configure(BlobOptions())),
                    new TableServiceClient(options.Account, Configure(new TableClientOptions())));
            Container = blobs.GetBlobContainerClient(options.Container);
            Service = tables;
            Logs = tables.GetTableClient(options.Container + "logs");
            Totals = tables.GetTableClient(options.Container + "totals");
        }
        catch (Exception e) when (e is FormatException or ArgumentException or InvalidOperationException)
        {
            throw new JournalUnavailableException("The storage account is neither a connection string nor a URL such " +
                "as https://NAME.blob.core.windows.net: correct the journal's URL.");
        }

        Place = $"the container {Container.Name} at {Container.Uri.GetLeftPart(UriPartial.Authority)}";
    }

    /// <summary>Account and container, for people; never the key.</summary>
    public string Place { get; }

    public BlobContainerClient Container { get; }

    /// <summary>All tables of the account.</summary>
    public TableServiceClient Service { get; }

    /// <summary>The rows of logs.</summary>
    public TableClient Logs { get; }

    /// <summary>What tenants used.</summary>
    public TableClient Totals { get; }

    /// <summary>Is told each time that the storage does not answer.</summary>
    public Action<JournalUnavailableException>? Away { get; set; }

    /// <summary>
    /// Does a step, for a bounded time. An answer that the step does not handle ends it, and so does no answer.
    /// </summary>
    /// <exception cref="JournalUnavailableException">The storage failed: what became of the step is not known.
    /// </exception>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> step, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(_options.StepTimeout, _options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            return await step(either.Token);
        }
        catch (Exception e) when (AzureFault.IsFailure(e))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var failure = AzureFault.Unavailable(e, Place);
            if (AzureFault.IsAway(e))
            {
                Away?.Invoke(failure);
            }

            throw failure;
        }
    }

    private static bool IsUrl(string account) => account.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    // What the service does with a request is fixed with its version, and does not change with the SDK's. This one
    // allows blocks of 100 MiB.
    private static BlobClientOptions BlobOptions() => new(BlobClientOptions.ServiceVersion.V2023_11_03);

    private (BlobServiceClient Blobs, TableServiceClient Tables) ByIdentity(Uri blobs)
    {
        var identity = new DefaultAzureCredential();
        var tables = new UriBuilder(blobs) { Host = blobs.Host.Replace(".blob.", ".table.", StringComparison.Ordinal) };
        return (new BlobServiceClient(blobs, identity, Configure(BlobOptions())),
            new TableServiceClient(tables.Uri, identity, Configure(new TableClientOptions())));
    }

    private T Configure<T>(T options)
        where T : ClientOptions
    {
        options.Retry.Mode = RetryMode.Exponential;
        options.Retry.Delay = PauseMin;
        options.Retry.MaxDelay = PauseMax;
        options.Retry.MaxRetries = _options.RetriesMax;
        options.Retry.NetworkTimeout = _options.AnswerTimeout;
        if (_options.Watch is { } watch)
        {
            options.AddPolicy(watch, HttpPipelinePosition.PerRetry);
        }

        return options;
    }
}
