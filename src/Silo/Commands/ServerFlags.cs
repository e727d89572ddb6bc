using System.CommandLine;
using System.Globalization;
using Evergrain.Silo.Composition;

namespace Evergrain.Silo.Commands;

/// <summary>The options of a server: <c>serve</c> takes them, and <c>doctor</c> checks them.</summary>
internal static class ServerFlags
{
    private static readonly Option<string> Role = new("--role")
    {
        Description = "What this process is, default alone: it needs no other. Processes of a cluster share a " +
            "journal in PostgreSQL or Azure Storage: a silo holds conversations, a frontend takes requests.",
        HelpName = "alone|both|silo|frontend",
    };

    private static readonly Option<string> Address = new("--address")
    {
        Description = "The IP address to listen on, default 127.0.0.1; any but loopback needs API keys.",
    };

    private static readonly Option<int?> Port = new("--port") { Description = "The TCP port, default 8080." };

    public static readonly Option<string> Data = new("--data")
    {
        Description = "The data directory, default ./data.",
        HelpName = "DIR",
    };

    private static readonly Option<string> Journal = new("--journal")
    {
        Description = "Where conversations are kept: in a SQLite file of the data directory, in PostgreSQL, or in " +
            "Azure Storage.",
        HelpName = "sqlite|postgres|azure",
    };

    private static readonly Option<string> JournalUrl = new("--journal-url")
    {
        Description = "PostgreSQL's URL, such as postgres://user@127.0.0.1:5432/evergrain, or Azure's, such as " +
            "https://NAME.blob.core.windows.net. The process list shows it: with a password or a key better " +
            "Evergrain__JournalUrl in the environment.",
        HelpName = "URL",
    };

    private static readonly Option<string[]> ModelUrl = new("--model-url")
    {
        Description = "A model server that answers to every other model name, such as http://127.0.0.1:8000/v1; " +
            "repeatable for its replicas.",
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

    public static readonly Option<string> Config = new("--config")
    {
        Description = "The settings file, default evergrain.json where it exists.",
        HelpName = "FILE",
    };

    private static readonly Option<string> SiloAddress = new("--silo-address")
    {
        Description = "The IP address that other processes of the cluster reach this silo at; default the local " +
            "address of the way to the journal.",
        HelpName = "ADDRESS",
    };

    private static readonly Option<int?> SiloPort = new("--silo-port")
    {
        Description = "The silo's port for other silos, default the first free one from 11111.",
    };

    private static readonly Option<int?> GatewayPort = new("--gateway-port")
    {
        Description = "The silo's port for frontends, default the first free one from 30000.",
    };

    private static readonly ModelServerFlags ModelServer = new();

    /// <summary>Lets a command take them.</summary>
    public static void AddTo(Command command)
    {
        Option[] own =
        [
            Role, Address, Port, Data, Journal, JournalUrl, Config, ModelUrl, ModelApi, ModelKey, Models, Keys,
            KeysFile, SiloAddress, SiloPort, GatewayPort,
        ];
        foreach (var option in own.Concat(ModelServer.Options))
        {
            command.Options.Add(option);
        }
    }

    /// <summary>What a command line gives.</summary>
    public static CommandLineSettings Read(ParseResult line)
    {
        var urls = line.GetValue(ModelUrl) ?? [];
        var scalars = new Dictionary<string, string?>(ModelServer.Read(line, urls.Skip(1)), StringComparer.Ordinal)
        {
            ["Role"] = line.GetValue(Role),
            ["Address"] = line.GetValue(Address),
            ["Port"] = Text(line.GetValue(Port)),
            ["Data"] = line.GetValue(Data),
            ["Journal"] = line.GetValue(Journal),
            ["JournalUrl"] = line.GetValue(JournalUrl),
            ["ApiKeysFile"] = line.GetValue(KeysFile),
            ["ModelUrl"] = urls.FirstOrDefault(),
            ["ModelApi"] = line.GetValue(ModelApi),
            ["ModelKey"] = line.GetValue(ModelKey),
            ["Cluster:SiloAddress"] = line.GetValue(SiloAddress),
            ["Cluster:SiloPort"] = Text(line.GetValue(SiloPort)),
            ["Cluster:GatewayPort"] = Text(line.GetValue(GatewayPort)),
        };
        return new CommandLineSettings
        {
            Scalars = scalars,
            SettingsFile = line.GetValue(Config),
            Models = line.GetValue(Models) ?? [],
            ApiKeys = line.GetValue(Keys) ?? [],
        };
    }

    private static string? Text(int? number) => number?.ToString(CultureInfo.InvariantCulture);
}
