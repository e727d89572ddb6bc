using System.CommandLine;
using Evergrain.Silo.Cluster;
using Evergrain.Silo.Commands;
using Evergrain.Silo.Composition;

namespace Evergrain.Silo;

/// <summary>The command line. What it does not give is left to the environment and the file.</summary>
internal static class EvergrainCommand
{
    /// <summary>Runs what the arguments ask for; arguments with a mistake are one line on stderr.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> InvokeAsync(string[] arguments)
    {
        var command = new RootCommand("Evergrain: holds agent conversations and speaks the OpenAI Responses API. " +
            "Without a command it serves.");
        MakeServer(command);

        // A server that starts has no use for the other commands, and does not pay for them.
        if (CommandList.IsAskedFor(arguments))
        {
            CommandList.AddTo(command, MakeServer, arguments);
        }

        // Names of models may begin with '@', which would else name a file of arguments.
        var line = command.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (line.Errors.Count > 0)
        {
            await Console.Error.WriteLineAsync(string.Join(' ', line.Errors.Select(static error => error.Message)));
            return 1;
        }

        // The host itself answers the first SIGTERM, and a drain takes as long as DrainTimeout allows.
        using var signals = new StopSignals(TimeProvider.System);
        UserHome.Ensure();
        return await line.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
    }

    private static void MakeServer(Command command)
    {
        ServerFlags.AddTo(command);
        command.SetAction(static (line, cancellationToken) => RunAsync(ServerFlags.Read(line), cancellationToken));
    }

    private static Task<int> RunAsync(CommandLineSettings settings, CancellationToken cancellationToken) =>
        StartFailure.ReportAsync(() =>
        {
            var builder = ServerBuilder.Create(settings);
            var role = ServerRoles.Read(builder.Configuration);
            return role == ServerRole.Alone
                ? AloneServer.ServeAsync(builder, settings, cancellationToken)
                : new ClusterServer(settings, role).ServeAsync(builder, cancellationToken);
        }, static failure => ClusterServer.IsExpected(failure));
}
