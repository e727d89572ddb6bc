using System.Globalization;
using System.Net;
using Azure;
using Azure.Data.Tables;
using Azure.Storage.Blobs.Models;
using Evergrain.Conversations.Ports;
using Evergrain.Grains;
using Evergrain.Providers.Azure;
using Orleans.Hosting;

namespace Evergrain.Silo.Membership;

/// <summary>
/// The cluster's tables and blobs in the storage account of a journal in Azure Storage. Their names begin with the
/// journal's container, so that two deployments in one account never meet.
/// </summary>
internal sealed class ClusterAccount : IClusterStore
{
    // Shorter than an append waits: Orleans asks again.
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(5);
    private const int RetriesMax = 2;

    // Every member writes each 30 seconds that it is alive.
    private static readonly TimeSpan AliveTime = TimeSpan.FromMinutes(2);

    // The clock that an answer shows has whole seconds.
    private static readonly TimeSpan HalfSecond = TimeSpan.FromMilliseconds(500);

    private const string AuthorityFolder = "authority/";
    private const string Joining = "Joining", Active = "Active";
    private const string AddressColumn = "Address", HostColumn = "HostName";

    // A partition of a table cannot be called so.
    private static readonly char[] Refused = ['/', '\\', '#', '?'];

    private readonly AzureAccount _account;
    private readonly TableClient _silos;
    private readonly TableClient _states;

    /// <summary>Reads where it is. Nothing is sent yet.</summary>
    /// <exception cref="JournalUnavailableException">The account is neither a URL nor a connection string.</exception>
    public ClusterAccount(AzureJournalOptions journal)
    {
        _account = new AzureAccount(new AzureJournalOptions
        {
            Account = journal.Account,
            Container = journal.Container,
            AnswerTimeout = AnswerTimeout,
            RetriesMax = RetriesMax,
        });
        _silos = _account.Service.GetTableClient(journal.Container + "silos");
        _states = _account.Service.GetTableClient(journal.Container + "states");
    }

    /// <inheritdoc/>
    public string Name => "Azure Storage";

    /// <inheritdoc/>
    public string AuthorityPlace => $"the blobs {AuthorityFolder} of the container {_account.Container.Name}";

    /// <inheritdoc/>
    public string Host => _account.Container.Uri.Host;

    /// <inheritdoc/>
    public int Port => _account.Container.Uri.Port;

    /// <summary>Why a cluster cannot have an id here; null: it can.</summary>
    public static string? FindMistake(string? id) => id is null || id.IndexOfAny(Refused) < 0
        ? null
        : $"Cluster:Id '{id}' holds one of / \\ # and ?: with Journal 'azure' name the cluster without them.";

    /// <inheritdoc/>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        await AzureSchema.MakeTableAsync(_account, _silos, cancellationToken);
        await AzureSchema.MakeTableAsync(_account, _states, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellationToken)
    {
        var (_, now) = await AzureSchema.LookAsync(_account, cancellationToken);
        return now + HalfSecond ??
            throw new JournalUnavailableException($"The answer of {_account.Place} holds no date: see what stands " +
                "between this process and the account.");
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ClusterMemberPlace>> ReadMembersAsync(
        string cluster, CancellationToken cancellationToken)
    {
        // Azure notes by its own clock when a row was written.
        var since = await ReadClockAsync(cancellationToken) - AliveTime;
        var living = TableClient.CreateQueryFilter(
            $"PartitionKey eq {cluster} and (Status eq {Joining} or Status eq {Active})");
        return await _account.RunAsync<IReadOnlyList<ClusterMemberPlace>>(async token =>
        {
            var members = new List<ClusterMemberPlace>();
            await foreach (var row in _silos.QueryAsync<TableEntity>(living, cancellationToken: token))
            {
                // Orleans has rows beside those of silos.
                if (row.Timestamp > since && row.GetString(AddressColumn) is { } address)
                {
                    members.Add(new ClusterMemberPlace(IPAddress.Parse(address), row.GetString(HostColumn)));
                }
            }

            return members;
        }, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<AuthorityText>> ReadAuthoritiesAsync(CancellationToken cancellationToken) =>
        _account.RunAsync<IReadOnlyList<AuthorityText>>(async token =>
        {
            var found = new List<AuthorityText>();
            var options = new GetBlobsOptions { Prefix = AuthorityFolder };
            await foreach (var blob in _account.Container.GetBlobsAsync(options, token))
            {
                BlobDownloadResult read =
                    await _account.Container.GetBlobClient(blob.Name).DownloadContentAsync(token);

                // One file holds both, each under its own heading.
                var pem = read.Content.ToString();
                _ = int.TryParse(blob.Name[AuthorityFolder.Length..], CultureInfo.InvariantCulture, out var number);
                found.Add(new AuthorityText(number, pem, pem));
            }

            return [.. found.OrderBy(static one => one.Number)];
        }, cancellationToken);

    /// <inheritdoc/>
    public Task AddAuthorityAsync(AuthorityText authority, CancellationToken cancellationToken) =>
        _account.RunAsync(async token =>
        {
            var name = AuthorityFolder + authority.Number.ToString(CultureInfo.InvariantCulture);
            try
            {
                await _account.Container.GetBlobClient(name).UploadAsync(
                    BinaryData.FromString($"{authority.Certificate}\n{authority.Key}\n"), new BlobUploadOptions
                    {
                        Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All },
                    }, token);
            }
            catch (RequestFailedException e) when (e.Status is 409 or 412)
            {
                // Another process was first.
            }

            return true;
        }, cancellationToken);

    /// <inheritdoc/>
    public void AddTo(ISiloBuilder silo)
    {
        silo.UseAzureStorageClustering(options =>
            (options.TableServiceClient, options.TableName) = (_account.Service, _silos.Name));

        // Its rows are named after the service; the blobs of the same package are not.
        silo.AddAzureTableGrainStorage(ClusterStorage.Name, options =>
        {
            options.TableServiceClient = _account.Service;
            options.TableName = _states.Name;
            options.GrainStorageSerializer = new StateSerializer();
        });
    }

    /// <inheritdoc/>
    public void AddTo(IClientBuilder client) => client.UseAzureStorageClustering(options =>
        (options.TableServiceClient, options.TableName) = (_account.Service, _silos.Name));
}
