using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Postgres;
using Evergrain.Providers.Sqlite;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What every store of tenants' totals must do.</summary>
public static class TenantTotalsContract
{
    private static readonly TurnCounts Counts = new(1, 2, 3, 4, 5, 60, 7, 8);

    /// <summary>Each report counts once, and what was added is there after the store was opened again.</summary>
    /// <param name="openAsync">Opens the store, which the caller keeps; what was opened before is closed.</param>
    public static async Task AddsEachReportOnceAsync(Func<Task<ITenantTotals>> openAsync)
    {
        var totals = await openAsync();
        Assert.Equal(default, await totals.GetAsync("one", default));

        await totals.AddAsync("one", new TenantReport(ulong.MaxValue, 1, Counts), default);
        await totals.AddAsync("one", new TenantReport(ulong.MaxValue, 1, Counts), default);
        Assert.Equal(Counts, await totals.GetAsync("one", default));
        await totals.AddAsync("one", new TenantReport(ulong.MaxValue, 2, Counts), default);
        await totals.AddAsync("two", new TenantReport(ulong.MaxValue, 3, Counts), default);

        totals = await openAsync();
        await totals.AddAsync("one", new TenantReport(7, 1, Counts), default);
        Assert.Equal(Counts.Plus(Counts).Plus(Counts), await totals.GetAsync("one", default));
        Assert.Equal(Counts, await totals.GetAsync("two", default));
    }
}

public sealed class SqliteTenantTotalsTests : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("evergrain-totals-");
    private SqliteJournal? _journal;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await CloseAsync();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public Task Totals_AddEachReportOnce() => TenantTotalsContract.AddsEachReportOnceAsync(async () =>
    {
        await CloseAsync();
        return _journal = await SqliteJournal.OpenAsync(
            new SqliteJournalOptions { Directory = _directory.FullName }, default);
    });

    private async Task CloseAsync()
    {
        if (_journal is not null)
        {
            await _journal.DisposeAsync();
        }
    }
}

[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class PostgresTenantTotalsTests(PostgresServer server) : PostgresFixture(server)
{
    [Fact]
    public Task Totals_AddEachReportOnce() =>
        TenantTotalsContract.AddsEachReportOnceAsync(async () => await OpenAsync());
}
