using Evergrain.Conversations.Ports;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

public sealed class InMemoryJournalTests(ITestOutputHelper output) : JournalModelContract(output)
{
    // It stores what it allocates, and does so before it returns.
    protected override Task<long> CostAsync() => Task.FromResult(GC.GetAllocatedBytesForCurrentThread());

    protected override Task<IJournal> OpenAsync() => Task.FromResult<IJournal>(new InMemoryJournal());
}
