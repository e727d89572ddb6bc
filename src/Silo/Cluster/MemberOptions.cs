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

    /// <summary>The name of the cluster among those of one store, 1 to 100 characters. Default evergrain.</summary>
    [Required, StringLength(100, MinimumLength = 1)]
    public string Id { get; set; } = "evergrain";

    /// <summary>The name under which grains keep what they keep, 1 to 100 characters. Default evergrain.</summary>
    [Required, StringLength(100, MinimumLength = 1)]
    public string Service { get; set; } = "evergrain";

    /// <summary>
    /// The IP address that the cluster's other processes reach this silo at, and at which it listens for them. Default:
    /// the local address of the way to the store.
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

    /// <summary>
    /// Whether the cluster's processes speak TLS with each other, and each shows a certificate. Default true. Without
    /// it the two ports of a silo answer everyone who reaches them.
    /// </summary>
    public bool Tls { get; set; } = true;

    /// <summary>
    /// A PEM file: this process's certificate, whose DNS names hold <see cref="Id"/>, and certificates between it and
    /// the authority. It is for server and client authentication, and is read again when it changes. Default: the
    /// process issues itself one, by an authority beside the journal.
    /// </summary>
    public string? TlsCertificate { get; set; }

    /// <summary>A PEM file: the private key of <see cref="TlsCertificate"/>, not encrypted.</summary>
    public string? TlsKey { get; set; }

    /// <summary>A PEM file: the authorities whose certificates are accepted. No other is.</summary>
    public string? TlsAuthority { get; set; }

    /// <summary>Whether certificates come from files.</summary>
    internal bool HasTlsFiles => TlsCertificate is not null;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (SiloAddress is not null && (!IPAddress.TryParse(SiloAddress, out var address) ||
            IPAddress.Any.Equals(address) || IPAddress.IPv6Any.Equals(address)))
        {
            yield return new ValidationResult(
                $"SiloAddress must be an IP address of this machine that other processes reach, not '{SiloAddress}'.");
        }

        if (Tls && !IsCertificateName(Id))
        {
            yield return new ValidationResult("With TLS, Id stands in certificates as a DNS name: at most 63 " +
                $"letters, digits, '-' and '_', with dots between them, not '{Id}'.");
        }

        string?[] files = [TlsCertificate, TlsKey, TlsAuthority];
        if (files.Any(string.IsNullOrEmpty) && !files.All(static file => file is null))
        {
            yield return new ValidationResult("TlsCertificate, TlsKey and TlsAuthority go together: name all three " +
                "files, or none.");
        }

        if (!Tls && files.Any(static file => file is not null))
        {
            yield return new ValidationResult("TlsCertificate, TlsKey and TlsAuthority need Tls, which is false.");
        }
    }

    // One label of a DNS name is as long at most, and a name of several labels must not be longer here.
    private static bool IsCertificateName(string id) => id.Length <= 63 && id.Split('.').All(static label =>
        label.Length > 0 && label.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));
}
