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
            Checks what a server with these options needs, from its settings to its clock.
            It looks at settings, ports, the journal and what lifetimes will remove from it, the cluster's certificate,
            model servers and the clock, and changes nothing. Each line is ok, or says what to do soon or now; what is
            to be done now makes the exit code 1. A server may run as well.

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
                    ["part"] = finding.Part,
                    ["is_fine"] = finding.IsFine,
                    ["is_warning"] = finding.IsWarning,
                    ["said"] = finding.Said,
                })]),
            });
            return isHealthy ? 0 : 1;
        }

        var table = Terminal.NewTable("", "part", "found");
        foreach (var finding in findings)
        {
            table.AddRow(StateOf(finding), Terminal.Cell(finding.Part), Terminal.Cell(finding.Said));
        }

        Terminal.Write(table);
        return isHealthy ? 0 : 1;
    }

    private static Text StateOf(DoctorFinding finding) => finding switch
    {
        { IsFine: false } => Terminal.Cell("to do", Color.Red),
        { IsWarning: true } => Terminal.Cell("soon", Color.Yellow),
        _ => Terminal.Cell("ok", Color.Green),
    };

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
