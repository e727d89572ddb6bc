using System.Diagnostics.Metrics;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What whole sweeps cost in Azure Storage: see docs/decisions/0048-azure-lifetimes.md.</summary>
[Trait("Needs", "Azurite")]
[Collection(AzuriteCollection.Name)]
public sealed class AzureSweepTests(AzuriteServer server, ITestOutputHelper output) : AzureFixture(server)
{
    private const int Old = 40;
    private const int Staying = 60;

    // The tenant, its first row and tail; that there is no other tenant; a page of its rows.
    private const int TenantRequests = 5;
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Fact]
    public async Task Sweep_IsFourRequestsForEachThatGoes_AndOneOnceForEachThatStays()
    {
        var watch = NewWatch();
        var journal = await OpenAsync(watch);

        // The clock of the sweep is far behind all begins, however long this takes.
        var time = new ManualTime();
        time.SetUtcNow(TimeProvider.System.GetUtcNow() + (10 * Day));
        for (var i = 0; i < Old + Staying; i++)
        {
            await TellAsync(journal, NewKey(), time.GetUtcNow() - (i < Old ? 5 * Day : Day / 2));
        }

        var lifetimes = new ResponseLifetimes();
        lifetimes.Set(ResponseLifetimes.Others, Day);
        lifetimes.Use([new KeptLifetime(ResponseLifetimes.Others, Day, time.GetUtcNow() - (9 * Day))]);
        await using var meters = new ServiceCollection().AddMetrics().BuildServiceProvider();
        await using var sweep = new LifetimeSweep(
            new LifetimeSources(journal, journal, new WarmCalls(static _ => null) { IsSweeper = static () => false }),
            lifetimes, meters.GetRequiredService<IMeterFactory>(), time, NullLogger<LifetimeSweep>.Instance);

        watch.Arm();
        Assert.Equal(Old, await sweep.SweepAsync(Token));
        var first = watch.Count;
        watch.Arm();
        Assert.Equal(0, await sweep.SweepAsync(Token));
        var second = watch.Count;

        output.WriteLine($"[note] sweeps over Azurite: {first} requests for {Old} that go and {Staying} that stay, " +
            $"then {second}");
        Assert.InRange(first, (4 * Old) + Staying, (4 * Old) + Staying + TenantRequests);
        Assert.InRange(second, 1, TenantRequests);
        Assert.Equal(Staying, (await journal.ListOldestAsync("default", behind: 0, 1_000, Token)).Count);
    }

    private async Task TellAsync(IJournal journal, ConversationKey key, DateTimeOffset at)
    {
        var records = RecordFrames.Write(
        [
            new TurnStarted
            {
                Turn = 1,
                Parent = 0,
                RequestId = 1,
                CreatedAt = at.ToUnixTimeMilliseconds(),
                Dialect = default,
                Generate = true,
                Values = [],
                InputCount = 0,
            },
        ], new RecordOwner(key));
        await journal.AppendAsync(key, JournalEnd.None, 7, records, Token);
    }
}
