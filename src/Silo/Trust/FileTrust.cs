using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Evergrain.Silo.Cluster;

namespace Evergrain.Silo.Trust;

/// <summary>
/// A certificate, its key and the authorities from PEM files, which may be replaced. Their bytes are compared, not
/// their times: that also sees a replaced symbolic link.
/// </summary>
internal sealed class FileTrust(MemberOptions options) : ITrustSource
{
    // Object identifiers of RSA (RFC 8017) and of elliptic curves (RFC 5480).
    private static readonly string[] KeyAlgorithms = ["1.2.840.113549.1.1.1", "1.2.840.10045.2.1"];

    private string[] _seen = [];

    /// <inheritdoc/>
    public async Task<ClusterIdentity?> ReadAsync(CancellationToken cancellationToken)
    {
        string[] texts =
        [
            await ReadAsync(nameof(options.TlsCertificate), options.TlsCertificate!, cancellationToken),
            await ReadAsync(nameof(options.TlsKey), options.TlsKey!, cancellationToken),
            await ReadAsync(nameof(options.TlsAuthority), options.TlsAuthority!, cancellationToken),
        ];
        if (texts.SequenceEqual(_seen, StringComparer.Ordinal))
        {
            return null;
        }

        var identity = Parse(texts[0], texts[1], texts[2]);
        _seen = texts;
        return identity;
    }

    private static async Task<string> ReadAsync(string setting, string path, CancellationToken cancellationToken)
    {
        try
        {
            return await File.ReadAllTextAsync(path, cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InvalidDataException($"{setting}: {path} cannot be read.", e);
        }
    }

    private ClusterIdentity Parse(string certificateText, string keyText, string authorityText)
    {
        var authorities = ReadCertificates(nameof(options.TlsAuthority), options.TlsAuthority!, authorityText);
        var chain = ReadCertificates(nameof(options.TlsCertificate), options.TlsCertificate!, certificateText);
        var certificate = Join(certificateText, keyText, chain[0]);
        chain.RemoveAt(0);
        try
        {
            Check(certificate, chain, authorities);
            return new ClusterIdentity(certificate, chain, authorities);
        }
        catch (Exception e) when (e is not InvalidDataException)
        {
            throw new InvalidDataException(
                $"{nameof(options.TlsCertificate)}: the certificates in {options.TlsCertificate} cannot be used.", e);
        }
    }

    // What is thrown for text that cannot be read depends on the platform's cryptography.
    private X509Certificate2 Join(string certificateText, string keyText, X509Certificate2 first)
    {
        try
        {
            return X509Certificate2.CreateFromPem(certificateText, keyText);
        }
        catch (Exception e)
        {
            throw new InvalidDataException(KeyAlgorithms.Contains(first.GetKeyAlgorithm())
                ? $"{nameof(options.TlsKey)}: {options.TlsKey} is not the private key of the first certificate in " +
                    $"{options.TlsCertificate}."
                : $"{nameof(options.TlsCertificate)}: the first certificate in {options.TlsCertificate} has a key of " +
                    $"algorithm {first.GetKeyAlgorithm()}: take one with an RSA key or an ECDSA key.", e);
        }
    }

    private static X509Certificate2Collection ReadCertificates(string setting, string path, string text)
    {
        try
        {
            var found = new X509Certificate2Collection();
            found.ImportFromPem(text);
            return found.Count > 0
                ? found
                : throw new InvalidDataException($"{setting}: {path} holds no certificate as PEM.");
        }
        catch (Exception e) when (e is not InvalidDataException)
        {
            throw new InvalidDataException($"{setting}: {path} holds no readable certificate.", e);
        }
    }

    private void Check(X509Certificate2 certificate, X509Certificate2Collection intermediates,
        X509Certificate2Collection authorities)
    {
        using var chain = new X509Chain { ChainPolicy = ClusterIdentity.PolicyFor(authorities) };
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ClusterAuthority.ServerAuthentication));
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ClusterAuthority.ClientAuthentication));
        chain.ChainPolicy.ExtraStore.AddRange(intermediates);
        chain.Build(certificate);
        if (CertificateFault.Find(certificate, chain.ChainStatus, options.Id) is { } fault)
        {
            throw new InvalidDataException($"{nameof(options.TlsCertificate)}: the certificate in " +
                $"{options.TlsCertificate} {fault}; {nameof(options.TlsAuthority)} is {options.TlsAuthority}.");
        }
    }
}
