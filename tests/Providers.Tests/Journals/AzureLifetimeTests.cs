using Evergrain.Conversations.Ports;
using Evergrain.Providers.Azure;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Journals;

[Trait("Needs", "Azurite")]
[Collection(AzuriteCollection.Name)]
public sealed class AzureLifetimeTests(AzuriteServer server) : LifetimeStoreContract
{
    private readonly string _container = server.NewContainer();

    public override async Task InitializeAsync()
    {
        await server.StartAsync();
        await base.InitializeAsync();
    }

    protected override async Task<IJournal> OpenAsync() => await AzureJournal.OpenAsync(
        new AzureJournalOptions { Account = server.ConnectionString, Container = _container }, default);
}
