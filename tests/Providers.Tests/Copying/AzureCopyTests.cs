using Evergrain.Conversations.Ports;
using Evergrain.Providers.Azure;
using Evergrain.Providers.Copying;
using Evergrain.Providers.Journals;
using Evergrain.Providers.Sqlite;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Copying;

/// <summary>From a directory into Azure Storage, and back.</summary>
[Trait("Needs", "Azurite")]
public sealed class AzureCopyTests(AzuriteServer server)
    : CopyFixture, IAsyncLifetime, IClassFixture<AzuriteServer>
{
    private readonly string _container = server.NewContainer();

    public Task InitializeAsync() => server.StartAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Copy_ThereAndBack_IsTheSource_InItsOrder()
    {
        await FillAsync();
        var tally = await CopyAsync(await OpenAzureAsync(isCopyTarget: true));
        Assert.Equal((Conversations, Conversations), (tally.Copied, tally.Compared));
        await using (var journal = await OpenAzureAsync(isCopyTarget: false))
        {
            Assert.Equal(await ReadAsync(Source), await ReadAsync(journal));
            await AppendAsync(journal, KeyOf(Conversations + 1), 3, 10);
            await journal.AppendAsync(KeyOf(0), new JournalEnd(1, ulong.MaxValue), 5, Append(KeyOf(0), 1, 9), Token);
        }

        await using (var source = await OpenSourceAsync())
        await using (var target = (SqliteJournal)await OpenTargetAsync(PathOf("back")))
        {
            await new JournalCopy(new CopiedJournals(source, target), new CopyTally()).RunAsync(Token);
        }

        await using var copied = await OpenAzureAsync(isCopyTarget: false);
        Assert.Equal(await ReadAsync(copied), await ReadAsync(PathOf("back")));
    }

    [Fact]
    public async Task Copy_BrokenOff_IsNotServed_AndGoesOn()
    {
        await FillAsync();
        foreach (var more in (int[])[0, 100, 400])
        {
            await BreakAsync(await OpenAzureAsync(isCopyTarget: true), more);
            var refused = await Assert.ThrowsAsync<JournalUnavailableException>(
                () => OpenAzureAsync(isCopyTarget: false));
            Assert.Contains("is an unfinished copy: run evergrain copy again", refused.Message,
                StringComparison.Ordinal);
            refused = await Assert.ThrowsAsync<JournalUnavailableException>(OpenSourceAsync);
            Assert.Contains("is an unfinished copy", refused.Message, StringComparison.Ordinal);
        }

        await CopyAsync(await OpenAzureAsync(isCopyTarget: true));

        await using var journal = await OpenAzureAsync(isCopyTarget: false);
        Assert.Equal(await ReadAsync(Source), await ReadAsync(journal));
        var filled = await Assert.ThrowsAsync<JournalUnavailableException>(() => OpenAzureAsync(isCopyTarget: true));
        Assert.Contains("holds conversations, and no unfinished copy", filled.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Source_ThatIsNotThere_OrIsServed_IsRefused()
    {
        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(OpenSourceAsync);
        Assert.Contains("There is no journal in", refused.Message, StringComparison.Ordinal);
        await using var served = await OpenAzureAsync(isCopyTarget: false);
        await using var held = await AzureJournalLock.TakeAsync(
            Options(isCopyTarget: false), JournalOwner.Alone, waits: null, Token);
        refused = await Assert.ThrowsAsync<JournalUnavailableException>(OpenSourceAsync);
        Assert.Contains("is in use by another process", refused.Message, StringComparison.Ordinal);
    }

    // Twice the rows of a page, and those of deleted logs among them.
    [Fact]
    public async Task Roster_OfManyConversations_HasEachOnce()
    {
        const int count = 520;
        await using var journal = await OpenAzureAsync(isCopyTarget: false);
        await Parallel.ForAsync(0, count, Token, async (number, _) => await AppendAsync(journal, KeyOf(number), 1, 10));
        await journal.DeleteAsync(KeyOf(7), new JournalEnd(1, ulong.MaxValue), Token);
        var keys = new List<string>();
        for (long? next = 0; next is { } behind;)
        {
            var page = await ((ICopyTarget)journal).ReadRosterAsync(behind, Token);
            keys.AddRange(page.Entries.Select(static entry => $"{entry.Key}"));
            next = page.Next;
        }

        Assert.Equal(Enumerable.Range(0, count).Where(static number => number != 7)
            .Select(static number => $"{KeyOf(number)}").Order(StringComparer.Ordinal),
            keys.Order(StringComparer.Ordinal));
    }

    private Task<AzureJournal> OpenAzureAsync(bool isCopyTarget) =>
        AzureJournal.OpenAsync(Options(isCopyTarget), Token);

    private Task<AzureCopySource> OpenSourceAsync() => AzureCopySource.OpenAsync(Options(isCopyTarget: false), Token);

    private AzureJournalOptions Options(bool isCopyTarget) => new()
    {
        Account = server.ConnectionString,
        Container = _container,
        IsCopyTarget = isCopyTarget,
        LeasePatience = TimeSpan.FromSeconds(1),
    };
}
