using System.CommandLine;
using System.Globalization;

namespace Evergrain.Cli;

/// <summary>
/// The command line of the embedded server. What is not given is left to the environment and the file.
/// </summary>
internal static class ServeCommand
{
    private static readonly Option<string> Address = new("--address")
    {
        Description = "The IP address to listen on, default 127.0.0.1; any but loopback needs API keys.",
    };

    private static readonly Option<int?> Port = new("--port") { Description = "The TCP port, default 8080." };

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

    private static readonly Option<string> JournalUrl = new("--journal-url")
    {
        Description = "PostgreSQL's URL, such as postgres://user@127.0.0.1:5432/evergrain. The process list " +
            "shows it: with a password better Evergrain__JournalUrl in the environment.",
        HelpName = "URL",
    };

    private static readonly Option<string> ModelUrl = new("--model-url")
    {
        Description = "A model server that answers to every other model name, such as http://127.0.0.1:8000/v1.",
        HelpName = "URL",
    };

    private static readonly Option<string> ModelApi = new("--model-api")
    {
        Description = "The API it speaks.",
        HelpName = "chat|responses",
    };

    private static readonly Option<string> ModelKey = new("--model-key")
    {
        Description = "Its key, which the process list shows; better Evergrain__ModelKey in the environment.",
        HelpName = "KEY",
    };

    private static readonly Option<string[]> Models = new("--model")
    {
        Description = "A name the demo model answers to, default demo; repeatable.",
        HelpName = "NAME",
    };

    private static readonly Option<string[]> Keys = new("--api-key")
    {
        Description = "A key that may enter, as KEY or KEY=tenant; repeatable.",
        HelpName = "KEY[=tenant]",
    };

    private static readonly Option<string> KeysFile = new("--api-keys")
    {
        Description = "A file of such keys, one a line, also as sha256:HEX; reread on change.",
        HelpName = "FILE",
    };

    private static readonly Option<string> Config = new("--config")
    {
        Description = "The settings file, default evergrain.json where it exists.",
        HelpName = "FILE",
    };

    public static RootCommand Create()
    {
        var command = new RootCommand("Evergrain: holds agent conversations and speaks the OpenAI Responses API.")
        {
            Address, Port, Data, Journal, JournalUrl, Config, ModelUrl, ModelApi, ModelKey, Models, Keys, KeysFile,
        };
        command.SetAction((line, cancellationToken) => EmbeddedServer.RunAsync(new CommandLineSettings
        {
            Scalars = new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["Address"] = line.GetValue(Address),
                ["Port"] = line.GetValue(Port)?.ToString(CultureInfo.InvariantCulture),
                ["Data"] = line.GetValue(Data),
                ["Journal"] = line.GetValue(Journal),
                ["JournalUrl"] = line.GetValue(JournalUrl),
                ["ApiKeysFile"] = line.GetValue(KeysFile),
                ["ModelUrl"] = line.GetValue(ModelUrl),
                ["ModelApi"] = line.GetValue(ModelApi),
                ["ModelKey"] = line.GetValue(ModelKey),
            },
            SettingsFile = line.GetValue(Config),
            Models = line.GetValue(Models) ?? [],
            ApiKeys = line.GetValue(Keys) ?? [],
        }, cancellationToken));
        return command;
    }
}

/// <summary>What the command line says; null and empty mean that it says nothing.</summary>
internal sealed class CommandLineSettings
{
    /// <summary>Values by option name.</summary>
    public required IReadOnlyDictionary<string, string?> Scalars { get; init; }

    /// <summary>The settings file; null means the one in the working directory, if there is one.</summary>
    public required string? SettingsFile { get; init; }

    /// <summary>Names of the demo model; they replace those of the environment and the file.</summary>
    public required IReadOnlyList<string> Models { get; init; }

    /// <summary>Keys; they replace those of the environment and the file.</summary>
    public required IReadOnlyList<string> ApiKeys { get; init; }
}
