using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Sqlite;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

public sealed class SqliteJournalTests(ITestOutputHelper output) : JournalModelContract(output)
{
    private readonly TemporaryDirectory _directory = new();

    private SqliteJournal Sqlite => (SqliteJournal)Journal;

    [Fact]
    public async Task Reopen_AfterDispose_KeepsEverything()
    {
        var keys = Enumerable.Range(0, 10).Select(_ => NewKey()).ToList();
        foreach (var key in keys)
        {
            await FillAsync(key, 30, bytes: 3_000);
        }

        await Journal.DeleteAsync(keys[9], Token);
        await Journal.DeleteAsync(keys[0], Token);
        await ReopenAsync();

        Assert.Equal(keys[1..9].Select(k => k.Id), await ListAllAsync(limit: 3));
        Assert.Empty(await ReadAllAsync(keys[0]));
        Assert.All(await ReadAllAsync(keys[8]), e => Assert.Equal(Bytes((int)e.Position, 3_000), e.Records.ToArray()));
        await AssertRefusedAsync(keys[8], 29);
        await Journal.AppendAsync(keys[8], 30, 1, Bytes(1, 1), Token);
        await Journal.AppendAsync(keys[9], 0, 3, Bytes(1, 1), Token);
        Assert.Equal(3UL, Assert.Single(await ReadAllAsync(keys[9])).Writer);
    }

    [Fact]
    public async Task Dispose_WithAppendsUnderWay_FinishesThemFirst()
    {
        var keys = Enumerable.Range(0, 200).Select(_ => NewKey()).ToList();
        var appends = keys.Select(key => Journal.AppendAsync(key, 0, 1, Bytes(1, 100), Token).AsTask()).ToList();

        await Journal.DisposeAsync();
        await Task.WhenAll(appends);
        await ReopenAsync();

        Assert.Equal(keys.Count, (await ListAllAsync(limit: 1_000)).Count);
    }

    [Fact]
    public async Task Appends_OfManyConversationsAtOnce_ShareTransactions()
    {
        var keys = Enumerable.Range(0, 500).Select(_ => NewKey()).ToList();

        // While one large append is stored, all others gather behind it.
        var first = Journal.AppendAsync(NewKey(), 0, 1, Bytes(1, 16 << 20), Token).AsTask();
        await Task.WhenAll(keys.Select(key => Journal.AppendAsync(key, 0, 1, Bytes(1, 100), Token).AsTask()));
        await first;

        var counters = Sqlite.Counters;
        Output.WriteLine(counters.ToString());
        Assert.Equal(501, counters.Appends);
        Assert.Equal((16 << 20) + (500 * 100), counters.AppendedBytes);
        Assert.InRange(counters.Transactions, 2, 100);
        Assert.InRange(counters.LogBytes, counters.AppendedBytes, counters.AppendedBytes * 2);
    }

    [Fact]
    public async Task Append_RefusedInABatch_LeavesTheOthersAlone()
    {
        var keys = Enumerable.Range(0, 100).Select(_ => NewKey()).ToList();
        var first = Journal.AppendAsync(NewKey(), 0, 1, Bytes(1, 16 << 20), Token).AsTask();
        var good = keys.Select(key => Journal.AppendAsync(key, 0, 1, Bytes(1, 100), Token).AsTask()).ToList();
        var bad = keys.Select(key => AssertRefusedAsync(key, 2)).ToList();
        await Task.WhenAll([first, .. good, .. bad]);

        Assert.Equal((101, 100), (Sqlite.Counters.Appends, Sqlite.Counters.Refused));
        Assert.InRange(Sqlite.Counters.Transactions, 2, 100);
    }

    [Fact]
    public async Task Checkpoint_AfterItsBytes_BoundsTheLogAndLosesNothing()
    {
        await ReopenAsync(checkpointBytes: 256 << 10);
        var key = NewKey();

        await FillAsync(key, 800, bytes: 2_000);

        Assert.InRange(Sqlite.Counters.Checkpoints, 10, 800);
        Assert.Equal(0, Sqlite.Counters.FailedMaintenance);
        Assert.InRange(new FileInfo(_directory.File("evergrain.db-wal")).Length, 1, 1 << 20);
        Assert.Equal(800, (await ReadAllAsync(key)).Count);
    }

    [Fact]
    public async Task Checkpoint_LogLeftByAKilledProcess_IsCopiedAtTheNextStart()
    {
        var key = NewKey();
        await FillAsync(key, 200, bytes: 2_000);
        using var image = new TemporaryDirectory();
        foreach (var name in (string[])["evergrain.db", "evergrain.db-wal"])
        {
            File.Copy(_directory.File(name), image.File(name));
        }

        var options = new SqliteJournalOptions { Directory = image.Path, CheckpointBytes = 256 << 10 };
        await using var recovered = await SqliteJournal.OpenAsync(options, Token);
        await recovered.AppendAsync(key, 200, 1, Bytes(1, 100), Token);
        await recovered.DisposeAsync();

        Assert.Equal(1, recovered.Counters.Checkpoints);
    }

    [Fact]
    public async Task DeletedSpace_IsUsedAgain()
    {
        for (var round = 0; round < 10; round++)
        {
            var key = NewKey();
            await FillAsync(key, 50, bytes: 20_000);
            await Journal.DeleteAsync(key, Token);
        }

        await Journal.DisposeAsync();
        Assert.InRange(new FileInfo(_directory.File("evergrain.db")).Length, 1, 3 << 20);
    }

    [Fact]
    public async Task DeletedContent_AfterReopen_IsNowhereInTheFiles()
    {
        var secret = "a sentence nobody else would write"u8.ToArray();
        var key = NewKey();
        await Journal.AppendAsync(key, 0, 1, secret, Token);
        await ReopenAsync();
        Assert.True(await IsInFilesAsync(secret));

        await Journal.DeleteAsync(key, Token);
        await Journal.DisposeAsync();

        Assert.False(await IsInFilesAsync(secret));
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _directory.Dispose();
    }

    protected override Task<long> CostAsync() => Task.FromResult(Sqlite.Counters.LogBytes);

    protected override async Task<IJournal> OpenAsync() =>
        await SqliteJournal.OpenAsync(new SqliteJournalOptions { Directory = _directory.Path }, Token);

    private async Task ReopenAsync(int checkpointBytes = 8 << 20)
    {
        await Journal.DisposeAsync();
        var options = new SqliteJournalOptions { Directory = _directory.Path, CheckpointBytes = checkpointBytes };
        Use(await SqliteJournal.OpenAsync(options, Token));
    }

    private async Task<bool> IsInFilesAsync(byte[] secret)
    {
        foreach (var file in Directory.GetFiles(_directory.Path, "evergrain.db*"))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var memory = new MemoryStream();
            await stream.CopyToAsync(memory, Token);
            if (memory.ToArray().AsSpan().IndexOf(secret) >= 0)
            {
                return true;
            }
        }

        return false;
    }
}
