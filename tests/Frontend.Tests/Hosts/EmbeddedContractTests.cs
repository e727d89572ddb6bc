using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Sqlite;

namespace Evergrain.Frontend.Tests.Hosts;

public sealed class EmbeddedInMemoryTests : ConversationsContract
{
    protected override async Task<ContractHost> StartHostAsync() => await EmbeddedHost.StartInMemoryAsync();
}

public sealed class EmbeddedSqliteTests : ConversationsContract
{
    private readonly string _directory = Path.Combine(
        Path.GetTempPath(), "evergrain-" + Base62.Format(new RandomIdSource().Next128()));

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    protected override async Task<ContractHost> StartHostAsync() => await EmbeddedHost.StartAsync(async () =>
        await SqliteJournal.OpenAsync(new SqliteJournalOptions { Directory = _directory }, CancellationToken.None));
}

/// <summary>The one host of a journal that others might write too.</summary>
public sealed class EmbeddedSharedTests : ConversationsContract
{
    protected override bool KnowsItsDead => false;

    protected override async Task<ContractHost> StartHostAsync() =>
        await EmbeddedHost.StartSharedAsync(new InMemoryJournal());
}
