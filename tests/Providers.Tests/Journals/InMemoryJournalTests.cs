using Evergrain.Conversations.Ports;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

public sealed class InMemoryJournalTests(ITestOutputHelper output) : JournalModelContract(output)
{
    [Fact]
    public void IsExclusive_Always() => Assert.True(Journal.IsExclusive);

    protected override Task<IJournal> OpenAsync() => Task.FromResult<IJournal>(new InMemoryJournal());
}
