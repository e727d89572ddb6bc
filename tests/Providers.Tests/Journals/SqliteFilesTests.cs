using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;
using Evergrain.Providers.Sqlite;
using Evergrain.Suites.Hosts;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What happens when a file of the journal goes away while the server runs.</summary>
public sealed class SqliteFilesTests : IDisposable
{
    private const int CannotStore = 440;
    private static readonly ConversationKey Key = new("default", new ConversationId(1));
    private readonly TemporaryDirectory _directory = new();
    private readonly ErrorLog _log = new();
    private readonly CancellationTokenSource _timeout = new(TimeSpan.FromMinutes(5));

    private CancellationToken Token => _timeout.Token;

    public void Dispose()
    {
        _log.Dispose();
        _timeout.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("remove", "evergrain.db")]
    [InlineData("remove", "evergrain.db-wal")]
    [InlineData("remove", "evergrain.lock")]
    [InlineData("replace", "evergrain.db")]
    [InlineData("replace", "evergrain.db-wal")]
    [InlineData("replace", "evergrain.lock")]
    [InlineData("move", "")]
    [InlineData("cut", "evergrain.db")]
    public async Task Append_AFileWentAway_IsRefusedForGood_AndReportedOnce(string how, string name)
    {
        await using var journal = await OpenAsync(checkpointBytes: 64 << 10);
        for (var i = 0; i < 60; i++)
        {
            await journal.AppendAsync(Key, i, 1, new byte[2_000], Token);
        }

        Disturb(how, _directory.File(name));

        for (var i = 0; i < 3; i++)
        {
            var failure = await Assert.ThrowsAsync<JournalUnavailableException>(
                async () => await journal.AppendAsync(Key, 60 + i, 1, new byte[2_000], Token));
            Assert.Contains("while the server ran", failure.Message, StringComparison.Ordinal);
            await Assert.ThrowsAsync<JournalUnavailableException>(() => CountAsync(journal));
            await Assert.ThrowsAsync<JournalUnavailableException>(
                async () => await journal.ListAsync("default", after: null, 10, Token));
        }

        Assert.Equal("A file of the journal was removed or replaced while the server ran.", journal.Obstacle);
        Assert.Equal([CannotStore], _log.Events);
    }

    [Fact]
    public async Task Obstacle_AFileWentAwayWhileNothingIsStored_IsThereSoon()
    {
        await using var journal = await OpenAsync();
        await journal.AppendAsync(Key, 0, 1, new byte[10], Token);
        File.Delete(_directory.File("evergrain.db"));

        await UntilAsync(() => journal.Obstacle is not null);

        Assert.Equal([CannotStore], _log.Events);
    }

    [Fact]
    public async Task Open_LockOfARunningServerWasRemoved_TheFirstServerStoresNothingMore()
    {
        await using var first = await OpenAsync();
        await first.AppendAsync(Key, 0, 1, new byte[10], Token);
        File.Delete(_directory.File("evergrain.lock"));
        await using var second = await OpenAsync();

        await Assert.ThrowsAsync<JournalUnavailableException>(
            async () => await first.AppendAsync(Key, 1, 1, new byte[10], Token));

        Assert.Equal(1, await CountAsync(second));
        await second.AppendAsync(Key, new JournalEnd(1, 1), 2, new byte[10], Token);
        Assert.Equal(2, await CountAsync(second));
    }

    // SQLite still has the files open, and copies its log into the database when the server stops.
    [Theory]
    [InlineData("evergrain.db-wal")]
    [InlineData("evergrain.db-wal", "evergrain.db-shm")]
    public async Task Dispose_LogWasRemoved_LosesNothingAcknowledged(params string[] names)
    {
        await using (var journal = await OpenAsync())
        {
            for (var i = 0; i < 20; i++)
            {
                await journal.AppendAsync(Key, i, 1, new byte[2_000], Token);
            }

            Array.ForEach(names, name => File.Delete(_directory.File(name)));
            await Assert.ThrowsAsync<JournalUnavailableException>(() => CountAsync(journal));
            await Assert.ThrowsAsync<JournalUnavailableException>(
                async () => await journal.AppendAsync(Key, 20, 1, new byte[10], Token));
        }

        await using var again = await OpenAsync();
        Assert.InRange(await CountAsync(again), 20, 21);
    }

    [Fact]
    public async Task Obstacle_DiskWasFull_IsReportedOnce_AndGoneOnceAWriteSucceeds()
    {
        await using var journal = await OpenAsync(pageCountMax: 200);
        for (var i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<JournalUnavailableException>(
                async () => await journal.AppendAsync(Key, 0, 1, new byte[1_000_000], Token));
        }

        Assert.Equal([CannotStore], _log.Events);
        await UntilAsync(() => journal.Obstacle is null);
    }

    [Fact]
    public void StoreCondition_Failure_IsAnObstacleUntilASuccess_AndLoggedOncePerKindAndMinute()
    {
        var time = new ManualTime();
        var condition = new StoreCondition(_log, time);
        var full = new JournalUnavailableException("The disk of /there is full.") { Brief = "The disk is full." };

        condition.Failed(full);
        condition.Failed(full);
        Assert.Equal("The disk is full.", condition.Obstacle);
        condition.Succeeded();
        Assert.Null(condition.Obstacle);
        condition.Failed(full);
        Assert.Single(_log.Events);
        condition.Failed(new JournalUnavailableException("Another."));
        Assert.Equal(2, _log.Events.Count());
        condition.Failed(full);
        time.Advance(TimeSpan.FromMinutes(1));
        condition.Failed(full);
        Assert.Equal(4, _log.Events.Count());
    }

    private static void Disturb(string how, string path)
    {
        switch (how)
        {
            case "remove":
                File.Delete(path);
                break;
            case "replace":
                File.WriteAllText(path + ".copy", "another file");
                File.Move(path + ".copy", path, overwrite: true);
                break;
            case "move":
                Directory.Move(path, path.TrimEnd('/') + "-moved");
                Directory.CreateDirectory(path);
                break;
            default:
                using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
                {
                    file.SetLength(8_192);
                }

                break;
        }
    }

    private Task<SqliteJournal> OpenAsync(int pageCountMax = 0, int checkpointBytes = 8 << 20) =>
        SqliteJournal.OpenAsync(new SqliteJournalOptions
        {
            Directory = _directory.Path,
            Logger = _log,
            PageCountMax = pageCountMax,
            CheckpointBytes = checkpointBytes,
        }, Token);

    private async Task<int> CountAsync(SqliteJournal journal)
    {
        var count = 0;
        await foreach (var entry in journal.ReadAsync(Key, 0, Token))
        {
            Assert.Equal(count++, entry.Position);
        }

        return count;
    }

    private async Task UntilAsync(Func<bool> isSo)
    {
        while (!isSo())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Token);
        }
    }
}
