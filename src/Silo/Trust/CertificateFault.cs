using System.Globalization;
using System.Security.Cryptography.X509Certificates;

namespace Evergrain.Silo.Trust;

/// <summary>Why a certificate is not accepted, in words that follow a noun such as "its certificate".</summary>
internal static class CertificateFault
{
    /// <summary>The fault of a certificate whose chain was built; null: there is none.</summary>
    /// <param name="certificate">The certificate.</param>
    /// <param name="chain">What the build of its chain found.</param>
    /// <param name="cluster">The name that the certificate must hold.</param>
    public static string? Find(X509Certificate2 certificate, IReadOnlyList<X509ChainStatus> chain, string cluster)
    {
        var found = default(X509ChainStatusFlags);
        foreach (var status in chain)
        {
            found |= status.Status;
        }

        if (found.HasFlag(X509ChainStatusFlags.UntrustedRoot) || found.HasFlag(X509ChainStatusFlags.PartialChain))
        {
            return "was issued by an authority that this process does not trust";
        }

        if (found.HasFlag(X509ChainStatusFlags.NotTimeValid))
        {
            return string.Create(CultureInfo.InvariantCulture,
                $"is valid from {certificate.NotBefore.ToUniversalTime():u} to " +
                $"{certificate.NotAfter.ToUniversalTime():u}, and not now");
        }

        if (found.HasFlag(X509ChainStatusFlags.NotValidForUsage))
        {
            return "is not for both server and client authentication";
        }

        if (found != X509ChainStatusFlags.NoError)
        {
            return $"does not hold: {found}";
        }

        var names = NamesOf(certificate);
        if (names.Contains(cluster, StringComparer.OrdinalIgnoreCase))
        {
            return null;
        }

        var held = names.Count > 0 ? string.Join(", ", names) : "no cluster";
        return $"names {held}, and this cluster's Id is {cluster}";
    }

    private static IReadOnlyList<string> NamesOf(X509Certificate2 certificate) =>
        [.. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(static names => names.EnumerateDnsNames())];
}
