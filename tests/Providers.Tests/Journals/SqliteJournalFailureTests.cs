using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Sqlite;
using Microsoft.Data.Sqlite;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What a user is told when the data directory or its disk is not as it should be.</summary>
public sealed class SqliteJournalFailureTests : IDisposable
{
    private static readonly ConversationKey Key = new("default", new ConversationId(1));
    private readonly TemporaryDirectory _directory = new();
    private readonly CancellationTokenSource _timeout = new(TimeSpan.FromMinutes(10));

    private CancellationToken Token => _timeout.Token;

    private string Database => _directory.File("evergrain.db");

    public void Dispose()
    {
        _timeout.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Open_DirectoryHeldByAnother_SaysSo_AndOpensOnceItIsFree()
    {
        await using (await OpenAsync())
        {
            await AssertUnavailableAsync(_directory.Path, "in use by another process");
        }

        await using var journal = await OpenAsync();
        await journal.AppendAsync(Key, 0, 1, new byte[1], Token);
    }

    [Fact]
    public async Task Open_DirectoryIsAFile_SaysSo()
    {
        await File.WriteAllTextAsync(_directory.File("data"), "x", Token);

        await AssertUnavailableAsync(_directory.File("data"), "is a file");
    }

    [Fact]
    public async Task Open_DirectoryCannotBeMade_SaysSo()
    {
        await File.WriteAllTextAsync(_directory.File("data"), "x", Token);

        await AssertUnavailableAsync(Path.Combine(_directory.File("data"), "below"), "cannot be written");
    }

    [Fact]
    public async Task Open_DirectoryIsMissing_MakesIt()
    {
        var path = Path.Combine(_directory.Path, "a", "b");
        await using var journal = await SqliteJournal.OpenAsync(new SqliteJournalOptions { Directory = path }, Token);
        await journal.AppendAsync(Key, 0, 1, new byte[1], Token);
        Assert.True(File.Exists(Path.Combine(path, "evergrain.db")));
    }

    [Fact]
    public async Task Open_FileIsNoDatabase_SaysSo_AndLeavesItAlone()
    {
        var text = new string('x', 10_000);
        await File.WriteAllTextAsync(Database, text, Token);

        await AssertUnavailableAsync(_directory.Path, "is damaged");

        Assert.Equal(text, await File.ReadAllTextAsync(Database, Token));
    }

    [Fact]
    public async Task Open_SchemaIsTornUp_SaysSo()
    {
        await FillAndCloseAsync(100);
        await OverwriteAsync(100, 1_500);

        await AssertUnavailableAsync(_directory.Path, "is damaged");
    }

    [Fact]
    public async Task Read_PagesAreTornUp_FailsInsteadOfLeavingAppendsOut()
    {
        await FillAndCloseAsync(100);
        await OverwriteAsync(20_000, 100_000);
        await using var journal = await OpenAsync();

        var failure = await Assert.ThrowsAsync<JournalCorruptException>(() => CountAsync(journal));

        Assert.Contains("is damaged", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_AnAppendIsMissing_FailsInsteadOfLeavingItOut()
    {
        await FillAndCloseAsync(100);
        Execute("DELETE FROM appends WHERE position = 50");
        await using var journal = await OpenAsync();

        var failure = await Assert.ThrowsAsync<JournalCorruptException>(() => CountAsync(journal));

        Assert.Contains("append 50 is missing", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_NewerSchema_IsRefusedWithBothVersions()
    {
        await FillAndCloseAsync(1);
        Execute("PRAGMA user_version = 3");

        await AssertUnavailableAsync(_directory.Path, "schema version 3, this program knows up to 2");
    }

    [Fact]
    public async Task Open_RecordsOfANewerFormat_IsRefusedWithBothFormats()
    {
        await FillAndCloseAsync(1);
        const int unknown = RecordFormat.Newest + 1;
        Execute($"UPDATE written SET format = {unknown}");

        await AssertUnavailableAsync(_directory.Path,
            $"holds records of format {unknown}, this program reads up to {RecordFormat.Newest}");
    }

    [Fact]
    public async Task Open_HeldBack_WritesTheFirstFormat_AndTheNewestOnceItIsNot()
    {
        foreach (var format in (int[])[1, 2, 3, 1])
        {
            await using var journal = await SqliteJournal.OpenAsync(
                new SqliteJournalOptions { Directory = _directory.Path, Format = format }, Token);
            Assert.Equal(format, journal.Format);
        }
    }

    [Fact]
    public async Task Open_AnotherProgramsDatabase_IsRefusedAndLeftAlone()
    {
        Execute("CREATE TABLE theirs (a)");

        await AssertUnavailableAsync(_directory.Path, "another program's database");

        Execute("INSERT INTO theirs VALUES (1)");
    }

    [Fact]
    public async Task Append_DiskFull_FailsWithTheWayOut_AndWorksOnceThereIsSpace()
    {
        await using var journal = await OpenAsync(pageCountMax: 200);
        var small = Key with { Id = new ConversationId(2) };
        await journal.AppendAsync(small, 0, 1, new byte[10], Token);
        await journal.AppendAsync(Key, 0, 1, new byte[100_000], Token);

        for (var i = 0; i < 3; i++)
        {
            var failure = await Assert.ThrowsAsync<JournalUnavailableException>(
                async () => await journal.AppendAsync(Key, 1, 1, new byte[1_000_000], Token));
            Assert.Contains("is full: free space", failure.Message, StringComparison.Ordinal);
        }

        // Nothing of it was stored, what fits is still taken, and the fence is where it was.
        Assert.Equal(1, await CountAsync(journal));
        await journal.AppendAsync(small, 1, 1, new byte[10], Token);
        await Assert.ThrowsAsync<PositionTakenException>(
            async () => await journal.AppendAsync(Key, 2, 1, new byte[1], Token));

        // The deleted appends are cleaned up before the next write is taken.
        await Assert.ThrowsAsync<JournalUnavailableException>(
            async () => await journal.AppendAsync(Key, 1, 1, new byte[350_000], Token));
        await journal.DeleteAsync(Key, Token);
        await journal.AppendAsync(Key, 0, 1, new byte[350_000], Token);
        Assert.Equal(4, journal.Counters.FailedTransactions);
    }

    [Fact]
    public async Task Append_DiskFullInABatch_IsReportedToExactlyThoseNotStored()
    {
        await using var journal = await OpenAsync(pageCountMax: 6_000);
        var bytes = new byte[150_000];
        var ids = Enumerable.Range(2, 40).Select(i => new ConversationId((UInt128)i)).ToList();

        // The first fills a transaction and most of the disk; what gathers behind it does not fit.
        var first = journal.AppendAsync(Key, 0, 1, new byte[9_000_000], Token).AsTask();
        var stored = await Task.WhenAll(ids.Select(id => IsStoredAsync(journal, Key with { Id = id }, bytes)));
        await first;

        var listed = await journal.ListAsync("default", after: null, 100, Token);
        Assert.Equal(ids.Where((_, i) => stored[i]), listed.Skip(1));
        Assert.Contains(stored, s => !s);
        Assert.Equal(listed.Count, journal.Counters.Appends);
        Assert.NotEqual(0, journal.Counters.FailedTransactions);

        // With space back, each conversation goes on where it really ends.
        await journal.DeleteAsync(Key, Token);
        for (var i = 0; i < ids.Count; i++)
        {
            await journal.AppendAsync(Key with { Id = ids[i] }, stored[i] ? 1 : 0, 1, new byte[1], Token);
        }
    }

    [Fact]
    public async Task Open_OptionOutOfRange_IsRefused() =>
        await Assert.ThrowsAsync<System.ComponentModel.DataAnnotations.ValidationException>(() =>
            SqliteJournal.OpenAsync(new SqliteJournalOptions { Directory = _directory.Path, ReadersMax = 0 }, Token));

    private Task<SqliteJournal> OpenAsync(int pageCountMax = 0) => SqliteJournal.OpenAsync(
        new SqliteJournalOptions { Directory = _directory.Path, PageCountMax = pageCountMax }, Token);

    private async Task FillAndCloseAsync(int count)
    {
        await using var journal = await OpenAsync();
        for (var i = 0; i < count; i++)
        {
            await journal.AppendAsync(Key, i, 1, new byte[2_000], Token);
        }
    }

    private async Task<bool> IsStoredAsync(SqliteJournal journal, ConversationKey key, byte[] bytes)
    {
        try
        {
            await journal.AppendAsync(key, 0, 1, bytes, Token);
            return true;
        }
        catch (JournalUnavailableException)
        {
            return false;
        }
    }

    private async Task<int> CountAsync(SqliteJournal journal)
    {
        var count = 0;
        await foreach (var entry in journal.ReadAsync(Key, 0, Token))
        {
            Assert.Equal(count++, entry.Position);
        }

        return count;
    }

    private async Task AssertUnavailableAsync(string directory, string words)
    {
        var failure = await Assert.ThrowsAsync<JournalUnavailableException>(
            () => SqliteJournal.OpenAsync(new SqliteJournalOptions { Directory = directory }, Token));
        Assert.Contains(words, failure.Message, StringComparison.Ordinal);
        Assert.Contains(_directory.Path, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
    }

    private async Task OverwriteAsync(int offset, int length)
    {
        await using var file = new FileStream(Database, FileMode.Open, FileAccess.Write);
        file.Position = offset;
        var noise = new byte[length];
        new Random(1).NextBytes(noise);
        await file.WriteAsync(noise, Token);
    }

    private void Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Database};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
