using System.Security.Cryptography.X509Certificates;
using Evergrain.Silo.Cluster;
using Evergrain.Silo.Trust;
using Evergrain.Suites.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

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
    [InlineData("key of Ed25519", "TlsCertificate: ", "has a key of algorithm 1.3.101.112: take one with an RSA key")]
    [InlineData("key of ML-DSA", "TlsCertificate: ", "has a key of algorithm 2.16.840.1.101.3.4.3.18: take one with")]
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

    [Fact]
    public async Task Source_ThatFailsInAnyWay_IsReported_AndEndsNothing()
    {
        var (source, text) = (new FailingTrust(_authority.Identify()), new LogText());
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(text));
        using var trust = new ClusterTrust(source, TimeProvider.System, loggers.CreateLogger<ClusterTrust>());
        await trust.OpenAsync(CancellationToken.None);

        foreach (var failure in (Exception[])[new PlatformNotSupportedException("one"), new TimeoutException("two"),
            new OperationCanceledException("three")])
        {
            source.Failure = failure;
            await trust.RenewAsync(CancellationToken.None);
            await trust.RenewAsync(CancellationToken.None);
            Assert.EndsWith($": {failure.Message} ", text.Lines[^1], StringComparison.Ordinal);
        }

        Assert.Equal(3, text.Lines.Count);
        using var stopped = new CancellationTokenSource();
        await stopped.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => trust.RenewAsync(stopped.Token));
    }

    [Fact]
    public async Task Certificate_ThatNobodyReplaces_IsReportedBeforeItEnds_AndEachHourAfter()
    {
        var (time, text) = (new FakeTimeProvider(TimeProvider.System.GetUtcNow()), new LogText());
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(text));
        using var trust = new ClusterTrust(
            new FailingTrust(_authority.Identify()), time, loggers.CreateLogger<ClusterTrust>());
        await trust.OpenAsync(CancellationToken.None);

        // It holds for 25 hours from an hour ago.
        Assert.InRange(trust.Left, TimeSpan.FromHours(23.9), TimeSpan.FromHours(24));
        Assert.Equal(0, await PassAsync(TimeSpan.FromHours(15)));
        Assert.Equal(1, await PassAsync(TimeSpan.FromHours(2)));
        Assert.Contains("Warning The cluster certificate, or one that it rests on, ends at", text.Lines[0],
            StringComparison.Ordinal);
        Assert.Equal(0, await PassAsync(TimeSpan.FromHours(6)));
        Assert.Equal(1, await PassAsync(TimeSpan.FromMinutes(65)));
        Assert.Contains("Error The cluster certificate, or one that it rests on, ended at", text.Lines[1],
            StringComparison.Ordinal);
        Assert.Equal(0, await PassAsync(TimeSpan.FromMinutes(54)));
        Assert.Equal(2, await PassAsync(TimeSpan.FromHours(2)));
        Assert.True(trust.Left < TimeSpan.Zero);

        async Task<int> PassAsync(TimeSpan passed)
        {
            var before = text.Lines.Count;
            for (var end = time.GetUtcNow() + passed; time.GetUtcNow() < end; time.Advance(TimeSpan.FromMinutes(1)))
            {
                await trust.RenewAsync(CancellationToken.None);
            }

            return text.Lines.Count - before;
        }
    }

    [Fact]
    public void Identity_EndsWithTheFirstCertificateThatItRestsOn()
    {
        using var certificate = _authority.Issue();
        using var authority = X509Certificate2.CreateFromPem(_authority.Certificate);
        using var shortLived = TestAuthority.ShortLived(TimeProvider.System.GetUtcNow().AddHours(19), out var own);

        Assert.Equal(certificate.NotAfter, new ClusterIdentity(certificate, [], [authority]).EndsAt.LocalDateTime);
        Assert.Equal(shortLived.NotAfter, new ClusterIdentity(own, [], [shortLived]).EndsAt.LocalDateTime);
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
            "key of Ed25519" => () => _folder.Put(TestAuthority.WithKeyOf("1.3.101.112"), key, authority),
            "key of ML-DSA" => () => _folder.Put(TestAuthority.WithKeyOf("2.16.840.1.101.3.4.3.18"), key, authority),
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

/// <summary>A source that gives an identity once, and then nothing new or a failure.</summary>
internal sealed class FailingTrust(ClusterIdentity identity) : ITrustSource
{
    private ClusterIdentity? _identity = identity;

    public Exception? Failure { get; set; }

    public Task<ClusterIdentity?> ReadAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var given = _identity;
        _identity = null;
        return Failure is null ? Task.FromResult(given) : Task.FromException<ClusterIdentity?>(Failure);
    }
}
