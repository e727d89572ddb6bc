using System.Globalization;
using Evergrain.Silo.Cluster;
using Evergrain.Silo.Trust;

namespace Evergrain.Silo.Commands;

/// <summary>
/// Looks whether a process of a cluster could show its certificate to the others, and for how long. The files are read
/// as a start reads them.
/// </summary>
internal static class CertificateCheckup
{
    // Certificates that live for a day are renewed each day: then a third of their life counts, as in the log.
    private static readonly TimeSpan WarnTimeMax = TimeSpan.FromDays(30);

    /// <summary>Looks at what the settings name.</summary>
    public static async Task<DoctorFinding> FindAsync(
        MemberOptions member, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (!member.Tls)
        {
            return Fine("Tls is off: the cluster's ports answer everyone who reaches them.");
        }

        if (!member.HasTlsFiles)
        {
            return Fine("The process issues itself one, by the authority beside the journal.");
        }

        try
        {
            var identity = await new FileTrust(member).ReadAsync(cancellationToken);
            return Find(member, identity!, now);
        }
        catch (InvalidDataException e)
        {
            var cause = e.InnerException is IOException or UnauthorizedAccessException
                ? $" {e.InnerException.Message}"
                : "";
            return new DoctorFinding("certificate", IsFine: false,
                $"{e.Message}{cause} Put right files there: no process of the cluster starts with these.");
        }
    }

    private static DoctorFinding Find(MemberOptions member, ClusterIdentity identity, DateTimeOffset now)
    {
        var end = identity.EndsAt;
        var third = (end - new DateTimeOffset(identity.Certificate.NotBefore)) / 3;
        var left = end - now;
        if (left >= WarnTimeMax || left >= third)
        {
            return Fine($"{member.TlsCertificate} fits {member.TlsKey}, an authority of {member.TlsAuthority} issued " +
                $"it, and it holds until {Text(end)}.");
        }

        return Fine($"{member.TlsCertificate}, or a certificate that it rests on, ends at {Text(end)}, in " +
            $"{Text(left)}: replace it before. Processes that run take a new one at once.") with
        {
            IsWarning = true,
        };
    }

    private static string Text(DateTimeOffset time) => time.ToString("u", CultureInfo.InvariantCulture);

    private static string Text(TimeSpan left) => left.TotalDays >= 2
        ? string.Create(CultureInfo.InvariantCulture, $"{left.TotalDays:0} days")
        : string.Create(CultureInfo.InvariantCulture, $"{left.TotalHours:0} hours");

    private static DoctorFinding Fine(string said) => new("certificate", IsFine: true, said);
}
