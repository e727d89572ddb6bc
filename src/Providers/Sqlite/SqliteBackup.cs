using System.Runtime.InteropServices;
using Evergrain.Conversations.Ports;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Evergrain.Providers.Sqlite;

/// <summary>Copies a journal while a server writes it.</summary>
/// <remarks>
/// SQLite's backup API reads all pages in one transaction: the copy is the journal of one moment, with everything that
/// was acknowledged before. Appends go on meanwhile, and their write-ahead log grows until the copy is made. A copy in
/// the making has a name of its own, so that backups of one name do not touch each other's files.
/// </remarks>
public static class SqliteBackup
{
    private const string UnfinishedSuffix = ".unfinished";

    // 8 MiB: some ten milliseconds, after which a stop is noticed.
    private const int StepPages = 4096;

    /// <summary>Copies the journal of a directory into a new file, which is whole as soon as it has its name.</summary>
    /// <param name="directory">The data directory; a server may hold it.</param>
    /// <param name="file">The copy. It must not be there yet. Its owner alone may read it.</param>
    /// <param name="cancellationToken">Gives up; nothing is left then.</param>
    /// <exception cref="JournalUnavailableException">
    /// There is no journal, it cannot be read, or the copy cannot be written.
    /// </exception>
    public static void Write(string directory, string file, CancellationToken cancellationToken)
    {
        var (source, copy) = (DataDirectory.DatabaseFileIn(directory), Path.GetFullPath(file));
        if (!File.Exists(source))
        {
            throw new JournalUnavailableException($"There is no journal {source}: name its directory with --data.");
        }

        if (File.Exists(copy))
        {
            throw IsThere(copy);
        }

        var unfinished = $"{copy}.{Path.GetRandomFileName()}{UnfinishedSuffix}";
        try
        {
            Copy(source, unfinished, cancellationToken);
            Name(unfinished, copy);
        }
        catch (IOException) when (File.Exists(copy))
        {
            throw IsThere(copy);
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw new JournalUnavailableException($"The journal {source} cannot be copied to {copy} ({e.Message}): " +
                "check both disks and try again.", e);
        }
        finally
        {
            DeleteIfThere(unfinished);
            DeleteIfThere(unfinished + "-journal");
        }
    }

    // .NET looks whether a name is free and renames then, so two backups can both find it free. A link is refused.
    private static void Name(string unfinished, string copy)
    {
        if (!OperatingSystem.IsWindows())
        {
            if (Link(unfinished, copy) == 0)
            {
                return;
            }

            if (File.Exists(copy))
            {
                throw IsThere(copy);
            }
        }

        // Windows refuses a name that is taken. Elsewhere this is a file system without links.
        File.Move(unfinished, copy);
    }

    private static JournalUnavailableException IsThere(string copy) =>
        new($"The file {copy} is there already: name a new one.");

    private static void DeleteIfThere(string file)
    {
        if (File.Exists(file))
        {
            File.Delete(file);
        }
    }

    [DllImport("libc", EntryPoint = "link")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Link(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string file, [MarshalAs(UnmanagedType.LPUTF8Str)] string name);

    private static void Copy(string source, string unfinished, CancellationToken cancellationToken)
    {
        using var from = JournalDatabase.OpenReader(source);

        // One transaction for all steps: without it SQLite begins again with each append between two of them.
        Statement.Execute(from.Handle!, "BEGIN");
        JournalDatabase.CheckOrigin(from.Handle!, source);
        using var to = JournalDatabase.Create(unfinished);
        using var backup = raw.sqlite3_backup_init(to.Handle!, "main", from.Handle!, "main");
        var code = backup.IsInvalid ? raw.sqlite3_errcode(to.Handle!) : raw.SQLITE_OK;
        while (code == raw.SQLITE_OK)
        {
            cancellationToken.ThrowIfCancellationRequested();
            code = raw.sqlite3_backup_step(backup, StepPages);
        }

        if (code != raw.SQLITE_DONE)
        {
            throw new SqliteException(raw.sqlite3_errstr(code).utf8_to_string(), code & 0xff, code);
        }
    }
}
