using Evergrain.Conversations.Ports;
using Evergrain.Providers.Postgres;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class PostgresJournalTests(PostgresServer server, ITestOutputHelper output) : JournalModelContract(output)
{
    private string _url = "";

    public override async Task InitializeAsync()
    {
        _url = server.Url(await server.CreateDatabaseAsync());
        await base.InitializeAsync();
    }

    [Fact]
    public void IsExclusive_Never() => Assert.False(Journal.IsExclusive);

    protected override async Task<IJournal> OpenAsync() =>
        await PostgresJournal.OpenAsync(new PostgresJournalOptions { Url = _url }, Token);
}
