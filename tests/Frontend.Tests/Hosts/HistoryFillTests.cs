using System.Diagnostics.Metrics;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Providers.Postgres;
using Evergrain.Providers.Sqlite;
using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>A journal that was written without recognition, and is opened with it.</summary>
public abstract class HistoryFillContract
{
    private const int Chats = 40;
    private static readonly RecognitionOptions Options = new() { Recognition = "stored" };

    [Fact]
    public async Task Journal_OfBefore_IsRecognised_AndItsDeletedTurnsAreNot()
    {
        var (chats, ids) = await LiveAsync();
        await using var host = await InProcessHost.StartAsync(
            () => OpenAsync(keeps: true), setup: new HostSetup { Recognition = Options });
        await FillAsync(host.Store);
        foreach (var (items, id) in chats.Zip(ids))
        {
            var chat = new ResentChat(host) { Items = [.. items, ResentChat.User("three")] };
            var elsewhere = await chat.Fork().DigestElsewhereAsync();
            var third = await chat.SendAsync();
            Assert.Equal(id.Conversation, third.Conversation);
            Assert.Equal(elsewhere, await new ContractClient(host, "default", lease: 1).DigestAsync(third));
        }

        Assert.Equal(0, host.Counts.Histories("unknown"));
    }

    [Fact]
    public async Task Fill_ThatWasStopped_GoesOnWhereItWas_AndIsDoneOnce()
    {
        await LiveAsync();
        await using var journal = await OpenAsync(keeps: true);
        var store = (IHistoryStore)journal;
        var first = await journal.ListNewestAsync(["default"], long.MaxValue, limit: 30, default);
        await store.AddOlderAsync(new OlderPage("default", [], first.Found[^1].Number), 1_000, default);
        Assert.Equal(Chats - 30, await FillAsync(journal));
        Assert.Equal(0, await FillAsync(journal));
    }

    protected abstract Task<IJournal> OpenAsync(bool keeps);

    /// <summary>Chats of two turns without recognition; of each third one the second turn is deleted.</summary>
    private async Task<(List<List<string>> Chats, List<ResponseId> Ids)> LiveAsync()
    {
        var (chats, ids) = (new List<List<string>>(), new List<ResponseId>());
        await using var host = await InProcessHost.StartAsync(() => OpenAsync(keeps: false));
        var client = new ContractClient(host, "default", lease: 1);
        for (var i = 0; i < Chats; i++)
        {
            var chat = new ResentChat(host);
            var first = await chat.SayAsync($"{i}: one");
            chat.Items.Add(ResentChat.User($"{i}: two"));
            var second = await client.SayAsync($"{i}: two", first, "echo");
            await chat.TakeAsync(second);
            chats.Add(chat.Items);
            ids.Add(first);
            if (i % 3 == 0)
            {
                await client.DeleteAsync(second);
            }
        }

        return (chats, ids);
    }

    /// <summary>Indexes a journal; gives how many conversations that were.</summary>
    private static async Task<long> FillAsync(IJournal journal)
    {
        await using var meters = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var counts = new HostCounts();
        var factory = meters.GetRequiredService<IMeterFactory>();
        counts.Follow(factory);
        await using var fill = new HistoryFill((journal, (IHistoryStore)journal), Options, factory,
            TimeProvider.System, NullLogger<HistoryFill>.Instance);
        await fill.Done.WaitAsync(Waits.Patience);
        return counts.Filled;
    }
}

public sealed class SqliteHistoryFillTests : HistoryFillContract, IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("evergrain-fill-");

    public void Dispose() => _directory.Delete(recursive: true);

    protected override async Task<IJournal> OpenAsync(bool keeps) => await SqliteJournal.OpenAsync(
        new SqliteJournalOptions { Directory = _directory.FullName, KeepsHistories = keeps }, default);
}

[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class PostgresHistoryFillTests(PostgresServer server) : HistoryFillContract, IAsyncLifetime
{
    private string _url = "";

    public async Task InitializeAsync()
    {
        await server.StartAsync();
        _url = server.Url(await server.CreateDatabaseAsync());
    }

    public Task DisposeAsync() => Task.CompletedTask;

    protected override async Task<IJournal> OpenAsync(bool keeps) => await PostgresJournal.OpenAsync(
        new PostgresJournalOptions { Url = _url, KeepsHistories = keeps }, default);
}
