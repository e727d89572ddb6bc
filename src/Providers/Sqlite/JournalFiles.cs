using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Sqlite;

/// <summary>What the writer and the readers of a journal share.</summary>
/// <param name="File">The full path of the database file, for SQLite and for messages.</param>
/// <param name="Files">Refuses once a file was removed or replaced.</param>
/// <param name="Condition">Whether the journal can store.</param>
/// <param name="Hidden">Conversations that no index leads to.</param>
internal sealed record JournalStore(
    string File, JournalFiles Files, StoreCondition Condition, HiddenConversations Hidden)
{
    /// <summary>That of a directory whose database is open.</summary>
    /// <exception cref="JournalUnavailableException">A file is gone already.</exception>
    public static JournalStore Of(DataDirectory directory, SqliteJournalOptions options, HiddenConversations hidden)
    {
        var condition = new StoreCondition(options.Logger, TimeProvider.System);
        return new JournalStore(
            directory.DatabaseFile, new JournalFiles(directory, condition), condition, hidden);
    }
}

/// <summary>
/// The database, its write-ahead log and the lock, as they were when the journal was opened. Once one of them was
/// removed or replaced, the journal stores and reads nothing more: the server must be started again.
/// </summary>
/// <remarks>
/// SQLite goes on writing into a file that no name leads to any more. So the files are compared after each sync and
/// before its callers are answered. Any thread may compare them.
/// </remarks>
internal sealed class JournalFiles
{
    private readonly StoreCondition _condition;
    private readonly OpenedFile[] _files = [];
    private readonly OpenedFile? _lock;
    private volatile JournalUnavailableException? _gone;

    /// <summary>Remembers the files; the database is open already.</summary>
    /// <exception cref="JournalUnavailableException">One of them is gone already.</exception>
    public JournalFiles(DataDirectory directory, StoreCondition condition)
    {
        _condition = condition;
        var database = directory.DatabaseFile;
        if (FileIdentity.IsKnown)
        {
            _lock = new OpenedFile(directory.LockFile);

            // Free pages are used again, so the database never gets smaller by itself. Its log does.
            var opened = new OpenedFile(database) { NeverShrinks = true };
            _files = [opened, new OpenedFile(database + JournalDatabase.LogSuffix), _lock];
        }
    }

    /// <summary>Refuses to go on once a file is not the one that was opened.</summary>
    /// <exception cref="JournalUnavailableException">It is not, or was not before.</exception>
    public void Check()
    {
        ThrowIfGone();
        foreach (var file in _files)
        {
            // Read before the look: another thread may see the file grow between the two.
            var least = Volatile.Read(ref file.BytesMin);
            if (file.Look() is not { } now || !now.IsSameFile(file.Identity))
            {
                throw Gone($"The journal's file {file.Path} was removed or replaced while the server ran");
            }

            if (!file.NeverShrinks)
            {
                continue;
            }

            if (now.Bytes < least)
            {
                throw Gone($"The journal's file {file.Path} was cut from {least} to {now.Bytes} bytes while the " +
                    "server ran");
            }

            Volatile.Write(ref file.BytesMin, now.Bytes);
        }
    }

    /// <summary>
    /// Refuses to go on once the lock is not this server's any more. A writer asks inside its transaction: whoever has
    /// the lock now waits for the end of that transaction before it reads anything.
    /// </summary>
    /// <exception cref="JournalUnavailableException">It is not.</exception>
    public void CheckLock()
    {
        ThrowIfGone();
        if (_lock is not null && (_lock.Look() is not { } now || !now.IsSameFile(_lock.Identity)))
        {
            throw Gone($"The journal's file {_lock.Path} was removed or replaced while the server ran");
        }
    }

    private void ThrowIfGone()
    {
        if (_gone is { } gone)
        {
            throw gone;
        }
    }

    private JournalUnavailableException Gone(string sentence)
    {
        var gone = new JournalUnavailableException(sentence + ", so nothing more is stored or read. Stop the server, " +
            "put the file back or restore a backup, and start it again.")
        {
            Brief = "A file of the journal was removed or replaced while the server ran.",
        };
        _gone = gone;
        _condition.Failed(gone);
        return gone;
    }

    /// <summary>A file as it was when the journal was opened.</summary>
    private sealed class OpenedFile
    {
        private readonly byte[] _encoded;

        /// <summary>The least that it must have; a field, since threads share it.</summary>
        public long BytesMin;

        public OpenedFile(string path)
        {
            (Path, _encoded) = (path, FileIdentity.Encode(path));
            var found = Look() ?? throw new JournalUnavailableException(
                $"The journal's file {path} was removed while the server started: start it again.");
            (Identity, BytesMin) = (found, found.Bytes);
        }

        public string Path { get; }

        public FileIdentity Identity { get; }

        public bool NeverShrinks { get; init; }

        public FileIdentity? Look() => FileIdentity.Read(_encoded);
    }
}
