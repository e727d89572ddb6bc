using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Sqlite;
using Microsoft.Data.Sqlite;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>
/// A damaged log that a killed server left: SQLite would drop what was stored behind the damage without a word.
/// </summary>
public sealed class WriteAheadLogTests : SqliteDamageFixture
{
    private const int Appends = 12;
    private const int FrameBytes = 2_072;

    private static readonly ConversationKey Key = new("alice", IdOf(1));

    [Theory]
    [InlineData(10, "in the header")]
    [InlineData(20, "in a salt of the header")]
    [InlineData(32 + 6, "in the size of the database, of a frame")]
    [InlineData(32 + 9, "in a salt of a frame")]
    [InlineData(32 + 17, "in a sum of a frame")]
    [InlineData(32 + 1_000, "in a page")]
    public async Task Open_LogIsDamagedBeforeStoredAppends_IsRefused_WithTheWayOut(int at, string what)
    {
        var (database, log, _) = await KilledAsync();
        log[at] ^= 4;
        await ReplaceAsync(database, log);

        var failure = await Assert.ThrowsAsync<JournalUnavailableException>(OpenAsync);

        Assert.True(failure.Message.Contains("is damaged at byte", StringComparison.Ordinal), what);
        Assert.Contains("wal_checkpoint(TRUNCATE)", failure.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(LogFile));
        await GiveUpAsync();
        await using var journal = await OpenAsync();
        Assert.True((await ReadAsync(journal, Key)).Count < Appends);
    }

    // A salt is not covered by its frame's checksum: the frame before the last commit looks like one of an older log.
    [Fact]
    public async Task Open_SaltOfTheLastCommitButOneIsDamaged_IsRefused()
    {
        var (database, log, last) = await KilledAsync();
        log[last - FrameBytes + 9] ^= 1;
        await ReplaceAsync(database, log);

        await Assert.ThrowsAsync<JournalUnavailableException>(OpenAsync);
    }

    // What a power cut may leave too: so nobody can tell.
    [Fact]
    public async Task Open_LastCommitIsDamaged_OpensWithoutIt()
    {
        var (database, log, last) = await KilledAsync();
        log[last + 1_000] ^= 1;
        await ReplaceAsync(database, log);

        await using var journal = await OpenAsync();
        Assert.Equal(Appends - 1, (await ReadAsync(journal, Key)).Count);
    }

    // A log that came round has frames of the time before behind its end, also with their commits.
    [Fact]
    public async Task Open_LogCameRound_OpensWithAll()
    {
        await using var killed = await SqliteJournal.OpenAsync(
            new SqliteJournalOptions { Directory = Folder, CheckpointBytes = 64 << 10 }, Token);
        for (var i = 0; i < 100; i++)
        {
            await killed.AppendAsync(Key, i, 1, Append(Key, i), Token);
        }

        var (database, log) = (await File.ReadAllBytesAsync(Database, Token),
            await File.ReadAllBytesAsync(LogFile, Token));
        Assert.True(killed.Counters.Checkpoints > 1);
        await killed.DisposeAsync();
        await ReplaceAsync(database, log);

        await using var journal = await OpenAsync();
        Assert.Equal(100, (await ReadAsync(journal, Key)).Count);
    }

    private async Task GiveUpAsync()
    {
        await using var connection = new SqliteConnection($"Data Source={Database};Pooling=False");
        await connection.OpenAsync(Token);
        await using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA wal_checkpoint(TRUNCATE)";
        await command.ExecuteNonQueryAsync(Token);
    }

    /// <summary>The files of a killed server, and where the last commit begins in its log.</summary>
    private async Task<(byte[] Database, byte[] Log, int Last)> KilledAsync()
    {
        await FillAsync(1, Key);
        var last = 0;
        await using var journal = await OpenAsync();
        for (var i = 1; i < Appends; i++)
        {
            last = File.Exists(LogFile) ? (int)new FileInfo(LogFile).Length : 0;
            await journal.AppendAsync(Key, i, 1, Append(Key, i), Token);
        }

        return (await File.ReadAllBytesAsync(Database, Token), await File.ReadAllBytesAsync(LogFile, Token), last);
    }
}
