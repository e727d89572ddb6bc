using System.Security.Cryptography.X509Certificates;
using Evergrain.Silo.Cluster;
using Evergrain.Silo.Trust;
using Evergrain.Suites.Hosting;
using Microsoft.Extensions.Logging;

namespace Evergrain.Cluster.Tests.Trust;

/// <summary>Certificates from files: what is refused, and what becomes of files that change.</summary>
public sealed class FileTrustTests : IDisposable
{
    private static readonly string[] BothUses =
        [ClusterAuthority.ServerAuthentication, ClusterAuthority.ClientAuthentication];

    private readonly TestAuthority _authority = new();
    private readonly SecretFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("no files", "TlsCertificate: ", "tls.crt cannot be read")]
    [InlineData("key of another", "TlsKey: ", "is not the private key of the first certificate")]
    [InlineData("no key", "TlsKey: ", "is not the private key of the first certificate")]
    [InlineData("no certificate", "TlsCertificate: ", "holds no certificate as PEM")]
    [InlineData("broken certificate", "TlsCertificate: ", "holds no readable certificate")]
    [InlineData("no authority", "TlsAuthority: ", "holds no certificate as PEM")]
    [InlineData("another authority", "TlsCertificate: ", "was issued by an authority that this process does not trust")]
    [InlineData("old", "TlsCertificate: ", "and not now")]
    [InlineData("another cluster", "TlsCertificate: ", "names other, and this cluster's Id is evergrain")]
    [InlineData("one use", "TlsCertificate: ", "is not for both server and client authentication")]
    public async Task Files_ThatCannotServe_AreRefusedByName(string what, string setting, string expected)
    {
        Put(what);

        var refused = await Assert.ThrowsAsync<InvalidDataException>(() => Files().ReadAsync(CancellationToken.None));

        Assert.StartsWith(setting, refused.Message, StringComparison.Ordinal);
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_OfAnAuthorityBetween_AreTaken_AndReadOnceUntilTheyChange()
    {
        var (chain, key, authority) = TestAuthority.IssueThroughAnother(BothUses);
        _folder.Put(chain, key, authority);
        var files = Files();

        var first = await files.ReadAsync(CancellationToken.None);
        Assert.True((await PeerPair.MeetAsync(first, first)).AreBothIn);
        Assert.Null(await files.ReadAsync(CancellationToken.None));
        var next = _authority.Issue();
        _folder.Put(next, _authority.Certificate);
        var changed = await files.ReadAsync(CancellationToken.None);

        Assert.Equal(next.Thumbprint, changed!.Certificate.Thumbprint);
        Assert.Null(await files.ReadAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Files_ThatBecomeBad_AreReportedOnce_AndTheOldOnesStay()
    {
        var first = _authority.Issue();
        _folder.Put(first, _authority.Certificate);
        var text = new LogText();
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(text));
        using var trust = new ClusterTrust(Files(), TimeProvider.System, loggers.CreateLogger<ClusterTrust>());
        await trust.OpenAsync(CancellationToken.None);

        _folder.Put("broken", "broken", _authority.Certificate);
        await trust.RenewAsync(CancellationToken.None);
        await trust.RenewAsync(CancellationToken.None);

        Assert.Equal(first.Thumbprint, trust.Identity.Certificate.Thumbprint);
        Assert.Contains("TlsCertificate: ", Assert.Single(text.Lines), StringComparison.Ordinal);
        var next = _authority.Issue();
        _folder.Put(next, _authority.Certificate);
        await trust.RenewAsync(CancellationToken.None);
        Assert.Equal(next.Thumbprint, trust.Identity.Certificate.Thumbprint);
    }

    private void Put(string what)
    {
        var (own, authority) = (_authority.Issue(), _authority.Certificate);
        var (text, key) = (own.ExportCertificatePem(), own.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        var (chain, chainKey, top) = TestAuthority.IssueThroughAnother(ClusterAuthority.ServerAuthentication);
        Action put = what switch
        {
            "no files" => static () => { },
            "key of another" => () => _folder.Put(text, chainKey, authority),
            "no key" => () => _folder.Put(text, "", authority),
            "no certificate" => () => _folder.Put("", key, authority),
            "broken certificate" => () => _folder.Put(
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key, authority),
            "no authority" => () => _folder.Put(text, key, ""),
            "another authority" => () => _folder.Put(own, new TestAuthority().Certificate),
            "old" => () => _folder.Put(_authority.Issue(clock: -TimeSpan.FromDays(3)), authority),
            "another cluster" => () => _folder.Put(_authority.Issue("other"), authority),
            "one use" => () => _folder.Put(chain, chainKey, top),
            _ => throw new ArgumentOutOfRangeException(nameof(what)),
        };
        put();
    }

    private FileTrust Files() => new(new MemberOptions
    {
        TlsCertificate = _folder.Certificate,
        TlsKey = _folder.Key,
        TlsAuthority = _folder.Authority,
    });
}
