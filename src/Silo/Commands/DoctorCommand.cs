using System.CommandLine;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Options;
using Spectre.Console;

namespace Evergrain.Silo.Commands;

/// <summary><c>evergrain doctor</c>: checks what a server with these options would need.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var command = new Command("doctor", """
            Checks what a server with these options needs: settings, ports, the journal, model servers, the clock.
            It changes nothing. Each line is ok, or says what to do; then the exit code is 1. A server may run as well.

            Examples:
              evergrain doctor
              evergrain doctor --config evergrain.json --json
              evergrain doctor --model-url http://127.0.0.1:8000/v1 --model-api chat
            """);
        ServerFlags.AddTo(command);
        command.Options.Add(SourceFlags.Json);
        command.SetRun(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult line, CancellationToken cancellationToken)
    {
        var findings = await FindAsync(line, cancellationToken);
        var isHealthy = findings.All(static finding => finding.IsFine);
        if (line.GetValue(SourceFlags.Json))
        {
            Terminal.Write(new JsonObject
            {
                ["object"] = "evergrain.doctor",
                ["is_healthy"] = isHealthy,
                ["checks"] = new JsonArray([.. findings.Select(static finding => new JsonObject
                {
                    ["part"] = finding.Part, ["is_fine"] = finding.IsFine, ["said"] = finding.Said,
                })]),
            });
            return isHealthy ? 0 : 1;
        }

        var table = Terminal.NewTable("", "part", "found");
        foreach (var finding in findings)
        {
            table.AddRow(
                finding.IsFine ? Terminal.Cell("ok", Color.Green) : Terminal.Cell("to do", Color.Red),
                Terminal.Cell(finding.Part), Terminal.Cell(finding.Said));
        }

        Terminal.Write(table);
        return isHealthy ? 0 : 1;
    }

    private static async Task<IReadOnlyList<DoctorFinding>> FindAsync(
        ParseResult line, CancellationToken cancellationToken)
    {
        try
        {
            await using var examined = ExaminedServer.Create(ServerFlags.Read(line));
            return await examined.FindAsync(cancellationToken);
        }
        catch (OptionsValidationException e)
        {
            return [.. e.Failures.Select(static failure => new DoctorFinding("settings", IsFine: false, failure))];
        }
    }
}
