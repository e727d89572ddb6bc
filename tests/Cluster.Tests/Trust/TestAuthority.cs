using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Evergrain.Silo.Membership;
using Evergrain.Silo.Trust;

namespace Evergrain.Cluster.Tests.Trust;

/// <summary>An authority that a test owns.</summary>
internal sealed class TestAuthority
{
    public const string Cluster = "evergrain";

    // Some of its certificates are old.
    private readonly AuthorityText _text = ClusterAuthority.Create(1, TimeProvider.System.GetUtcNow().AddDays(-30));

    public string Certificate => _text.Certificate;

    /// <summary>A process's certificate.</summary>
    /// <param name="cluster">The name in it.</param>
    /// <param name="clock">How far the clock of its issuer is ahead.</param>
    public X509Certificate2 Issue(string cluster = Cluster, TimeSpan clock = default)
    {
        using var authority = ClusterAuthority.Read(_text);
        return authority.Issue(cluster, "host", TimeProvider.System.GetUtcNow() + clock);
    }

    /// <summary>What a process with such a certificate shows and trusts.</summary>
    public ClusterIdentity Identify(string cluster = Cluster, TimeSpan clock = default) => new(Issue(cluster, clock),
        [], [X509Certificate2.CreateFromPem(Certificate)]);

    /// <summary>Certificates with RSA keys, of a process and of an authority between; and the first's key.</summary>
    /// <param name="uses">What the process's certificate is for.</param>
    public static (string Chain, string Key, string Authority) IssueThroughAnother(params string[] uses)
    {
        using RSA topKey = RSA.Create(2048), betweenKey = RSA.Create(2048), key = RSA.Create(2048);
        var now = TimeProvider.System.GetUtcNow();
        using var top = ForAuthority("top", topKey).CreateSelfSigned(now.AddHours(-2), now.AddDays(2));
        using var between = ForAuthority("between", betweenKey).Create(top, now.AddHours(-1), now.AddDays(1), [1])
            .CopyWithPrivateKey(betweenKey);
        var own = new CertificateRequest("CN=own", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(Cluster);
        own.CertificateExtensions.Add(names.Build());
        own.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [.. uses.Select(static use => new Oid(use))], critical: false));
        using var certificate = own.Create(between, now.AddHours(-1), now.AddDays(1), [2]);
        return ($"{certificate.ExportCertificatePem()}\n{between.ExportCertificatePem()}\n",
            key.ExportRSAPrivateKeyPem(), top.ExportCertificatePem());
    }

    /// <summary>A certificate whose key has another algorithm; no program here can make such keys.</summary>
    public static string WithKeyOf(string algorithm)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        var name = new X500DistinguishedName("CN=other");
        var request = new CertificateRequest(name, new PublicKey(new Oid(algorithm), null, new AsnEncodedData(
            new byte[32])), HashAlgorithmName.SHA256);
        using var certificate = request.Create(
            name, X509SignatureGenerator.CreateForECDsa(key), now.AddHours(-1), now.AddDays(1), [3]);
        return certificate.ExportCertificatePem();
    }

    /// <summary>An authority that ends soon, and the certificate of a process that outlives it.</summary>
    public static X509Certificate2 ShortLived(DateTimeOffset end, out X509Certificate2 issued)
    {
        using RSA key = RSA.Create(2048), ownKey = RSA.Create(2048);
        var begin = end.AddDays(-2);
        using var authority = ForAuthority("short", key).CreateSelfSigned(begin, end.AddDays(9));
        var own = new CertificateRequest("CN=own", ownKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = own.Create(authority, begin, end.AddDays(5), [4]);
        issued = certificate.CopyWithPrivateKey(ownKey);
        using var renewed = ForAuthority("short", key).CreateSelfSigned(begin, end);
        return X509CertificateLoader.LoadCertificate(renewed.RawData);
    }

    /// <summary>An authority, and the certificate of a process that was made a year before its end.</summary>
    public static X509Certificate2 Yearly(DateTimeOffset end, out X509Certificate2 issued)
    {
        var curve = ECCurve.NamedCurves.nistP256;
        using ECDsa key = ECDsa.Create(curve), ownKey = ECDsa.Create(curve);
        var begin = end.AddDays(-365);
        var top = new CertificateRequest("CN=yearly", key, HashAlgorithmName.SHA256);
        top.CertificateExtensions.Add(X509BasicConstraintsExtension.CreateForCertificateAuthority());
        using var authority = top.CreateSelfSigned(begin, end.AddDays(365));
        var own = new CertificateRequest("CN=own", ownKey, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(Cluster);
        own.CertificateExtensions.Add(names.Build());
        own.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid(ClusterAuthority.ServerAuthentication), new Oid(ClusterAuthority.ClientAuthentication)], false));
        using var certificate = own.Create(authority, begin, end, [5]);
        issued = certificate.CopyWithPrivateKey(ownKey);
        return X509CertificateLoader.LoadCertificate(authority.RawData);
    }

    private static CertificateRequest ForAuthority(string name, RSA key)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(X509BasicConstraintsExtension.CreateForCertificateAuthority());
        return request;
    }
}

/// <summary>
/// Files as Kubernetes shows them of a Secret: links into a directory that one rename replaces, all three at once.
/// </summary>
internal sealed class SecretFolder : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evergrain-tls-").FullName;
    private int _versions;

    public SecretFolder()
    {
        foreach (var name in new[] { "tls.crt", "tls.key", "ca.crt" })
        {
            File.CreateSymbolicLink(Path.Combine(_folder, name), Path.Combine("..data", name));
        }
    }

    public string Certificate => Path.Combine(_folder, "tls.crt");

    public string Key => Path.Combine(_folder, "tls.key");

    public string Authority => Path.Combine(_folder, "ca.crt");

    public void Put(X509Certificate2 certificate, params string[] authorities) => Put(
        certificate.ExportCertificatePem(), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem(),
        string.Join('\n', authorities));

    public void Put(string certificate, string key, string authority)
    {
        var version = FormattableString.Invariant($"..{++_versions}");
        var folder = Directory.CreateDirectory(Path.Combine(_folder, version)).FullName;
        File.WriteAllText(Path.Combine(folder, "tls.crt"), certificate);
        File.WriteAllText(Path.Combine(folder, "tls.key"), key);
        File.WriteAllText(Path.Combine(folder, "ca.crt"), authority);
        var link = Path.Combine(_folder, "..data_tmp");
        File.CreateSymbolicLink(link, version);
        using var rename = System.Diagnostics.Process.Start("mv", ["-T", link, Path.Combine(_folder, "..data")]);
        rename.WaitForExit();
        Assert.Equal(0, rename.ExitCode);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
