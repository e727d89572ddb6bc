using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>Opens the database file, makes or checks its schema, and puts SQLite's failures into words.</summary>
/// <remarks>
/// Appends of all conversations lie in one table in the order they came, so that a transaction fills the same few pages
/// however many conversations it serves; the unique index finds a conversation's own. Pages have 2 KiB: an append of
/// 2 KB then costs about 9 KB of write-ahead log, where 4 KiB pages cost 17 KB.
/// </remarks>
internal static class JournalDatabase
{
    /// <summary>Bytes of a page.</summary>
    public const int PageBytes = 2_048;

    /// <summary>
    /// Bytes a page takes in the write-ahead log: it and a header of 24. Source: SQLite's file format, section 4.1.
    /// </summary>
    public const long FrameBytes = PageBytes + 24;

    /// <summary>Behind the database file's name, the write-ahead log's.</summary>
    public const string LogSuffix = "-wal";

    /// <summary>Writes the first page, with what it holds already.</summary>
    public static readonly string WriteVersion = $"PRAGMA user_version = {SchemaVersion}";

    private const int SchemaVersion = 2;

    // "EVGR": tells our files from other SQLite files.
    private const int ApplicationId = 0x45564752;

    /// <summary>Waits only for SQLite's own short locks, as when the last reader closes.</summary>
    public const int BusyMilliseconds = 5_000;

    // 'dropped' names deleted conversations whose appends are still to be cleaned up.
    private static readonly string[] Schema =
    [
        """
        CREATE TABLE conversations (
          number INTEGER PRIMARY KEY, tenant TEXT NOT NULL, id BLOB NOT NULL, UNIQUE (tenant, id)) STRICT
        """,
        "CREATE INDEX conversations_by_tenant ON conversations (tenant)",
        """
        CREATE TABLE appends (
          sequence INTEGER PRIMARY KEY, conversation INTEGER NOT NULL, position INTEGER NOT NULL,
          writer INTEGER NOT NULL, records BLOB NOT NULL, UNIQUE (conversation, position)) STRICT
        """,
        "CREATE TABLE dropped (conversation INTEGER PRIMARY KEY) STRICT",
        $"PRAGMA application_id = {ApplicationId}",
    ];

    // 'written' holds the newest format of any record.
    private static readonly string[] ToVersion2 =
    [
        "CREATE TABLE written (format INTEGER NOT NULL) STRICT",
        $"INSERT INTO written VALUES ({RecordFormat.First})",
        TotalsTable.Create(TotalsTable.Name, "TEXT", "INTEGER") + " STRICT",
        WriteVersion,
    ];

    /// <summary>Opens the one connection that writes; makes the schema in a new file.</summary>
    /// <exception cref="JournalUnavailableException">It is damaged, foreign, newer or cannot be opened.</exception>
    public static WriteTables OpenWriter(string file, SqliteJournalOptions options, HiddenConversations hidden)
    {
        SqliteConnection? connection = null;
        try
        {
            MakeUnlessThere(file);
            connection = Connect(file, SqliteOpenMode.ReadWriteCreate);
            var database = connection.Handle!;
            Statement.Execute(database, $"PRAGMA page_size = {PageBytes}");
            CheckOrigin(database, file, mayBeUnfinished: options.IsCopyTarget);
            Configure(database, file, options);
            MakeSchema(database);
            AddHeads(database);
            if (options.IsCopyTarget)
            {
                SqliteCopyMark.Make(database, file);
            }

            RaiseFormat(database, file, options.Format);
            var hasHistories = HistoryTable.Prepare(database, options.KeepsHistories);
            return new WriteTables(connection, hidden, hasHistories ? new HistoryTable(database) : null);
        }
        catch (Exception e)
        {
            connection?.Dispose();
            throw e is SqliteException failure ? Unavailable(failure, file) : e;
        }
    }

    /// <summary>Opens a connection that only reads.</summary>
    public static SqliteConnection OpenReader(string file) => Connect(file, SqliteOpenMode.ReadOnly);

    /// <summary>Makes a file for a copy of the journal, and opens it.</summary>
    /// <exception cref="IOException">It is there already, or cannot be made.</exception>
    public static SqliteConnection Create(string file)
    {
        Make(file);
        return Connect(file, SqliteOpenMode.ReadWrite);
    }

    /// <summary>Refuses another program's file, one of a newer version, and an unfinished copy.</summary>
    /// <param name="database">The open file.</param>
    /// <param name="file">Its name.</param>
    /// <param name="mayBeUnfinished">Whether an unfinished copy is let in.</param>
    /// <exception cref="JournalUnavailableException">It is one.</exception>
    public static void CheckOrigin(sqlite3 database, string file, bool mayBeUnfinished = false)
    {
        var tables = Statement.ExecuteInt64(database, "SELECT count(*) FROM sqlite_schema");
        var application = Statement.ExecuteInt64(database, "PRAGMA application_id");
        if (application != ApplicationId && (tables > 0 || application != 0))
        {
            throw new JournalUnavailableException(
                $"The file {file} is another program's database: move it away, or name another directory.");
        }

        var version = Statement.ExecuteInt64(database, "PRAGMA user_version");
        if (version > SchemaVersion)
        {
            throw new JournalUnavailableException(
                $"The journal {file} has schema version {version}, this program knows up to {SchemaVersion}: " +
                "start the newer version that wrote it.");
        }

        if (!mayBeUnfinished)
        {
            SqliteCopyMark.Refuse(database, file);
        }
    }

