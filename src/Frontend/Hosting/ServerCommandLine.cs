using System.CommandLine;
using System.Globalization;

namespace Evergrain.Frontend.Hosting;

/// <summary>
/// The options of the command line that every program with a server has. What is not given is left to the environment
/// and the file.
/// </summary>
internal static class ServerCommandLine
{
    private static readonly Option<string> Address = new("--address")
    {
        Description = "The IP address to listen on, default 127.0.0.1; any but loopback needs API keys.",
    };

    private static readonly Option<int?> Port = new("--port") { Description = "The TCP port, default 8080." };

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

    /// <summary>A command with these options, and a program's own behind the port.</summary>
    public static RootCommand Create(string description, params ReadOnlySpan<Option> own)
    {
        var command = new RootCommand(description) { Address, Port };
        foreach (var option in own)
        {
            command.Add(option);
        }

        foreach (var option in (Option[])[JournalUrl, Config, ModelUrl, ModelApi, ModelKey, Models, Keys, KeysFile])
        {
            command.Add(option);
        }

        return command;
    }

    /// <summary>What a line says, with the values of a program's own options, by their settings' names.</summary>
    public static CommandLineSettings Read(ParseResult line, params ReadOnlySpan<(string Setting, string? Value)> own)
    {
        var scalars = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["Address"] = line.GetValue(Address),
            ["Port"] = line.GetValue(Port)?.ToString(CultureInfo.InvariantCulture),
            ["JournalUrl"] = line.GetValue(JournalUrl),
            ["ApiKeysFile"] = line.GetValue(KeysFile),
            ["ModelUrl"] = line.GetValue(ModelUrl),
            ["ModelApi"] = line.GetValue(ModelApi),
            ["ModelKey"] = line.GetValue(ModelKey),
        };
        foreach (var (setting, value) in own)
        {
            scalars.Add(setting, value);
        }

        return new CommandLineSettings
        {
            Scalars = scalars,
            SettingsFile = line.GetValue(Config),
            Models = line.GetValue(Models) ?? [],
            ApiKeys = line.GetValue(Keys) ?? [],
        };
    }

    /// <summary>Runs what a program's arguments ask for; those that say nothing it knows are one line on
    /// stderr.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> InvokeAsync(RootCommand command, string[] arguments)
    {
        var line = command.Parse(arguments);
        if (line.Errors.Count > 0)
        {
            await Console.Error.WriteLineAsync(string.Join(' ', line.Errors.Select(static error => error.Message)));
            return 1;
        }

        // The host itself answers SIGTERM, and a drain takes as long as DrainTimeout allows.
        return await line.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
    }
}
