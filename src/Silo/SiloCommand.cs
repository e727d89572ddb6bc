using System.CommandLine;
using System.Globalization;
using Evergrain.Frontend.Hosting;

namespace Evergrain.Silo;

/// <summary>The command line of one process of a cluster.</summary>
internal static class SiloCommand
{
    private static readonly Option<string> Role = new("--role")
    {
        Description = "What this process is, default both: a silo holds conversations, a frontend takes requests.",
        HelpName = "silo|frontend|both",
    };

    private static readonly Option<string> Membership = new("--membership")
    {
        Description = "Where silos find each other, default postgres.",
        HelpName = "localhost|postgres|azure",
    };

    private static readonly Option<string> MembershipUrl = new("--membership-url")
    {
        Description = "Its URL, default the journal's; with a password better " +
            "Evergrain__Cluster__MembershipUrl in the environment.",
        HelpName = "URL",
    };

    private static readonly Option<string> SiloAddress = new("--silo-address")
    {
        Description = "The IP address that other processes of the cluster reach this silo at, default 127.0.0.1.",
        HelpName = "ADDRESS",
    };

    private static readonly Option<int?> SiloPort = new("--silo-port")
    {
        Description = "The silo's port for other silos, default 11111.",
    };

    private static readonly Option<int?> GatewayPort = new("--gateway-port")
    {
        Description = "The silo's port for frontends, default 30000.",
    };

    private static readonly Option<int?> PrimaryPort = new("--primary-port")
    {
        Description = "With membership localhost, the silo port of the first silo, default 11111.",
    };

    private static readonly Option<string> GatewayPorts = new("--gateway-ports")
    {
        Description = "With membership localhost, the gateway ports that a frontend connects to, default 30000.",
        HelpName = "PORT,PORT",
    };

    public static RootCommand Create()
    {
        var command = ServerCommandLine.Create("Evergrain, one process of a cluster.",
            Role, Membership, MembershipUrl, SiloAddress, SiloPort, GatewayPort, PrimaryPort, GatewayPorts);
        command.SetAction((line, cancellationToken) => SiloServer.RunAsync(
            ServerCommandLine.Read(line,
                (Setting(nameof(ClusterSettings.Role)), line.GetValue(Role)),
                (Setting(nameof(ClusterSettings.Membership)), line.GetValue(Membership)),
                (Setting(nameof(ClusterSettings.MembershipUrl)), line.GetValue(MembershipUrl)),
                (Setting(nameof(ClusterSettings.SiloAddress)), line.GetValue(SiloAddress)),
                (Setting(nameof(ClusterSettings.SiloPort)), Text(line.GetValue(SiloPort))),
                (Setting(nameof(ClusterSettings.GatewayPort)), Text(line.GetValue(GatewayPort))),
                (Setting(nameof(ClusterSettings.PrimaryPort)), Text(line.GetValue(PrimaryPort))),
                (Setting(nameof(ClusterSettings.GatewayPorts)), line.GetValue(GatewayPorts))),
            cancellationToken));
        return command;
    }

    private static string Setting(string name) => $"Cluster:{name}";

    private static string? Text(int? number) => number?.ToString(CultureInfo.InvariantCulture);
}
