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
        try
        {
            var certificate = X509Certificate2.CreateFromPem(certificateText, keyText);
            chain.RemoveAt(0);
            Check(certificate, chain, authorities);
            return new ClusterIdentity(certificate, chain, authorities);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new InvalidDataException($"{nameof(options.TlsKey)}: {options.TlsKey} is not the private key of " +
                $"the first certificate in {options.TlsCertificate}.", e);
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
        catch (CryptographicException e)
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
