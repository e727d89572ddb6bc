using Evergrain.Conversations.Ports;
using Evergrain.Providers.Azure;
using Evergrain.Providers.Postgres;
using Evergrain.Providers.Sqlite;
using Npgsql;

namespace Evergrain.Silo.Commands;

/// <summary>Looks whether a server could read and write its journal.</summary>
/// <param name="isServing">Whether a server of ours runs, which then holds it.</param>
internal sealed class JournalCheckup(bool isServing)
{
    private const long FreeBytesMin = 256L << 20;
    private const int ConnectSeconds = 5;

    /// <summary>Looks at SQLite's.</summary>
    /// <param name="directory">The data directory.</param>
    /// <param name="clocks">Gets the time at which it was written last, where that is in the future.</param>
    public DoctorFinding Find(string directory, List<ComparedClock> clocks)
    {
        var path = Path.GetFullPath(directory);
        if (!File.Exists(DataDirectory.DatabaseFileIn(path)))
        {
            return FindPlace(path);
        }

        if (AheadOf(path) is { } ahead && ahead < TimeSpan.Zero)
        {
            clocks.Add(new ComparedClock($"the last write to {path}", ahead));
        }

        try
        {
            using var journal = StoppedJournal.Open(path);
            _ = journal.List(behind: null, limit: 1);
            return FindRoom(path, $"The journal in {path} can be read");
        }
        catch (JournalUnavailableException e) when (DataDirectory.IsHeldElsewhere(e))
        {
            return isServing
                ? FindRoom(path, $"The running server holds {path}")
                : Wrong($"Another process holds {path}, and no server answers at the port: stop it, or name another " +
                    "directory with --data.");
        }
        catch (JournalUnavailableException e)
        {
            return Wrong(e.Message);
        }
    }

    /// <summary>Looks at PostgreSQL's.</summary>
    /// <param name="options">Where it is.</param>
    /// <param name="clocks">Gets PostgreSQL's clock.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<DoctorFinding> FindAsync(
        PostgresJournalOptions options, List<ComparedClock> clocks, CancellationToken cancellationToken)
    {
        var settings = PostgresUrl.Parse(options.Url);
        settings.Timeout = ConnectSeconds;
        var place = PostgresUrl.PlaceOf(settings);
        try
        {
            await using var source = NpgsqlDataSource.Create(settings);
            await using var ask = source.CreateCommand("SELECT clock_timestamp()");
            var now = (DateTime)(await ask.ExecuteScalarAsync(cancellationToken))!;
            clocks.Add(new ComparedClock(
                $"PostgreSQL at {place.Server}", TimeProvider.System.GetUtcNow() - new DateTimeOffset(now)));
            return Fine($"PostgreSQL at {place.Server} answers.");
        }
        catch (Exception e) when (e is NpgsqlException || PostgresFault.IsConnectionLost(e))
        {
            return Wrong(PostgresFault.Unavailable(e, place).Message);
        }
    }

    /// <summary>Looks at Azure's.</summary>
    /// <param name="options">Where it is.</param>
    /// <param name="clocks">Gets Azure's clock.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<DoctorFinding> FindAsync(
        AzureJournalOptions options, List<ComparedClock> clocks, CancellationToken cancellationToken)
    {
        var account = new AzureAccount(options);
        try
        {
            var (isThere, date) = await AzureSchema.LookAsync(account, cancellationToken);
            if (date is { } now)
            {
                clocks.Add(new ComparedClock("Azure Storage", TimeProvider.System.GetUtcNow() - now));
            }

            return Fine(isThere ? $"Azure answers for {account.Place}."
                : $"Azure answers; the first start makes {account.Place}.");
        }
        catch (JournalUnavailableException e)
        {
            return Wrong(e.Message);
        }
    }

    private static TimeSpan? AheadOf(string path) => new DirectoryInfo(path).EnumerateFiles()
        .Select(static file => TimeProvider.System.GetUtcNow() - new DateTimeOffset(file.LastWriteTimeUtc))
        .Cast<TimeSpan?>().Min();

    /// <summary>Looks at a directory that is not there, or holds no journal.</summary>
    private static DoctorFinding FindPlace(string path)
    {
        var there = path;
        while (!Path.Exists(there) && Path.GetDirectoryName(there) is { } parent)
        {
            there = parent;
        }

        if (!Directory.Exists(there))
        {
            return Wrong($"The data directory {path} cannot be made, since {there} is a file: name one with --data.");
        }

        try
        {
            var probe = Path.Combine(there, Path.GetRandomFileName());
            new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1,
                FileOptions.DeleteOnClose).Dispose();
            return FindRoom(there, $"There is no journal in {path} yet; the first start makes it");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Wrong($"The data directory {path} cannot be made ({e.Message}): name one with --data that this " +
                "user may write.");
        }
    }

    private static DoctorFinding FindRoom(string path, string found)
    {
        var free = new DriveInfo(path).AvailableFreeSpace;
        return free < FreeBytesMin
            ? Wrong($"{found}, and its disk has only {free >> 20} MiB free: make room.")
            : Fine($"{found}; {free >> 20} MiB are free.");
    }

    private static DoctorFinding Fine(string said) => new("journal", IsFine: true, said);

    private static DoctorFinding Wrong(string said) => new("journal", IsFine: false, said);
}
