using System.Diagnostics;
using System.Text.Json;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary>What a command said, and how it ended.</summary>
internal sealed record CommandResult(int ExitCode, string Output, string Error)
{
    /// <summary>What it printed, as JSON.</summary>
    public JsonElement Json => JsonElement.Parse(Output);

    /// <summary>What it printed, a JSON object on each line.</summary>
    public IReadOnlyList<JsonElement> JsonLines =>
        [.. Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonElement.Parse(line))];

    /// <summary>The same, of a command that did what it was asked for.</summary>
    public CommandResult Succeeded()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}: {Error}{Output}");
        return this;
    }

    /// <summary>A command that refused, in one line on stderr.</summary>
    public void AssertRefused(string said)
    {
        Assert.Equal(1, ExitCode);
        Assert.Contains(said, Assert.Single(Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.StartsWith("evergrain: ", Error, StringComparison.Ordinal);
    }
}

/// <summary>Runs the program as a user does.</summary>
/// <param name="cancellationToken">Ends every wait.</param>
internal sealed class CommandProcess(CancellationToken cancellationToken)
{
    /// <summary>The key that commands are given; null: none.</summary>
    public string? Key { get; init; }

    /// <summary>Runs a command to its end.</summary>
    public Task<CommandResult> RunAsync(params string[] arguments) => RunWithInputAsync("", arguments);

    /// <summary>Runs a command that reads stdin.</summary>
    public async Task<CommandResult> RunWithInputAsync(string input, params string[] arguments)
    {
        using var process = Start(arguments);
        await process.StandardInput.WriteAsync(input.AsMemory(), cancellationToken);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var error = await process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return new CommandResult(process.ExitCode, await output, error);
    }

    /// <summary>Starts one that goes on.</summary>
    public Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.ArgumentList.Add(typeof(Evergrain.Silo.EvergrainCommand).Assembly.Location);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        if (Key is not null)
        {
            start.Environment["EVERGRAIN_KEY"] = Key;
        }

        return Process.Start(start)!;
    }
}
