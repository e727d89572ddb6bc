using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Sqlite;

/// <summary>The data directory, held by one process at a time through an open file that nobody else may open.</summary>
internal sealed class DataDirectory : IDisposable
{
    private const string LockName = "evergrain.lock";
    private const string DatabaseName = "evergrain.db";

    // Windows' ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION; EWOULDBLOCK on Linux and on macOS.
    private static readonly int[] LockedCodes = [unchecked((int)0x80070020), unchecked((int)0x80070021), 11, 35];

    private readonly FileStream _lock;

    private DataDirectory(string path, FileStream held)
    {
        (DatabaseFile, LockFile) = (DatabaseFileIn(path), LockFileIn(path));
        _lock = held;
    }

    /// <summary>The full path of the database file.</summary>
    public string DatabaseFile { get; }

    /// <summary>The full path of the file that is held.</summary>
    public string LockFile { get; }

    /// <summary>The full path of the database file of a directory.</summary>
    public static string DatabaseFileIn(string directory) => Path.Combine(Path.GetFullPath(directory), DatabaseName);

    /// <summary>Makes the directory if it is not there, and holds it.</summary>
    /// <exception cref="JournalUnavailableException">It cannot be made or written, or is held already.</exception>
    public static DataDirectory Hold(string directory)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        var path = Path.GetFullPath(directory);
        if (File.Exists(path))
        {
            throw new JournalUnavailableException(
                $"The data directory {path} is a file: name a directory, or a path where one can be made.");
        }

        try
        {
            Directory.CreateDirectory(path);
            return new DataDirectory(path, new FileStream(LockFileIn(path), FileMode.OpenOrCreate,
                FileAccess.ReadWrite, FileShare.None, bufferSize: 1));
        }
        catch (IOException e) when (LockedCodes.Contains(e.HResult))
        {
            throw new JournalUnavailableException(
                $"The data directory {path} is in use by another process: stop it, or name another directory.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new JournalUnavailableException(
                $"The data directory {path} cannot be written ({e.Message}): name one that this user may write.", e);
        }
    }

    /// <summary>Whether that is why a directory could not be held: another process holds it.</summary>
    public static bool IsHeldElsewhere(JournalUnavailableException failure) =>
        failure.InnerException is IOException inner && LockedCodes.Contains(inner.HResult);

    public void Dispose() => _lock.Dispose();

    private static string LockFileIn(string path) => Path.Combine(path, LockName);
}
