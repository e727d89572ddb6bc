using System.Security.Cryptography;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Postgres;
using Evergrain.Providers.Sqlite;
using Evergrain.Tests.Services;
using Microsoft.Data.Sqlite;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What every lasting index of histories must do.</summary>
public abstract class HistoryStoreContract
{
    private const int CountMax = 1_000;
    private const ulong Writer = 9;
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Find_GivesTheFirstKeyThatIsThere_AndOfSeveralTheHintOrTheNewest()
    {
        var store = await BeginAsync(1, 2, 3);
        await store.AddAsync([Entry(1, 1, key: 7, hint: 5), Entry(2, 1, key: 7, hint: 6)], CountMax, None);
        await store.AddAsync([Entry(3, 1, key: 7), Entry(3, 2, key: 8)], CountMax, None);
        Assert.Equal(Entry(3, 2, key: 8), await store.FindAsync("one", [Key(9), Key(8), Key(7)], 5, None));
        Assert.Equal(Entry(1, 1, key: 7, hint: 5), await store.FindAsync("one", [Key(9), Key(7), Key(8)], 5, None));
        Assert.Equal(Entry(2, 1, key: 7, hint: 6), await store.FindAsync("one", [Key(7)], 6, None));
        Assert.Equal(Entry(3, 1, key: 7), await store.FindAsync("one", [Key(7)], 4, None));
        Assert.Equal(Entry(3, 1, key: 7), await store.FindAsync("one", [Key(7)], 0, None));
        Assert.Null(await store.FindAsync("two", [Key(7)], 0, None));
        Assert.Null(await store.FindAsync("one", [Key(9)], 0, None));
        Assert.Null(await store.FindAsync("one", [], 0, None));
    }

    [Fact]
    public async Task Add_OfATurnThatIsKnownOrAConversationThatIsNot_AddsNothing()
    {
        var store = await BeginAsync(1);
        await store.AddAsync([Entry(1, 1, key: 7), Entry(1, 1, key: 8), Entry(2, 1, key: 9)], CountMax, None);
        await store.AddAsync([Entry(1, 1, key: 8)], CountMax, None);
        Assert.Equal(Entry(1, 1, key: 7), await store.FindAsync("one", [Key(8), Key(9), Key(7)], 0, None));
        Assert.Equal(1, await CountAsync());
    }

    [Fact]
    public async Task Add_OverTheBound_TakesTheOldestOfTheTenantOut()
    {
        var store = await BeginAsync(1);
        await store.AddAsync([Entry(1, 1, key: 1, tenant: "two")], countMax: 3, None);
        foreach (var turns in Enumerable.Range(1, 10).Chunk(4))
        {
            await store.AddAsync([.. turns.Select(turn => Entry(1, turn, key: turn))], countMax: 3, None);
        }

        Assert.Equal(4, await CountAsync());
        Assert.Null(await store.FindAsync("one", [Key(7)], 0, None));
        Assert.Equal(Entry(1, 8, key: 8), await store.FindAsync("one", [Key(8)], 0, None));
        Assert.NotNull(await store.FindAsync("two", [Key(1)], 0, None));
    }

    [Fact]
    public async Task Append_ThatDeletesATurn_TakesItsRowOut_UnlessItIsRefused()
    {
        var store = await BeginAsync(1);
        await store.AddAsync([Entry(1, 1, key: 1), Entry(1, 2, key: 2)], CountMax, None);
        var deleting = new DeletingRecords(new byte[] { 1 }, [2]);
        await Assert.ThrowsAsync<PositionTakenException>(() =>
            store.AppendAsync(KeyOf(1), new JournalEnd(2, Writer), Writer, deleting, None).AsTask());
        Assert.NotNull(await store.FindAsync("one", [Key(2)], 0, None));
        await store.AppendAsync(KeyOf(1), new JournalEnd(1, Writer), Writer, deleting, None);
        Assert.Null(await store.FindAsync("one", [Key(2)], 0, None));
        Assert.Equal(1, await CountAsync());
        Assert.NotNull(await store.FindAsync("one", [Key(1)], 0, None));
    }

    [Fact]
    public async Task Turn_WithAKeyWithoutReasoning_IsFoundByBoth_UntilItIsDeleted()
    {
        var store = await BeginAsync(1);
        HistoryEntry Bare(int turn, int key) =>
            Entry(1, turn, key) with { Mark = new HistoryMark(Key(key), 0) { BareKey = Key(key + 100) } };
        await store.AddAsync([Bare(1, key: 1), Bare(2, key: 2)], CountMax, None);
        await store.AddAsync([Bare(2, key: 3)], CountMax, None);
        Assert.Equal(Entry(1, 2, key: 2), await store.FindAsync("one", [Key(3), Key(103), Key(2)], 0, None));
        Assert.Equal(Entry(1, 2, key: 102), await store.FindAsync("one", [Key(102), Key(2)], 0, None));
        await store.AppendAsync(
            KeyOf(1), new JournalEnd(1, Writer), Writer, new DeletingRecords(new byte[] { 1 }, [2, 4]), None);
        Assert.Null(await store.FindAsync("one", [Key(102), Key(2)], 0, None));
        await store.AddAsync([Bare(4, key: 4), Bare(5, key: 5)], CountMax, None);
        Assert.Null(await store.FindAsync("one", [Key(4), Key(104)], 0, None));
        Assert.Equal(Entry(1, 5, key: 105), await store.FindAsync("one", [Key(105)], 0, None));
    }

