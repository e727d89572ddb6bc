using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Journals;

public sealed class InMemoryLifetimeTests : LifetimeStoreContract
{
    private readonly InMemoryJournal _journal = new();

    protected override Task CloseAsync() => Task.CompletedTask;

    protected override Task<IJournal> OpenAsync() => Task.FromResult<IJournal>(_journal);
}
