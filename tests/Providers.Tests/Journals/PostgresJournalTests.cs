using Evergrain.Conversations.Ports;
using Evergrain.Providers.Postgres;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class PostgresJournalTests(PostgresServer server, ITestOutputHelper output)
    : SharedJournalContract(output)
{
    private readonly string _schema = server.NewSchema();

    public override async Task InitializeAsync()
    {
        await server.StartAsync();
        await base.InitializeAsync();
    }

    // The whole server's write-ahead log: nothing else of weight runs on it meanwhile.
    protected override async Task<long> CostAsync() => (long)(await server.ExecuteAsync(
        PostgresServer.Database, "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"))!;

    protected override async Task<IJournal> OpenAsync() => await PostgresJournal.OpenAsync(
        new PostgresJournalOptions { Url = server.Url(PostgresServer.Database), Schema = _schema }, Token);
}
