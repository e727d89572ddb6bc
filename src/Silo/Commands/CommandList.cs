using System.CommandLine;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Silo.Composition;

namespace Evergrain.Silo.Commands;

/// <summary>The commands of the program. They are made only where the arguments may ask for one.</summary>
internal static class CommandList
{
    private const string Serve = "serve";

    private static readonly Dictionary<string, Func<Command>> Commands = new(StringComparer.Ordinal)
    {
        ["list"] = ListCommand.Create,
        ["inspect"] = InspectCommand.Create,
        ["tail"] = TailCommand.Create,
        ["verify"] = VerifyCommand.Create,
        ["export"] = ExportCommand.Create,
        ["import"] = ImportCommand.Create,
        ["chat"] = ChatCommand.Create,
        ["doctor"] = DoctorCommand.Create,
        ["backup"] = BackupCommand.Create,
        ["copy"] = CopyCommand.Create,
    };

    private static readonly string[] Help = ["--help", "-h", "-?", "/?", "/h"];

    /// <summary>What each is called.</summary>
    public static IEnumerable<string> Names => Commands.Keys.Append(Serve);

    /// <summary>Whether arguments name a command, or want help.</summary>
    public static bool IsAskedFor(string[] arguments) => Array.Exists(arguments, static argument =>
        argument == Serve || Commands.ContainsKey(argument) || Help.Contains(argument, StringComparer.Ordinal));

    /// <summary>Adds them. One that is not asked for has one line in the help of the program.</summary>
    /// <param name="root">The program.</param>
    /// <param name="makeServer">Makes a command one that serves.</param>
    /// <param name="arguments">What asks for one.</param>
    public static void AddTo(RootCommand root, Action<Command> makeServer, string[] arguments)
    {
        var serve = new Command(Serve, """
            Serves, as the program does without a command.

            Examples:
              evergrain serve
              evergrain serve --port 9000 --data /srv/evergrain --api-keys keys.txt
              evergrain serve --model-url http://127.0.0.1:8000/v1 --model-api chat
              evergrain serve --role both --journal-url postgres://evergrain@127.0.0.1:5432/evergrain
            """);
        makeServer(serve);
        foreach (var command in Commands.Values.Select(static create => create()).Prepend(serve))
        {
            if (!arguments.Contains(command.Name, StringComparer.Ordinal))
            {
                command.Description = command.Description?.Split('\n')[0];
            }

            root.Subcommands.Add(command);
        }
    }

    /// <summary>Sets what a command does; a failure is one sentence on stderr, and exit code 1.</summary>
    public static void SetRun(this Command command, Func<ParseResult, CancellationToken, Task<int>> run) =>
        command.SetAction((line, cancellationToken) =>
            StartFailure.ReportCodeAsync(() => run(line, cancellationToken), IsExpected));

    private static bool IsExpected(Exception failure) =>
        failure is CommandException or ConversationException or JsonException;
}
