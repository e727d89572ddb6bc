using System.CommandLine;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Copying;
using Evergrain.Silo.Composition;

namespace Evergrain.Silo.Commands;

/// <summary><c>evergrain copy</c>: copies a journal into another one.</summary>
internal static class CopyCommand
{
    private static readonly Option<string> From = new("--from")
    {
        Description = "The journal that is read, of a stopped server: sqlite:DIR, azure, or what --journal-url " +
            "takes.",
        HelpName = "PLACE",
        Required = true,
    };

    private static readonly Option<string> To = new("--to")
    {
        Description = "The journal that is written, an empty one or an unfinished copy: sqlite:DIR, or what " +
            "--journal-url takes. The process list shows it: PGPASSWORD or .pgpass may hold the password.",
        HelpName = "PLACE",
        Required = true,
    };

    public static Command Create()
    {
        var command = new Command("copy", """
            Copies all conversations of a stopped server into an empty journal.
            Ids, keys and digests stay: clients go on by id. What is copied is read back and compared. A copy that was
            broken off goes on when the same command is run again, and no server starts on it before. The source stays
            as it is. The exit code is 1 where a conversation is damaged at the source: it is named and left out.

            Examples:
              evergrain copy --from sqlite:./data --to postgres://evergrain@127.0.0.1:5432/evergrain
              evergrain copy --from postgres://evergrain@db/evergrain --to sqlite:./data --json
            """) { From, To, SourceFlags.Json, ServerFlags.Config };
        command.SetRun(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult line, CancellationToken cancellationToken)
    {
        var settings = ServerBuilder.Create(new CommandLineSettings
        {
            Scalars = new Dictionary<string, string?>(StringComparer.Ordinal),
            SettingsFile = line.GetValue(ServerFlags.Config),
            Models = [],
            ApiKeys = [],
        }).Configuration;
        var from = CopyPlace.Read("--from", line.GetRequiredValue(From), settings);
        var to = CopyPlace.Read("--to", line.GetRequiredValue(To), settings);
        if (from.Name == to.Name)
        {
            throw new CommandException("--from and --to name the same journal.");
        }

        var report = new CopyReport(from.Name, to.Name, TimeProvider.System);
        try
        {
            await using var source = await from.OpenSourceAsync(cancellationToken);
            await using var target = await to.OpenTargetAsync(
                await source.ReadFormatAsync(cancellationToken), cancellationToken);
            var copy = new JournalCopy(new CopiedJournals(source, target.Journal), report.Tally);
            await RunAsync(copy, Task.WhenAny(source.Lost, target.Lost).Unwrap(), report, cancellationToken);
        }
        catch (Exception e) when (e is CopyRefusedException or JournalCorruptException)
        {
            throw new CommandException(e.Message, e);
        }
        catch (JournalUnavailableException e) when (report.Tally.Conversations > 0)
        {
            throw new CommandException(
                $"{e.Message} The copy is not finished: run the same command again, and it goes on.", e);
        }

        report.WriteDamage();
        if (line.GetValue(SourceFlags.Json))
        {
            Terminal.Write(report.ToJson());
        }
        else
        {
            report.WriteSummary();
        }

        return report.IsWhole ? 0 : 1;
    }

    /// <summary>Copies until the end, or until another process has taken one of the journals.</summary>
    private static async Task RunAsync(
        JournalCopy copy, Task lost, CopyReport report, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var copying = copy.RunAsync(stop.Token);
        var ended = Task.WhenAny(copying, lost);
        while (await Task.WhenAny(ended, report.WaitAsync(stop.Token)) != ended)
        {
            report.WriteProgress();
        }

        if (lost.IsCompleted)
        {
            await stop.CancelAsync();
            await copying.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await lost;
        }

        await copying;
    }
}
