using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Sqlite;

namespace Evergrain.Frontend.Tests.Hosts;

public sealed class InProcessInMemoryTests : ConversationsContract
{
    protected override async Task<ContractHost> StartHostAsync() => await InProcessHost.StartInMemoryAsync();
}

public sealed class InProcessSqliteTests : ConversationsContract
{
    private readonly string _directory = Path.Combine(
        Path.GetTempPath(), "evergrain-" + Base62.Format(new RandomIdSource().Next128()));

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    protected override async Task<ContractHost> StartHostAsync() => await InProcessHost.StartAsync(async () =>
        await SqliteJournal.OpenAsync(new SqliteJournalOptions { Directory = _directory }, CancellationToken.None));
}
