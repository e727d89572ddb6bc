using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Sqlite;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>The end of the write-ahead log never reached the disk, or only in part: what a power cut leaves.</summary>
public sealed class SqliteJournalTornTailTests : IDisposable
{
    private const int Appends = 60;

    private static readonly ConversationKey Key = new("default", new ConversationId(1));
    private readonly TemporaryDirectory _directory = new();
    private readonly CancellationTokenSource _timeout = new(TimeSpan.FromMinutes(10));

    private CancellationToken Token => _timeout.Token;

    public void Dispose()
    {
        _timeout.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Open_LogIsCutAnywhere_HoldsWholeAppendsUpToTheCutAndGoesOn()
    {
        // Where the log ended behind each append; behind the last, all of them are there.
        var ends = await FillAsync(_directory);
        var log = await File.ReadAllBytesAsync(_directory.File("copy-wal"), Token);
        var random = new Random(1);
        var cuts = Enumerable.Range(0, 40).Select(_ => random.Next(log.Length + 1)).Concat(ends.Take(10)).ToList();
        foreach (var cut in cuts)
        {
            await CheckAsync(log[..cut], ends.Count(end => end <= cut));
        }
    }

    [Fact]
    public async Task Open_LogEndsInNoise_HoldsWholeAppendsUpToItAndGoesOn()
    {
        var ends = await FillAsync(_directory);
        var log = await File.ReadAllBytesAsync(_directory.File("copy-wal"), Token);
        var random = new Random(2);
        for (var round = 0; round < 20; round++)
        {
            var torn = log.ToArray();
            var from = random.Next(ends[5], log.Length);
            random.NextBytes(torn.AsSpan(from));
            await CheckAsync(torn, ends.Count(end => end <= from));
        }
    }

    private async Task CheckAsync(byte[] log, int expected)
    {
        using var image = new TemporaryDirectory();
        File.Copy(_directory.File("copy"), image.File("evergrain.db"));
        await File.WriteAllBytesAsync(image.File("evergrain.db-wal"), log, Token);
        await using var journal = await OpenAsync(image);

        var entries = new List<JournalEntry>();
        await foreach (var entry in journal.ReadAsync(Key, JournalEnd.None, Token))
        {
            Assert.Equal(Bytes(entries.Count), entry.Records.ToArray());
            entries.Add(entry);
        }

        Assert.Equal(expected, entries.Count);
        await journal.AppendAsync(Key, expected, 1, Bytes(expected), Token);
    }

    /// <summary>Fills a journal and copies its files while open; gives the log's length behind each append.</summary>
    private async Task<List<int>> FillAsync(TemporaryDirectory directory)
    {
        var ends = new List<int>();
        var log = new FileInfo(directory.File("evergrain.db-wal"));
        await using var journal = await OpenAsync(directory);
        for (var i = 0; i < Appends; i++)
        {
            await journal.AppendAsync(Key, i, 1, Bytes(i), Token);
            log.Refresh();
            ends.Add((int)log.Length);
        }

        File.Copy(directory.File("evergrain.db"), directory.File("copy"));
        File.Copy(directory.File("evergrain.db-wal"), directory.File("copy-wal"));
        return ends;
    }

    private Task<SqliteJournal> OpenAsync(TemporaryDirectory directory) =>
        SqliteJournal.OpenAsync(new SqliteJournalOptions { Directory = directory.Path }, Token);

    private static byte[] Bytes(int seed)
    {
        var bytes = new byte[1_500 + seed];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
