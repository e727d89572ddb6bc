using System.CommandLine;

namespace Evergrain.Silo.Commands;

/// <summary>Options of the commands that read conversations: where these are, and how they are printed.</summary>
internal static class SourceFlags
{
    /// <summary>Whether the command prints JSON.</summary>
    public static readonly Option<bool> Json = new("--json") { Description = "Print JSON." };

    private static readonly Option<string> Data = new("--data")
    {
        Description = "The data directory of a stopped server, whose file is read instead.",
        HelpName = "DIR",
    };

    private static readonly Option<string> Url = new("--url")
    {
        Description = $"The server's address, default {ServerClient.AddressDefault}. Its key comes from EVERGRAIN_KEY.",
        HelpName = "URL",
    };

    private static readonly Option<string> Tenant = new("--tenant")
    {
        Description = "Whose conversations, where the key is an operator's.",
        HelpName = "NAME",
    };

    /// <summary>Lets a command read from a server, or from the data directory of a stopped one.</summary>
    public static void AddSource(this Command command)
    {
        command.AddServer();
        command.Options.Add(Data);
        command.Options.Add(Tenant);
    }

    /// <summary>Lets a command ask a server.</summary>
    public static void AddServer(this Command command)
    {
        command.Options.Add(Url);
        command.Options.Add(Json);
    }

    /// <summary>The data directory that is read; null: a server is asked. It may stand before the command.</summary>
    public static string? DataOf(this ParseResult line) => line.GetValue(Data) ?? line.GetValue(ServerFlags.Data);

    /// <summary>What the options name.</summary>
    /// <exception cref="CommandException">They name both, or nothing that can be opened.</exception>
    public static IConversationSource OpenSource(this ParseResult line)
    {
        if (line.DataOf() is not { } data)
        {
            return new HttpConversations(line.OpenServer(), line.GetValue(Tenant));
        }

        if (line.GetValue(Url) is not null)
        {
            throw new CommandException("Give --url for a running server or --data for a stopped one, not both.");
        }

        return line.GetValue(Tenant) is null
            ? StoppedConversations.Open(data)
            : throw new CommandException("--tenant is for a server: with --data all tenants are read.");
    }

    /// <summary>The server that the options name.</summary>
    public static ServerClient OpenServer(this ParseResult line) =>
        new(line.GetValue(Url) ?? ServerClient.AddressDefault);
}