    // Entries are written behind: the deletion may be there first.
    [Fact]
    public async Task Add_BehindTheDeletionOfItsTurn_AddsNothing()
    {
        var store = await BeginAsync(1);
        await store.AppendAsync(
            KeyOf(1), new JournalEnd(1, Writer), Writer, new DeletingRecords(new byte[] { 1 }, [1, 2]), None);
        await store.AddAsync([Entry(1, 1, key: 1), Entry(1, 2, key: 2), Entry(1, 3, key: 3)], CountMax, None);
        Assert.Equal(Entry(1, 3, key: 3), await store.FindAsync("one", [Key(1), Key(2), Key(3)], 0, None));
    }

    [Fact]
    public async Task Delete_OfAConversation_TakesAllOfItOut()
    {
        var store = await BeginAsync(1, 2);
        await store.AddAsync([Entry(1, 1, key: 1), Entry(1, 2, key: 2), Entry(2, 1, key: 1)], CountMax, None);
        await ((IJournal)store).DeleteAsync(KeyOf(1), new JournalEnd(1, Writer), None);
        Assert.Equal(Entry(2, 1, key: 1), await store.FindAsync("one", [Key(2), Key(1)], 0, None));
        await store.AddAsync([Entry(1, 3, key: 3)], CountMax, None);
        Assert.Equal(1, await CountAsync());
    }

    // As a build that does not know the index opens it, and one that has it switched off.
    [Fact]
    public async Task Journal_OpenedWithoutTheIndex_IsServed_AndItsDeletionsCount()
    {
        var store = await BeginAsync(1, 2);
        await store.AddAsync([Entry(1, 1, key: 1), Entry(1, 2, key: 2), Entry(2, 1, key: 3)], CountMax, None);
        store = await OpenAsync(keeps: false);
        await store.AppendAsync(
            KeyOf(1), new JournalEnd(1, Writer), Writer, new DeletingRecords(new byte[] { 1 }, [2]), None);
        await ((IJournal)store).DeleteAsync(KeyOf(2), new JournalEnd(1, Writer), None);
        store = await OpenAsync(keeps: true);
        Assert.Equal(Entry(1, 1, key: 1), await store.FindAsync("one", [Key(2), Key(3), Key(1)], 0, None));
        Assert.Equal(1, await CountAsync());
    }

    [Fact]
    public async Task AddOlder_GoesBeforeAllOthers_UnlessTheLogWentOn()
    {
        var store = await BeginAsync(1, 2, 3);
        Assert.Equal(1, await store.ClaimAsync("one", 8, None));
        await store.AddAsync([Entry(3, 1, key: 7), Entry(3, 2, key: 8)], CountMax, None);
        var end = new JournalEnd(1, Writer);
        await store.AddOlderAsync(new OlderPage("one",
        [
            new OlderHistories(KeyOf(2), end, [Entry(2, 2, key: 7), Entry(2, 1, key: 6)]),
            new OlderHistories(KeyOf(1), new JournalEnd(2, Writer), [Entry(1, 1, key: 5)]),
        ], Before: 1), CountMax, None);
        Assert.Equal(Entry(3, 1, key: 7), await store.FindAsync("one", [Key(7)], 0, None));
        Assert.Equal(Entry(2, 1, key: 6), await store.FindAsync("one", [Key(5), Key(6)], 0, None));

        // The oldest goes first.
        await store.AddAsync([Entry(3, 3, key: 9)], countMax: 4, None);
        Assert.Null(await store.FindAsync("one", [Key(6)], 0, None));
        Assert.Equal(4, await CountAsync());
    }

    [Fact]
    public async Task Claim_TellsWhereFillingGoesOn_AndThatThereIsNoRoom()
    {
        var store = await BeginAsync(1, 2);
        var end = new JournalEnd(1, Writer);
        await store.ClaimAsync("one", 8, None);
        await store.AddOlderAsync(new OlderPage(
            "one", [new OlderHistories(KeyOf(2), end, [Entry(2, 2, key: 2)])], Before: 1), countMax: 2, None);
        store = await OpenAsync(keeps: true);
        Assert.Equal(1, await store.ClaimAsync("one", 8, None));
        await store.AddOlderAsync(new OlderPage(
            "one", [new OlderHistories(KeyOf(1), end, [Entry(1, 1, key: 1)])], Before: 1), countMax: 2, None);
        Assert.Equal(0, await store.ClaimAsync("one", 8, None));
    }

