using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.Configuration;

namespace Evergrain.Silo;

/// <summary>
/// This process's place in a cluster, section <c>Evergrain:Cluster</c>. The bounds of
/// <see cref="Evergrain.Grains.ConversationClusterOptions"/> stand in the same section.
/// </summary>
internal sealed class ClusterSettings
{
    public const string Section = "Evergrain:Cluster";

    /// <summary>
    /// <c>silo</c>: holds conversations; <c>frontend</c>: takes requests; <c>both</c>. Default <c>both</c>.
    /// </summary>
    [Required, AllowedValues("silo", "frontend", "both", ErrorMessage = "Role must be silo, frontend or both.")]
    public string Role { get; set; } = "both";

    /// <summary>
    /// Where silos find each other: <c>localhost</c>, <c>postgres</c>, or <c>azure</c> in a build that has it. Default
    /// <c>postgres</c>.
    /// </summary>
    [Required, AllowedValues("localhost", "postgres", "azure",
        ErrorMessage = "Membership must be localhost, postgres or azure.")]
    public string Membership { get; set; } = "postgres";

    /// <summary>
    /// The database of membership and of what grains keep, as a journal's URL is written; for <c>azure</c> the
    /// connection string of a storage account. Default: the journal's.
    /// </summary>
    public string? MembershipUrl { get; set; }

    /// <summary>The name of the cluster among those of one database, 1 to 100 characters. Default evergrain.</summary>
    [Required, StringLength(100, MinimumLength = 1)]
    public string Id { get; set; } = "evergrain";

    /// <summary>The name under which grains keep what they keep, 1 to 100 characters. Default evergrain.</summary>
    [Required, StringLength(100, MinimumLength = 1)]
    public string Service { get; set; } = "evergrain";

    /// <summary>
    /// The IP address that the cluster's other processes reach this silo at, and at which it listens for them. Default
    /// 127.0.0.1. Its two ports ask nobody for a key: no one else may reach them.
    /// </summary>
    [Required]
    public string SiloAddress { get; set; } = "127.0.0.1";

    /// <summary>The port for other silos, 1 to 65535. Default 11111.</summary>
    [Range(1, 65535)]
    public int SiloPort { get; set; } = 11_111;

    /// <summary>The port for frontends, 1 to 65535. Default 30000.</summary>
    [Range(1, 65535)]
    public int GatewayPort { get; set; } = 30_000;

    /// <summary>Membership localhost: the silo port of the first silo, 1 to 65535. Default 11111.</summary>
    [Range(1, 65535)]
    public int PrimaryPort { get; set; } = 11_111;

    /// <summary>
    /// Membership localhost: the gateway ports that a frontend connects to, divided by commas. Default 30000.
    /// </summary>
    [Required]
    public string GatewayPorts { get; set; } = "30000";

    /// <summary>
    /// How long a frontend looks for a first silo before it gives up, 1 second to 1 hour. Default 5 minutes.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How often a frontend looks for new silos, 1 second to 1 hour. Default 5 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan GatewayInterval { get; set; } = TimeSpan.FromSeconds(5);

    public bool IsSilo => Role != "frontend";

    public bool IsFrontend => Role != "silo";

    public IPAddress Address => IPAddress.Parse(SiloAddress);

    public int[] Gateways => [.. GatewayPorts.Split(',').Select(static port => ParsePort(port))];

    /// <summary>Reads and checks them.</summary>
    /// <exception cref="ValidationException">One is wrong.</exception>
    /// <exception cref="InvalidDataException">They do not go together.</exception>
    public static ClusterSettings Read(IConfiguration configuration)
    {
        var settings = configuration.GetSection(Section).Get<ClusterSettings>() ?? new ClusterSettings();
        Validator.ValidateObject(settings, new ValidationContext(settings), validateAllProperties: true);
        if (!IPAddress.TryParse(settings.SiloAddress, out var address) || IPAddress.Any.Equals(address) ||
            IPAddress.IPv6Any.Equals(address))
        {
            throw new InvalidDataException($"SiloAddress must be an IP address of this machine that other processes " +
                $"reach, not '{settings.SiloAddress}'.");
        }

        if (settings.Membership == "localhost" && !IPAddress.IsLoopback(address))
        {
            throw new InvalidDataException("Membership localhost is for one machine: SiloAddress must be 127.0.0.1; " +
                "several machines need Membership postgres.");
        }

        _ = settings.Gateways;
        return settings;
    }

    private static int ParsePort(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= 65535
            ? port
            : throw new InvalidDataException($"GatewayPorts are numbers from 1 to 65535 with commas, not '{text}'.");
}
