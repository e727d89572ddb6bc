using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Tests.Turns;
using Evergrain.Providers.Sqlite;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>
/// A SQLite file as version 1 wrote it, committed: it must open, and hold the golden journal's appends.
/// <c>EVERGRAIN_GOLDEN=write</c> writes a new one.
/// </summary>
public sealed class GoldenDatabaseTests : IDisposable
{
    private const string DatabaseFile = "evergrain-v1.db";
    private static readonly ConversationKey Key = new("default", new ConversationId(42));
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("evergrain-golden-");

    [Fact]
    public async Task OpenAsync_DatabaseOfVersion1_HoldsTheGoldenJournal()
    {
        var golden = GoldenJournal.Read(Path.Combine(GoldenJournal.Folder, "journal-v1.bin"));
        if (Environment.GetEnvironmentVariable("EVERGRAIN_GOLDEN") == "write")
        {
            await WriteAsync(golden);
        }

        File.Copy(Path.Combine(GoldenJournal.SourceFolder(), DatabaseFile), Database, overwrite: true);
        await using var journal = await OpenAsync();
        var read = new List<string>();
        await foreach (var entry in journal.ReadAsync(Key, 0, CancellationToken.None))
        {
            read.Add($"{entry.Position} {entry.Writer} {Convert.ToHexString(entry.Records.Span)}");
        }

        Assert.Equal(golden.Select(e => $"{e.Position} {e.Writer} {Convert.ToHexString(e.Records.Span)}"), read);
        Assert.Equal([Key.Id], await journal.ListAsync(Key.Tenant, null, 10, CancellationToken.None));
        Assert.Equal(default, await journal.GetAsync(Key.Tenant, CancellationToken.None));
    }

    public void Dispose() => _directory.Delete(recursive: true);

    private string Database => Path.Combine(_directory.FullName, "evergrain.db");

    private async Task WriteAsync(IEnumerable<Conversations.Ports.JournalEntry> entries)
    {
        await using (var journal = await OpenAsync())
        {
            foreach (var entry in entries)
            {
                await journal.AppendAsync(Key, entry.Position, entry.Writer, entry.Records, CancellationToken.None);
            }
        }

        File.Copy(Database, Path.Combine(GoldenJournal.SourceFolder(), DatabaseFile), overwrite: true);
    }

    private Task<SqliteJournal> OpenAsync() => SqliteJournal.OpenAsync(
        new SqliteJournalOptions { Directory = _directory.FullName }, CancellationToken.None);
}
