using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.InProcess;
using Evergrain.Providers.Azure;
using Evergrain.Providers.Postgres;
using Evergrain.Providers.Sqlite;
using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>Starts the in-process host over a kind of journal.</summary>
internal sealed class InProcessHosts(Func<HostSetup, Task<InProcessHost>> start) : IContractHosts
{
    public static readonly InProcessHosts InMemory = new(static setup =>
        InProcessHost.StartInMemoryAsync(OptionsFor(setup), setup));

    public static readonly InProcessHosts Sqlite = new(StartSqliteAsync);

    public static InProcessHosts Postgres(PostgresServer server, string? database = null) => new(async setup =>
    {
        var url = server.Url(database ?? await server.CreateDatabaseAsync());
        return await InProcessHost.StartAsync(
            async () => await PostgresJournal.OpenAsync(
                new PostgresJournalOptions { Url = url, KeepsHistories = setup.Recognition is not null },
                CancellationToken.None),
            OptionsFor(setup), setup);
    });

    public static InProcessHosts Azure(AzuriteServer server) => new(async setup =>
    {
        var time = new ManualTime();
        var options = new AzureJournalOptions
        {
            Account = server.ConnectionString,
            Container = server.NewContainer(),
            Clock = time,
        };
        return await InProcessHost.StartAsync(
            async () => await AzureJournal.OpenAsync(options, CancellationToken.None), OptionsFor(setup), setup, time);
    });

    public async Task<ContractHost> StartAsync(HostSetup setup) => await start(setup);

    private static async Task<InProcessHost> StartSqliteAsync(HostSetup setup)
    {
        var directory = Path.Combine(Path.GetTempPath(), "evergrain-" + Base62.Format(new RandomIdSource().Next128()));
        var host = await InProcessHost.StartAsync(
            async () => await SqliteJournal.OpenAsync(
                new SqliteJournalOptions
                {
                    Directory = directory,
                    KeepsHistories = setup.Recognition is not null,
                }, CancellationToken.None),
            OptionsFor(setup), setup);
        host.Directory = directory;
        return host;
    }

    private static InProcessOptions OptionsFor(HostSetup setup)
    {
        var options = new InProcessOptions();
        options.WarmBytesMax = setup.WarmBytesMax ?? options.WarmBytesMax;
        return options;
    }
}
