using System.CommandLine;
using System.Runtime.InteropServices;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Sqlite;
using Evergrain.Silo.Composition;

namespace Evergrain.Silo.Commands;

/// <summary><c>evergrain backup FILE</c>: copies the journal of SQLite while a server writes it.</summary>
internal static class BackupCommand
{
    private static readonly PosixSignal[] StopSigns =
        [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT];

    private static readonly Argument<string> Copy = new("FILE")
    {
        Description = "The copy, a file that is not there yet.",
    };

    /// <summary>The command, which finds the journal by the settings of the server.</summary>
    public static Command Create()
    {
        var command = new Command("backup", """
            Copies the journal of SQLite into a file, also while a server writes it.
            To restore: stop the server, put the file as evergrain.db into a new directory, and start the server with
            --data on that.

            Examples:
              evergrain backup /backups/monday.db
              evergrain backup /backups/monday.db --data /srv/evergrain
              evergrain backup /backups/monday.db --config evergrain.json
            """)
        {
            Copy, ServerFlags.Data, ServerFlags.Config,
        };
        command.SetAction((line, cancellationToken) => StartFailure.ReportAsync(
            () => Task.Run(() => Run(line.GetValue(ServerFlags.Data), line.GetValue(ServerFlags.Config),
                line.GetRequiredValue(Copy)), cancellationToken),
            static _ => false));
        return command;
    }

    private static void Run(string? data, string? config, string copy)
    {
        var configuration = ServerBuilder.Create(new CommandLineSettings
        {
            Scalars = new Dictionary<string, string?>(StringComparer.Ordinal) { ["Data"] = data },
            SettingsFile = config,
            Models = [],
            ApiKeys = [],
        }).Configuration;
        var directory = JournalComposition.SqliteDirectory(configuration) ??
            throw new JournalUnavailableException(JournalComposition.IsAzure(configuration)
                ? "The journal is in Azure Storage: stop the server, and run evergrain copy --from azure " +
                    "--to sqlite:DIR."
                : "The journal is in PostgreSQL: copy it with pg_dump.");
        WriteUntilTold(directory, copy);
        Console.WriteLine($"The journal in the directory {directory} is copied to {copy}.");
    }

    /// <summary>Removes the half of a copy before a signal ends the process.</summary>
    private static void WriteUntilTold(string directory, string copy)
    {
        // Not disposed: a signal may come at any moment.
        var told = new CancellationTokenSource();
        var registrations = Array.ConvertAll(StopSigns, sign => PosixSignalRegistration.Create(sign, Tell));
        try
        {
            SqliteBackup.Write(directory, copy, told.Token);
        }
        catch (OperationCanceledException e)
        {
            throw new JournalUnavailableException(
                $"The backup was told to stop, so there is no file {Path.GetFullPath(copy)}.", e);
        }
        finally
        {
            Array.ForEach(registrations, static registration => registration.Dispose());
        }

        void Tell(PosixSignalContext signal)
        {
            signal.Cancel = true;
            told.Cancel();
        }
    }
}
