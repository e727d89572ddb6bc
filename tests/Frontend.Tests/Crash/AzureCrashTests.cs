using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Specialized;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Azure;
using Evergrain.Suites.Crash;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>
/// The server is killed again and again, while its connections to the storage are cut before a request or before its
/// answer.
/// </summary>
[Trait("Needs", "Azurite")]
[Collection(nameof(AzuriteProcessTests))]
public sealed class AzureCrashTests(AzuriteServer azurite, ITestOutputHelper output) : CrashContract(output)
{
    private static readonly TimeSpan BetweenCuts = TimeSpan.FromMilliseconds(150);

    // What a killed server sent is carried out within this, or its connection is gone.
    private static readonly TimeSpan LastRequests = TimeSpan.FromMilliseconds(500);

    private readonly ITestOutputHelper _output = output;
    private readonly string _container = azurite.NewContainer();
    private readonly CancellationTokenSource _ended = new();
    private CuttingProxy _blobs = null!;
    private CuttingProxy _tables = null!;
    private Task _cutting = Task.CompletedTask;
    private int _cuts;

    protected override string Name => "Azure Storage";

    protected override int Rounds => 4;

    public override async Task InitializeAsync()
    {
        await azurite.StartAsync();
        (_blobs, _tables) = (new CuttingProxy(azurite.BlobPort), new CuttingProxy(azurite.TablePort));
        _cutting = CutAsync();
        await base.InitializeAsync();
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _ended.CancelAsync();
        await _cutting;
        await _blobs.DisposeAsync();
        await _tables.DisposeAsync();
        _ended.Dispose();
        CrashTally.Note(_output, $"crash test, Azure Storage: {_cuts} requests or answers were cut");
        Assert.NotEqual(0, _cuts);
    }

    internal override ServerSettings Server() =>
        ServerSettings.OnAzure(AzuriteServer.ConnectionStringOver(_blobs.Port, _tables.Port), _container);

    protected override async Task<IJournal> OpenJournalAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(LastRequests, TimeProvider.System, cancellationToken);
        await EndLeaseAsync(cancellationToken);
        return await AzureJournal.OpenAsync(
            new AzureJournalOptions { Account = azurite.ConnectionString, Container = _container }, cancellationToken);
    }

    // The next server would wait for it, up to 15 s each time.
    private async Task EndLeaseAsync(CancellationToken cancellationToken)
    {
        var options = new BlobClientOptions(BlobClientOptions.ServiceVersion.V2023_11_03);
        var blob = new BlobServiceClient(azurite.ConnectionString, options).GetBlobContainerClient(_container)
            .GetBlobClient("lock");
        try
        {
            await blob.GetBlobLeaseClient().BreakAsync(TimeSpan.Zero, cancellationToken: cancellationToken);
        }
        catch (global::Azure.RequestFailedException e) when (e.Status is 404 or 409)
        {
            // Nobody had it yet, or it was let go.
        }
    }

    private async Task CutAsync()
    {
        for (var turn = 0; !_ended.IsCancellationRequested; turn++)
        {
            await Task.Delay(BetweenCuts, TimeProvider.System, _ended.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var way = turn % 4 == 3 ? _tables : _blobs;
            var cut = turn % 2 == 0 ? way.CutAnswer() : way.CutRequest();
            await cut.WaitAsync(BetweenCuts, TimeProvider.System)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _cuts += cut.IsCompleted ? 1 : 0;
        }
    }
}
