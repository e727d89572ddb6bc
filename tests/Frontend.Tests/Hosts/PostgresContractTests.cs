using Evergrain.Providers.Postgres;
using Evergrain.Tests.Services;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>The one host of a journal in PostgreSQL.</summary>
[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class InProcessPostgresTests(PostgresServer server) : ConversationsContract
{
    private string? _url;

    protected override async Task<ContractHost> StartHostAsync()
    {
        var url = _url ??= server.Url(await server.CreateDatabaseAsync());
        return await InProcessHost.StartAsync(async () =>
            await PostgresJournal.OpenAsync(new PostgresJournalOptions { Url = url }, CancellationToken.None));
    }
}
