using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Evergrain.Frontend.Tests.Crash;
using Evergrain.Silo.Commands;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary>Which commands there are, and what a server that starts has to do with them.</summary>
[Collection(nameof(ProcessTests))]
public sealed partial class CommandListTests : IDisposable
{
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-list-");
    private readonly CancellationTokenSource _patience = new(3 * TestServer.Patience);

    public void Dispose()
    {
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Fact]
    public async Task Help_OfEachCommand_HasExamples()
    {
        var commands = new CommandProcess(_patience.Token);
        var root = (await commands.RunAsync("--help")).Succeeded().Output;
        foreach (var name in CommandList.Names)
        {
            Assert.Contains($"  {name} ", root, StringComparison.Ordinal);
        }

        foreach (var name in CommandList.Names)
        {
            var help = (await commands.RunAsync(name, "--help")).Succeeded().Output;
            Assert.Contains($"  evergrain {name}", help, StringComparison.Ordinal);
            Assert.Equal(name is not ("backup" or "serve"), help.Contains("--json", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Serve_WithOptionsOnBothSides_Serves()
    {
        await using var server = await ServerProcess.StartAsync(
            new ServerSettings("--port", "0", "serve", "--data", _data.FullName), _patience.Token);

        Assert.True(File.Exists(Path.Combine(_data.FullName, "evergrain.db")));
        await server.KillAsync();
    }

    [Fact]
    public async Task Serve_OnLinux_LoadsNothingOfTheOtherCommands()
    {
        if (!OperatingSystem.IsLinux())
        {
            Console.WriteLine("Skipped: only Linux tells which files a process has loaded.");
            return;
        }

        await using var server = await ServerProcess.StartAsync(
            ServerSettings.OnSqlite(_data.FullName), _patience.Token);

        var loaded = await File.ReadAllTextAsync($"/proc/{server.Id}/maps", _patience.Token);
        Assert.Contains("System.CommandLine.dll", loaded, StringComparison.Ordinal);
        Assert.DoesNotContain("Spectre", loaded, StringComparison.Ordinal);
        await server.KillAsync();
    }

    [Theory]
    [InlineData("--port 8080 --data x", false)]
    [InlineData("--port 8080 list", true)]
    [InlineData("--data x backup file", true)]
    [InlineData("--help", true)]
    public void Commands_AreMadeWhereTheyAreAskedFor(string arguments, bool expected) =>
        Assert.Equal(expected, CommandList.IsAskedFor(arguments.Split(' ')));

    [Fact]
    public void Commands_OnThePage_AreThoseThatThereAre()
    {
        var page = File.ReadAllText(PathOfPage());
        var named = CommandName().Matches(page).Select(static match => match.Groups["name"].Value)
            .ToHashSet(StringComparer.Ordinal);

        Assert.Equal(CommandList.Names.Order(StringComparer.Ordinal), named.Order(StringComparer.Ordinal));
    }

    private static string PathOfPage([CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "..", "docs", "command-line.md");

    [GeneratedRegex(@"\bevergrain (?<name>[a-z]+)\b", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex CommandName();
}
