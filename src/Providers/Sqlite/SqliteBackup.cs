using Evergrain.Conversations.Ports;
using Microsoft.Data.Sqlite;

namespace Evergrain.Providers.Sqlite;

/// <summary>Copies a journal while a server writes it.</summary>
/// <remarks>
/// SQLite's backup API reads all pages in one transaction: the copy is the journal of one moment, with everything that
/// was acknowledged before. Appends go on meanwhile, and their write-ahead log grows until the copy is made.
/// </remarks>
public static class SqliteBackup
{
    private const string UnfinishedSuffix = ".unfinished";

    /// <summary>Copies the journal of a directory into a new file, which is whole as soon as it has its name.</summary>
    /// <param name="directory">The data directory; a server may hold it.</param>
    /// <param name="file">The copy. It must not be there yet.</param>
    /// <exception cref="JournalUnavailableException">
    /// There is no journal, it cannot be read, or the copy cannot be written.
    /// </exception>
    public static void Write(string directory, string file)
    {
        var (source, copy) = (DataDirectory.DatabaseFileIn(directory), Path.GetFullPath(file));
        if (!File.Exists(source))
        {
            throw new JournalUnavailableException($"There is no journal {source}: name its directory with --data.");
        }

        if (File.Exists(copy))
        {
            throw new JournalUnavailableException($"The file {copy} is there already: name a new one.");
        }

        var unfinished = copy + UnfinishedSuffix;
        try
        {
            File.Delete(unfinished);
            Copy(source, unfinished);
            File.Move(unfinished, copy);
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw new JournalUnavailableException($"The journal {source} cannot be copied to {copy} ({e.Message}): " +
                "check both disks and try again.", e);
        }
        finally
        {
            if (File.Exists(unfinished))
            {
                File.Delete(unfinished);
            }
        }
    }

    private static void Copy(string source, string unfinished)
    {
        using var from = JournalDatabase.OpenReader(source);
        JournalDatabase.CheckOrigin(from.Handle!, source);
        using var to = JournalDatabase.Create(unfinished);
        from.BackupDatabase(to);
    }
}
