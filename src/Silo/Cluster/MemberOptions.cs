using System.ComponentModel.DataAnnotations;
using System.Net;

namespace Evergrain.Silo.Cluster;

/// <summary>
/// This process's place in a cluster, section <c>Evergrain:Cluster</c>. The bounds of
/// <see cref="Evergrain.Grains.ConversationClusterOptions"/> stand in the same section.
/// </summary>
internal sealed class MemberOptions : IValidatableObject
{
    public const string Section = "Evergrain:Cluster";

    /// <summary>The name of the cluster among those of one database, 1 to 100 characters. Default evergrain.</summary>
    [Required, StringLength(100, MinimumLength = 1)]
    public string Id { get; set; } = "evergrain";

    /// <summary>The name under which grains keep what they keep, 1 to 100 characters. Default evergrain.</summary>
    [Required, StringLength(100, MinimumLength = 1)]
    public string Service { get; set; } = "evergrain";

    /// <summary>
    /// The IP address that the cluster's other processes reach this silo at, and at which it listens for them. Default:
    /// the local address of the way to the database. Its two ports ask nobody for a key: no one else may reach them.
    /// </summary>
    public string? SiloAddress { get; set; }

    /// <summary>The port for other silos, 1 to 65535. Default: 11111, or the next with a free pair.</summary>
    [Range(1, 65535)]
    public int? SiloPort { get; set; }

    /// <summary>The port for frontends, 1 to 65535. Default: 30000, or the next with a free pair.</summary>
    [Range(1, 65535)]
    public int? GatewayPort { get; set; }

    /// <summary>
    /// How long a frontend looks for a first silo before it gives up, 1 second to 1 hour. Default 5 minutes.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How often a frontend looks for new silos, 1 second to 1 hour. Default 5 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan GatewayInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (SiloAddress is not null && (!IPAddress.TryParse(SiloAddress, out var address) ||
            IPAddress.Any.Equals(address) || IPAddress.IPv6Any.Equals(address)))
        {
            yield return new ValidationResult(
                $"SiloAddress must be an IP address of this machine that other processes reach, not '{SiloAddress}'.");
        }
    }
}
