using Evergrain.Conversations.Ports;
using Evergrain.Providers.Sqlite;

namespace Evergrain.Providers.Tests.Journals;

public sealed class SqliteLifetimeTests : LifetimeStoreContract
{
    private static readonly byte[] Secret = [.. "a sentence nobody else would write"u8];
    private readonly TemporaryDirectory _directory = new();

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _directory.Dispose();
    }

    // The server runs on: neither its file nor its log may keep what was deleted.
    [Fact]
    public async Task DeletedContent_IsNowhereInFilesOrLog_WhileTheServerRuns()
    {
        var large = new byte[200_000];
        Secret.CopyTo(large, 150_000);
        await AppendAsync(KeyOf(1), JournalEnd.None, writer: 1, Secret);
        await AppendAsync(KeyOf(1), new JournalEnd(1, 1), writer: 1, large);
        await AppendAsync(KeyOf(2), JournalEnd.None, writer: 1, [1]);
        Assert.True(await IsInFilesAsync());
        await Journal.DeleteAsync(KeyOf(1), new JournalEnd(2, 1), default);

        // The writer is idle for a second before it cuts the log.
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (await IsInFilesAsync())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, patience.Token);
        }

        await AppendAsync(KeyOf(2), new JournalEnd(1, 1), writer: 1, [2]);
        Assert.Single(await AgesAsync());
    }

    // A process that was killed behind the deletion leaves a log that holds it.
    [Fact]
    public async Task DeletedContent_OfAKilledServer_GoesWithTheNextStart()
    {
        await AppendAsync(KeyOf(1), JournalEnd.None, writer: 1, Secret);
        await Journal.DeleteAsync(KeyOf(1), new JournalEnd(1, 1), default);
        using var image = new TemporaryDirectory();
        foreach (var name in (string[])["evergrain.db", "evergrain.db-wal"])
        {
            File.Copy(_directory.File(name), image.File(name));
        }

        await using var recovered = await SqliteJournal.OpenAsync(
            new SqliteJournalOptions { Directory = image.Path }, default);
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (await IsInFilesAsync(image.Path))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, patience.Token);
        }
    }

    // A start without the setting leaves a file as builds know it that have no lifetimes.
    [Fact]
    public async Task Start_WithoutALifetime_MakesNoTable()
    {
        await Store.KeepLifetimesAsync([], DateTimeOffset.UnixEpoch, default);
        await CloseAsync();
        var bytes = await File.ReadAllBytesAsync(_directory.File("evergrain.db"));
        Assert.True(bytes.AsSpan().IndexOf("lifetimes"u8) < 0);
    }

    protected override async Task<IJournal> OpenAsync() =>
        await SqliteJournal.OpenAsync(new SqliteJournalOptions { Directory = _directory.Path }, default);

    private Task<bool> IsInFilesAsync() => IsInFilesAsync(_directory.Path);

    private static async Task<bool> IsInFilesAsync(string directory)
    {
        foreach (var file in Directory.GetFiles(directory, "evergrain.db*"))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var memory = new MemoryStream();
            await stream.CopyToAsync(memory);
            if (memory.ToArray().AsSpan().IndexOf(Secret) >= 0)
            {
                return true;
            }
        }

        return false;
    }
}
