using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Evergrain.Silo.Membership;

namespace Evergrain.Silo.Trust;

/// <summary>An authority of the cluster: it issues the certificates of the processes that can read its key.</summary>
internal sealed class ClusterAuthority : IDisposable
{
    /// <summary>The uses of a process's certificate: it accepts connections, and makes them (RFC 5280).</summary>
    public const string ServerAuthentication = "1.3.6.1.5.5.7.3.1", ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>How long a process's certificate is valid.</summary>
    public static readonly TimeSpan CertificateTime = TimeSpan.FromHours(24);

    /// <summary>How far the clocks of two processes may be apart.</summary>
    public static readonly TimeSpan SkewMax = TimeSpan.FromHours(1);

    // An authority gets a successor at half its life. Every process trusts the successor before it issues anything,
    // since all read the table several times a day.
    private static readonly TimeSpan LifeTime = TimeSpan.FromDays(3650);
    private static readonly TimeSpan LeadTime = TimeSpan.FromDays(1);
    private static readonly TimeSpan SuccessionTime = LifeTime / 2;
    private static readonly TimeSpan TrialTime = TimeSpan.FromDays(2);

    private const int SerialBytes = 16;

    private readonly X509Certificate2 _certificate;

    private ClusterAuthority(int number, X509Certificate2 certificate) =>
        (Number, _certificate) = (number, certificate);

    /// <summary>Its number; a successor has the next one.</summary>
    public int Number { get; }

    private DateTimeOffset Made => new DateTimeOffset(_certificate.NotBefore) + LeadTime;

    /// <summary>Reads one.</summary>
    /// <exception cref="CryptographicException">It is no certificate, or the key is another's.</exception>
    /// <exception cref="ArgumentException">It is no PEM.</exception>
    public static ClusterAuthority Read(AuthorityText text) =>
        new(text.Number, X509Certificate2.CreateFromPem(text.Certificate, text.Key));

    /// <summary>Makes one.</summary>
    public static AuthorityText Create(int number, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Evergrain cluster authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(X509BasicConstraintsExtension.CreateForCertificateAuthority(0));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        using var certificate = request.CreateSelfSigned(now - LeadTime, now + LifeTime);
        return new AuthorityText(number, certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>Whether the newest authority is so old that another one must be made.</summary>
    public bool NeedsSuccessor(DateTimeOffset now) => now >= Made + SuccessionTime;

    /// <summary>Whether every process has had the time to read it.</summary>
    public bool IsKnownToAll(DateTimeOffset now) => now >= Made + TrialTime;

    /// <summary>Issues a certificate for a process of a cluster.</summary>
    /// <exception cref="InvalidDataException">The clock is far from the authority's time.</exception>
    public X509Certificate2 Issue(string cluster, string host, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(host);
        var request = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(cluster);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(X509BasicConstraintsExtension.CreateForEndEntity());
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid(ServerAuthentication), new Oid(ClientAuthentication)], critical: false));
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_certificate, true, false));
        var (from, until) = TimeOf(now);
        using var issued = request.Create(
            _certificate, from, until, RandomNumberGenerator.GetBytes(SerialBytes));
        return issued.CopyWithPrivateKey(key);
    }

    /// <summary>Its certificate without its key.</summary>
    public X509Certificate2 ForPeers() => X509CertificateLoader.LoadCertificate(_certificate.RawData);

    /// <inheritdoc/>
    public void Dispose() => _certificate.Dispose();

    /// <summary>When a certificate that is issued now begins and ends: within the authority's own time.</summary>
    private (DateTimeOffset From, DateTimeOffset Until) TimeOf(DateTimeOffset now)
    {
        var (begin, end) = (new DateTimeOffset(_certificate.NotBefore), new DateTimeOffset(_certificate.NotAfter));
        var from = now - SkewMax > begin ? now - SkewMax : begin;
        var until = now + CertificateTime < end ? now + CertificateTime : end;
        return from < until ? (from, until) : throw new InvalidDataException(
            $"This machine's clock says {now:u}, and the cluster's authority is valid from {begin:u} to {end:u}: set " +
            "the clock.");
    }
}
