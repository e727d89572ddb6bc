using Evergrain.Conversations.Ports;
using Evergrain.Providers.Azure;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

[Trait("Needs", "Azurite")]
[Collection(AzuriteCollection.Name)]
public sealed class AzureJournalTests(AzuriteServer server, ITestOutputHelper output)
    : SharedJournalContract(output)
{
    private readonly string _container = server.NewContainer();
    private CuttingProxy _blobs = null!;
    private CuttingProxy _tables = null!;

    public override async Task InitializeAsync()
    {
        await server.StartAsync();
        (_blobs, _tables) = (new CuttingProxy(server.BlobPort), new CuttingProxy(server.TablePort));
        await base.InitializeAsync();
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _blobs.DisposeAsync();
        await _tables.DisposeAsync();
    }

    // What goes to the account and comes back, headers and all: a log that is read again to append would show.
    protected override Task<long> CostAsync() => Task.FromResult(_blobs.BytesPassed + _tables.BytesPassed);

    protected override async Task<IJournal> OpenAsync() => await AzureJournal.OpenAsync(new AzureJournalOptions
    {
        Account = AzuriteServer.ConnectionStringOver(_blobs.Port, _tables.Port),
        Container = _container,
    }, Token);
}