    [Fact]
    public async Task Index_ThatWasDropped_IsMadeAnew()
    {
        var store = await BeginAsync(1);
        await store.AddAsync([Entry(1, 1, key: 1)], CountMax, None);
        await CloseAsync();
        await ExecuteAsync("DROP TABLE histories");
        store = await OpenAsync(keeps: true);
        Assert.Null(await store.FindAsync("one", [Key(1)], 0, None));
        Assert.InRange((await store.ClaimAsync("one", 8, None))!.Value, 2, long.MaxValue);
        await store.AddAsync([Entry(1, 1, key: 1)], CountMax, None);
        Assert.NotNull(await store.FindAsync("one", [Key(1)], 0, None));
    }

    /// <summary>Opens the journal, after it closed the one before.</summary>
    protected abstract Task<IHistoryStore> OpenAsync(bool keeps);

    protected abstract Task CloseAsync();

    /// <summary>Runs a statement as another program would; gives its first value.</summary>
    protected abstract Task<object?> ExecuteAsync(string sql);

    private static ConversationKey KeyOf(int number, string tenant = "one") =>
        new(tenant, new ConversationId((UInt128)number << 64));

    private static Digest Key(int number) => Digest.From(SHA256.HashData([(byte)number]));

    private static HistoryEntry Entry(int conversation, int turn, int key, ulong hint = 0, string tenant = "one") =>
        new(tenant, new ResponseId(KeyOf(conversation).Id, TurnId.Stored(turn, 3)), new HistoryMark(Key(key), hint));

    private async Task<IHistoryStore> BeginAsync(params int[] conversations)
    {
        var store = await OpenAsync(keeps: true);
        foreach (var key in conversations.Select(number => KeyOf(number)).Append(KeyOf(1, "two")))
        {
            await ((IJournal)store).AppendAsync(key, JournalEnd.None, Writer, new byte[] { 1 }, None);
        }

        return store;
    }

    private async Task<int> CountAsync() => Convert.ToInt32(
        await ExecuteAsync("SELECT count(*) FROM histories"), System.Globalization.CultureInfo.InvariantCulture);
}

public sealed class SqliteHistoryTests : HistoryStoreContract, IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("evergrain-histories-");
    private SqliteJournal? _journal;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await CloseAsync();
        _directory.Delete(recursive: true);
    }

    protected override async Task<IHistoryStore> OpenAsync(bool keeps)
    {
        await CloseAsync();
        return _journal = await SqliteJournal.OpenAsync(
            new SqliteJournalOptions { Directory = _directory.FullName, KeepsHistories = keeps }, default);
    }

    protected override async Task CloseAsync()
    {
        if (_journal is not null)
        {
            await _journal.DisposeAsync();
        }
    }

    protected override async Task<object?> ExecuteAsync(string sql)
    {
        var file = Path.Combine(_directory.FullName, "evergrain.db");
        await using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The test's own statement.
        command.CommandText = sql;
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }
}

[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class PostgresHistoryTests(PostgresServer server) : HistoryStoreContract, IAsyncLifetime
{
    private readonly string _schema = server.NewSchema();
    private PostgresJournal? _journal;

    public Task InitializeAsync() => server.StartAsync();

    public Task DisposeAsync() => CloseAsync();

    // A silo that was paused adds what it had: nobody waits for the other longer than for a statement.
    [Fact]
    public async Task Add_BesideADeletionThatIsNotCommitted_WaitsForIt()
    {
        var store = await OpenAsync(keeps: true);
        var key = new ConversationKey("one", new ConversationId(1));
        await ((IJournal)store).AppendAsync(key, JournalEnd.None, 9, new byte[] { 1 }, default);
        await using var other = await server.ConnectAsync(PostgresServer.Database, _schema);
        await using var transaction = await other.BeginTransactionAsync();
        await using var delete = new Npgsql.NpgsqlCommand("DELETE FROM conversations", other, transaction);
        await delete.ExecuteNonQueryAsync();
        var mark = new HistoryMark(Digest.From(SHA256.HashData([1])), 0);
        var adding = store.AddAsync(
            [new HistoryEntry("one", new ResponseId(key.Id, TurnId.Stored(1)), mark)], 10, default).AsTask();
        while (await ExecuteAsync($"""
            SELECT count(*) FROM pg_stat_activity WHERE application_name = '{_schema}' AND wait_event_type = 'Lock'
            """) is 0L)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }

        Assert.False(adding.IsCompleted);
        await transaction.CommitAsync();
        await adding;
        Assert.Equal(0L, await ExecuteAsync("SELECT count(*) FROM histories"));
    }

    protected override async Task<IHistoryStore> OpenAsync(bool keeps)
    {
        await CloseAsync();
        return _journal = await PostgresJournal.OpenAsync(new PostgresJournalOptions
        {
            Url = $"{server.Url(PostgresServer.Database, server.Port)}?application_name={_schema}",
            Schema = _schema,
            KeepsHistories = keeps,
        }, default);
    }

    protected override async Task CloseAsync()
    {
        if (_journal is not null)
        {
            await _journal.DisposeAsync();
        }
    }

    protected override Task<object?> ExecuteAsync(string sql) =>
        server.ExecuteAsync(PostgresServer.Database, sql, _schema);
}
