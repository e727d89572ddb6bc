using System.CommandLine;
using System.Globalization;

namespace Evergrain.Cli;

/// <summary>
/// The command line of the embedded server. What is not given is left to the environment and the file.
/// </summary>
internal static class ServeCommand
{
    public static RootCommand Create()
    {
        var address = new Option<string>("--address")
        {
            Description = "The IP address to listen on, default 127.0.0.1; any but loopback needs API keys.",
        };
        var port = new Option<int?>("--port") { Description = "The TCP port, default 8080." };
        var data = new Option<string>("--data")
        {
            Description = "The data directory, default ./data.",
            HelpName = "DIR",
        };
        var journal = new Option<string>("--journal")
        {
            Description = "Where conversations are kept: in a SQLite file of the data directory, or in PostgreSQL.",
            HelpName = "sqlite|postgres",
        };
        var journalUrl = new Option<string>("--journal-url")
        {
            Description = "PostgreSQL's URL, such as postgres://user@127.0.0.1:5432/evergrain. The process list shows " +
                "it: with a password better Evergrain__JournalUrl in the environment.",
            HelpName = "URL",
        };
        var models = new Option<string[]>("--model")
        {
            Description = "A name the demo model answers to, default demo; repeatable.",
            HelpName = "NAME",
        };
        var modelUrl = new Option<string>("--model-url")
        {
            Description = "A model server that answers to every other model name, such as http://127.0.0.1:8000/v1.",
            HelpName = "URL",
        };
        var modelApi = new Option<string>("--model-api")
        {
            Description = "The API it speaks.",
            HelpName = "chat|responses",
        };
        var modelKey = new Option<string>("--model-key")
        {
            Description = "Its key, which the process list shows; better Evergrain__ModelKey in the environment.",
            HelpName = "KEY",
        };
        var config = new Option<string>("--config")
        {
            Description = "The settings file, default evergrain.json where it exists.",
            HelpName = "FILE",
        };
        var keys = new Option<string[]>("--api-key")
        {
            Description = "A key that may enter, as KEY or KEY=tenant; repeatable.",
            HelpName = "KEY[=tenant]",
        };
        var keysFile = new Option<string>("--api-keys")
        {
            Description = "A file of such keys, one a line, also as sha256:HEX; reread on change.",
            HelpName = "FILE",
        };
        var command = new RootCommand("Evergrain: holds agent conversations and speaks the OpenAI Responses API.")
        {
            address, port, data, journal, journalUrl, config, modelUrl, modelApi, modelKey, models, keys, keysFile,
        };
        command.SetAction((line, cancellationToken) => EmbeddedServer.RunAsync(new CommandLineSettings
        {
            Scalars = new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["Address"] = line.GetValue(address),
                ["Port"] = line.GetValue(port)?.ToString(CultureInfo.InvariantCulture),
                ["Data"] = line.GetValue(data),
                ["Journal"] = line.GetValue(journal),
                ["JournalUrl"] = line.GetValue(journalUrl),
                ["ApiKeysFile"] = line.GetValue(keysFile),
                ["ModelUrl"] = line.GetValue(modelUrl),
                ["ModelApi"] = line.GetValue(modelApi),
                ["ModelKey"] = line.GetValue(modelKey),
            },
            SettingsFile = line.GetValue(config),
            Models = line.GetValue(models) ?? [],
            ApiKeys = line.GetValue(keys) ?? [],
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
