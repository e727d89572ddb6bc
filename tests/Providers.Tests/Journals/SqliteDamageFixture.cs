using System.Buffers.Binary;
using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;
using Evergrain.Providers.Sqlite;
using Evergrain.Suites.Hosts;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>A journal whose files a test damages while no server has them.</summary>
public abstract class SqliteDamageFixture : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly CancellationTokenSource _timeout = new(TimeSpan.FromHours(2));

    protected ErrorLog Log { get; } = new();

    protected CancellationToken Token => _timeout.Token;

    protected string Folder => _directory.Path;

    protected string Database => _directory.File("evergrain.db");

    protected string LogFile => _directory.File("evergrain.db-wal");

    /// <inheritdoc/>
    public void Dispose()
    {
        Log.Dispose();
        _timeout.Dispose();
        _directory.Dispose();
        GC.SuppressFinalize(this);
    }

    protected static ConversationId IdOf(int number) => new(((UInt128)number << 100) + (UInt128)number);

    protected static byte[] Id(ConversationKey key)
    {
        var id = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(id, key.Id.Value);
        return id;
    }

    protected static ReadOnlyMemory<byte> Append(ConversationKey key, long position) => RecordFrames.Write(
        [new InputHeld(Encoding.UTF8.GetBytes($"\"{key.Tenant} {key.Id} {position} {new string('x', 300)}\""))],
        new RecordOwner(key));

    protected Task<SqliteJournal> OpenAsync() =>
        SqliteJournal.OpenAsync(new SqliteJournalOptions { Directory = Folder }, Token);

    /// <summary>Opens it, and checks all of it without a rest.</summary>
    protected async Task<SqliteJournal> OpenCheckedAsync()
    {
        var journal = await SqliteJournal.OpenAsync(new SqliteJournalOptions
        {
            Directory = Folder,
            Logger = Log,
            Check = new JournalCheckSetup(Log, Instruments: null) { BytesPerSecond = long.MaxValue },
        }, Token);
        await journal.FirstCheck.WaitAsync(Token);
        return journal;
    }

    protected async Task FillAsync(int appends, params ConversationKey[] keys)
    {
        await using var journal = await OpenAsync();
        foreach (var key in keys)
        {
            for (var i = 0; i < appends; i++)
            {
                await journal.AppendAsync(key, i, 1, Append(key, i), Token);
            }
        }
    }

    /// <summary>Replaces bytes that stand in the database once.</summary>
    protected void Change(byte[] from, byte[] to)
    {
        var bytes = File.ReadAllBytes(Database);
        var at = bytes.AsSpan().IndexOf(from);
        Assert.True(at >= 0 && bytes.AsSpan(at + 1).IndexOf(from) < 0, "the bytes are there once");
        to.CopyTo(bytes, at);
        File.WriteAllBytes(Database, bytes);
    }

    protected async Task<List<JournalEntry>> ReadAsync(SqliteJournal journal, ConversationKey key)
    {
        var entries = new List<JournalEntry>();
        await foreach (var entry in journal.ReadAsync(key, JournalEnd.None, Token))
        {
            entries.Add(entry);
        }

        return entries;
    }

    /// <summary>Writes the files as a test wants them; the journal is not open.</summary>
    protected async Task ReplaceAsync(byte[] database, byte[]? log)
    {
        foreach (var file in Directory.GetFiles(Folder, "evergrain.db*"))
        {
            File.Delete(file);
        }

        await File.WriteAllBytesAsync(Database, database, Token);
        if (log is not null)
        {
            await File.WriteAllBytesAsync(LogFile, log, Token);
        }
    }
}
