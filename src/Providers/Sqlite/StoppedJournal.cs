using System.Buffers.Binary;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// The journal that a stopped server left, to be read. It is held meanwhile, so that no server starts on it, and
/// nothing in the database changes. One thread at a time uses it.
/// </summary>
internal sealed class StoppedJournal : IDisposable
{
    private readonly DataDirectory _directory;
    private readonly SqliteConnection _connection;
    private readonly JournalReader _reader;

    private StoppedJournal(DataDirectory directory)
    {
        _directory = directory;
        var file = directory.DatabaseFile;
        _connection = JournalDatabase.OpenReader(file);
        try
        {
            JournalDatabase.CheckOrigin(_connection.Handle!, file);
            _reader = new JournalReader(file, new HiddenConversations());
        }
        catch
        {
            _connection.Dispose();
            throw;
        }
    }

    /// <summary>Opens it.</summary>
    /// <exception cref="JournalUnavailableException">
    /// There is none, a server holds it (<see cref="DataDirectory.IsHeldElsewhere"/>), or it cannot be read.
    /// </exception>
    public static StoppedJournal Open(string path)
    {
        var file = DataDirectory.DatabaseFileIn(path);
        if (!File.Exists(file))
        {
            throw new JournalUnavailableException($"There is no journal {file}: name its directory with --data.");
        }

        var directory = SqliteJournal.Hold(path);
        try
        {
            return new StoppedJournal(directory);
        }
        catch (SqliteException e)
        {
            directory.Dispose();
            throw Unreadable(e, file);
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>Conversations of all tenants, the newest first, behind one of them or from the first on.</summary>
    /// <exception cref="JournalUnavailableException">The file is damaged.</exception>
    public IReadOnlyList<ConversationKey> List(ConversationId? behind, int limit) => Read(database =>
    {
        using var list = new Statement(database, """
            SELECT tenant, id FROM conversations
            WHERE ?1 IS NULL OR number < (SELECT number FROM conversations WHERE id = ?1)
            ORDER BY number DESC LIMIT ?2
            """);
        if (behind is { } id)
        {
            list.Bind(1, BytesOf(id));
        }

        list.Bind(2, limit);
        return KeysOf(list);
    });

    /// <summary>Finds a conversation, whoever has it; null: nobody has.</summary>
    /// <exception cref="JournalUnavailableException">The file is damaged.</exception>
    public ConversationKey? Find(ConversationId id) => Read<ConversationKey?>(database =>
    {
        using var find = new Statement(database, "SELECT tenant, id FROM conversations WHERE id = ?1");
        find.Bind(1, BytesOf(id));
        return KeysOf(find) is [var key, ..] ? key : null;
    });

    /// <summary>Copies a conversation into another journal, which does not hold it yet.</summary>
    /// <exception cref="JournalUnavailableException">The file is damaged.</exception>
    public async Task CopyAsync(ConversationKey key, IJournal journal, CancellationToken cancellationToken)
    {
        try
        {
            var pages = JournalPage.ReadAllAsync(JournalEnd.None,
                (from, begunWith, _) => Task.FromResult(_reader.Read(key, from, begunWith)), cancellationToken);
            var end = JournalEnd.None;
            await foreach (var entry in pages)
            {
                await journal.AppendAsync(key, end, entry.Writer, entry.Records, cancellationToken);
                end = JournalEnd.Behind(entry);
            }
        }
        catch (Exception e) when (e is SqliteException or JournalCorruptException)
        {
            throw Unreadable(e, _directory.DatabaseFile);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _reader.Dispose();
        _connection.Dispose();
        _directory.Dispose();
    }

    /// <summary>Reads what no other member gives.</summary>
    /// <exception cref="JournalUnavailableException">The file is damaged, or of an older build.</exception>
    public T Read<T>(Func<sqlite3, T> read)
    {
        try
        {
            return read(_connection.Handle!);
        }
        catch (SqliteException e)
        {
            throw Unreadable(e, _directory.DatabaseFile);
        }
    }

    /// <summary>One sentence for a failure to read the file.</summary>
    public static JournalUnavailableException Unreadable(Exception failure, string file) => failure switch
    {
        // A column or a table that is not there.
        SqliteException { SqliteErrorCode: raw.SQLITE_ERROR } => new JournalUnavailableException(
            $"The journal {file} is of an older build ({failure.Message}): start the server on it once.", failure),
        SqliteException sqlite => JournalDatabase.Unavailable(sqlite, file),
        _ => new JournalUnavailableException(
            $"The journal {file} is damaged ({failure.Message}): restore it from a backup.", failure),
    };

    private static byte[] BytesOf(ConversationId id)
    {
        var bytes = new byte[16];
        WriteTables.WriteId(id, bytes);
        return bytes;
    }

    private static List<ConversationKey> KeysOf(Statement statement)
    {
        var keys = new List<ConversationKey>();
        while (statement.Step())
        {
            keys.Add(new ConversationKey(statement.Text(0),
                new ConversationId(BinaryPrimitives.ReadUInt128BigEndian(statement.Bytes(1)))));
        }

        return keys;
    }
}
