using System.CommandLine;
using Evergrain.Frontend.Hosting;

namespace Evergrain.Cli;

/// <summary>The command line of the embedded server.</summary>
internal static class ServeCommand
{
    private static readonly Option<string> Data = new("--data")
    {
        Description = "The data directory, default ./data.",
        HelpName = "DIR",
    };

    private static readonly Option<string> Journal = new("--journal")
    {
        Description = "Where conversations are kept: in a SQLite file of the data directory, or in PostgreSQL.",
        HelpName = "sqlite|postgres",
    };

    public static RootCommand Create()
    {
        var command = ServerCommandLine.Create(
            "Evergrain: holds agent conversations and speaks the OpenAI Responses API.", Data, Journal);
        command.SetAction((line, cancellationToken) => EmbeddedServer.RunAsync(
            ServerCommandLine.Read(line, ("Data", line.GetValue(Data)), ("Journal", line.GetValue(Journal))),
            cancellationToken));
        return command;
    }
}
