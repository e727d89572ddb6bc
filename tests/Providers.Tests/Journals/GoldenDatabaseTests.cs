using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Tests.Turns;
using Evergrain.Providers.Sqlite;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>
/// A SQLite file of each schema version, committed: it must open, and hold the golden journal's appends.
/// <c>EVERGRAIN_GOLDEN=evergrain-v2</c> writes that one; a build writes only the newest.
/// </summary>
public sealed class GoldenDatabaseTests : IDisposable
{
    private static readonly ConversationKey Key = new("default", new ConversationId(42));
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("evergrain-golden-");

    [Theory]
    [InlineData("evergrain-v1", "journal-v1.bin")]
    [InlineData("evergrain-v2", "journal-v2.bin")]
    public async Task OpenAsync_DatabaseOfEachVersion_HoldsTheGoldenJournal(string name, string appends)
    {
        var golden = GoldenJournal.Read(Path.Combine(GoldenJournal.Folder, appends));
        var file = Path.Combine(GoldenJournal.SourceFolder(), name + ".db");
        if (Environment.GetEnvironmentVariable("EVERGRAIN_GOLDEN") == name)
        {
            await WriteAsync(golden, file);
        }

        File.Copy(file, Database, overwrite: true);
        await using (var journal = await OpenAsync())
        {
            Assert.Equal(golden.Select(Text), await ReadAsync(journal));
            Assert.Equal([Key.Id], await journal.ListAsync(Key.Tenant, null, 10, CancellationToken.None));
            var last = golden[^1];
            await journal.AppendAsync(Key, JournalEnd.Behind(last), 9, new byte[1], CancellationToken.None);
        }

        // As the program that upgraded it finds it again.
        await using var again = await OpenAsync();
        Assert.Equal(golden.Count + 1, (await ReadAsync(again)).Count);
    }

    public void Dispose() => _directory.Delete(recursive: true);

    private string Database => Path.Combine(_directory.FullName, "evergrain.db");

    private static string Text(JournalEntry entry) =>
        $"{entry.Position} {entry.Writer} {Convert.ToHexString(entry.Records.Span)}";

    private static async Task<List<string>> ReadAsync(SqliteJournal journal)
    {
        var read = new List<string>();
        await foreach (var entry in journal.ReadAsync(Key, JournalEnd.None, CancellationToken.None))
        {
            read.Add(Text(entry));
        }

        return read;
    }

    private async Task WriteAsync(IEnumerable<JournalEntry> entries, string file)
    {
        await using (var journal = await OpenAsync())
        {
            var end = JournalEnd.None;
            foreach (var entry in entries)
            {
                await journal.AppendAsync(Key, end, entry.Writer, entry.Records, CancellationToken.None);
                end = JournalEnd.Behind(entry);
            }
        }

        File.Copy(Database, file, overwrite: true);
    }

    private Task<SqliteJournal> OpenAsync() => SqliteJournal.OpenAsync(
        new SqliteJournalOptions { Directory = _directory.FullName }, CancellationToken.None);
}
