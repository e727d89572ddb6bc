using Evergrain.Providers.Postgres;
using Evergrain.Tests.Services;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>The one host of a journal in PostgreSQL, which others might write too.</summary>
[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class EmbeddedPostgresTests(PostgresServer server) : ConversationsContract
{
    private string? _url;

    protected override bool KnowsItsDead => false;

    protected override async Task<ContractHost> StartHostAsync()
    {
        var url = _url ??= server.Url(await server.CreateDatabaseAsync());
        return await PostgresHost.StartAsync(url);
    }
}

/// <summary>Two hosts on one database.</summary>
[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class SharedPostgresTests(PostgresServer server) : SharedJournalContract
{
    private string? _url;

    protected override async Task<ContractHost> StartHostAsync()
    {
        var url = _url ??= server.Url(await server.CreateDatabaseAsync());
        return await PostgresHost.StartAsync(url);
    }
}

internal static class PostgresHost
{
    public static async Task<ContractHost> StartAsync(string url) => await EmbeddedHost.StartAsync(async () =>
        await PostgresJournal.OpenAsync(new PostgresJournalOptions { Url = url }, CancellationToken.None));
}