    /// <summary>One sentence for a failure of SQLite: what, where, and the way out.</summary>
    public static JournalUnavailableException Unavailable(SqliteException failure, string file) =>
        new(failure.SqliteErrorCode switch
        {
            raw.SQLITE_FULL => $"The disk of {file} is full: free space on it and try again.",
            raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB =>
                $"The journal {file} is damaged ({failure.Message}): restore it from a backup, or move it away.",
            raw.SQLITE_READONLY or raw.SQLITE_CANTOPEN or raw.SQLITE_PERM or raw.SQLITE_AUTH =>
                $"The journal {file} cannot be opened for writing ({failure.Message}): give this user write access.",
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED =>
                $"The journal {file} is locked by another program: close the program and try again.",
            _ => $"The journal {file} cannot be read or written ({failure.Message}, SQLite code " +
                $"{failure.SqliteExtendedErrorCode}): check its disk and try again.",
        }, failure)
        {
            Brief = failure.SqliteErrorCode switch
            {
                raw.SQLITE_FULL => "The journal's disk is full.",
                raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => "The journal is damaged.",
                raw.SQLITE_READONLY or raw.SQLITE_CANTOPEN or raw.SQLITE_PERM or raw.SQLITE_AUTH =>
                    "The journal's file cannot be opened for writing.",
                raw.SQLITE_BUSY or raw.SQLITE_LOCKED => "The journal's file is locked by another program.",
                _ => "The journal's file cannot be read or written.",
            },
        };

    private static void MakeUnlessThere(string file)
    {
        try
        {
            if (!File.Exists(file))
            {
                Make(file);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // SQLite says what is wrong with it.
        }
    }

    // Every tenant's conversations are in it, so its owner alone may read it, whatever the umask says. SQLite gives its
    // write-ahead log and its shared memory the same rights.
    private static void Make(string file)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        new FileStream(file, options).Dispose();
    }

    private static SqliteConnection Connect(string file, SqliteOpenMode mode)
    {
        var settings = new SqliteConnectionStringBuilder { DataSource = file, Mode = mode, Pooling = false };
        var connection = new SqliteConnection(settings.ToString());
        try
        {
            connection.Open();
            Statement.Check(connection.Handle!, raw.sqlite3_busy_timeout(connection.Handle!, BusyMilliseconds));
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static void Configure(sqlite3 database, string file, SqliteJournalOptions options)
    {
        using (var mode = new Statement(database, "PRAGMA journal_mode = WAL"))
        {
            if (!mode.Step() || mode.Text(0) != "wal")
            {
                throw new JournalUnavailableException(
                    $"The file system of {file} does not support SQLite's write-ahead log: use a local disk.");
            }
        }

        Statement.Execute(database, "PRAGMA synchronous = FULL");

        // The writer checkpoints by itself, after it has answered its callers.
        Statement.Execute(database, "PRAGMA wal_autocheckpoint = 0");

        // A log of twice the usual size is kept, since writing over it is cheaper than growing it; a larger one is cut.
        Statement.Execute(database, $"PRAGMA journal_size_limit = {2L * options.CheckpointBytes}");

        // What is deleted is overwritten, not just unlinked. The writer cuts it off the write-ahead log.
        Statement.Execute(database, "PRAGMA secure_delete = ON");
        Statement.Execute(database, "PRAGMA cache_size = -8192");
        if (options.PageCountMax > 0)
        {
            Statement.Execute(database, $"PRAGMA max_page_count = {options.PageCountMax}");
        }
    }

    private static void MakeSchema(sqlite3 database)
    {
        var version = Statement.ExecuteInt64(database, "PRAGMA user_version");
        if (version == SchemaVersion)
        {
            return;
        }

        // All or nothing: a crash in between leaves the file as it was.
        Statement.Execute(database, "BEGIN IMMEDIATE");
        foreach (var statement in version == 0 ? [.. Schema, .. ToVersion2] : ToVersion2)
        {
            Statement.Execute(database, statement);
        }

        Statement.Execute(database, "COMMIT");
    }

    // Builds that do not know the column leave it as it is. A log then has more appends than its row says, never fewer.
    private static void AddHeads(sqlite3 database)
    {
        const string Look = "SELECT count(*) FROM pragma_table_info('conversations') WHERE name = 'next'";
        if (Statement.ExecuteInt64(database, Look) == 0)
        {
            Statement.Execute(database, "ALTER TABLE conversations ADD COLUMN next INTEGER NOT NULL DEFAULT 0");
        }
    }

    private static void RaiseFormat(sqlite3 database, string file, int format)
    {
        // A server whose lock was removed may be in a transaction. Behind its end it looks at the lock and stops.
        Statement.Execute(database, "BEGIN IMMEDIATE");
        var written = Statement.ExecuteInt64(database, "SELECT max(format) FROM written");
        if (written > RecordFormat.Newest)
        {
            throw new JournalUnavailableException(
                $"The journal {file} holds records of format {written}, this program reads up to " +
                $"{RecordFormat.Newest}: start the newer build that wrote them.");
        }

        if (written < format)
        {
            Statement.Execute(database, $"UPDATE written SET format = {format}");
        }

        Statement.Execute(database, "COMMIT");
    }
}
