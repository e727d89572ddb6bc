using System.Security.Cryptography.X509Certificates;
using Evergrain.Silo.Cluster;
using Evergrain.Silo.Commands;

namespace Evergrain.Cluster.Tests.Trust;

/// <summary>What <c>evergrain doctor</c> says of a cluster's certificate.</summary>
public sealed class CertificateCheckupTests : IDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly SecretFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Files_ThatFit_AreFineAndSayUntilWhen()
    {
        _folder.Put(_authority.Issue(), _authority.Certificate);

        var found = await FindAsync();

        Assert.Equal(("certificate", true, false), (found.Part, found.IsFine, found.IsWarning));
        Assert.Contains("it holds until", found.Said, StringComparison.Ordinal);
    }

    // Of its 25 hours 4 are left: less than a third.
    [Fact]
    public async Task Certificate_ThatEndsSoon_IsAWarning()
    {
        _folder.Put(_authority.Issue(clock: TimeSpan.FromHours(-20)), _authority.Certificate);

        var found = await FindAsync();

        Assert.True(found is { IsFine: true, IsWarning: true });
        Assert.Contains("in 4 hours: replace it before", found.Said, StringComparison.Ordinal);
    }

    // A year's certificate warns for 30 days, and not for a third of its life.
    [Theory]
    [InlineData(29, true)]
    [InlineData(31, false)]
    public async Task Certificate_OfAYear_IsAWarningInItsLastThirtyDays(int daysLeft, bool expected)
    {
        using var authority = TestAuthority.Yearly(TimeProvider.System.GetUtcNow().AddDays(daysLeft), out var own);
        _folder.Put(own, authority.ExportCertificatePem());

        Assert.Equal(expected, (await FindAsync()).IsWarning);
    }

    [Theory]
    [InlineData("old", "and not now")]
    [InlineData("another authority", "was issued by an authority that this process does not trust")]
    [InlineData("another key", "is not the private key of the first certificate")]
    [InlineData("no files", "Could not find")]
    public async Task Files_ThatCannotServe_SayWhatToDo(string what, string expected)
    {
        var own = _authority.Issue(clock: what == "old" ? TimeSpan.FromDays(-3) : default);
        if (what == "another key")
        {
            var other = new TestAuthority().Issue().GetECDsaPrivateKey()!;
            _folder.Put(own.ExportCertificatePem(), other.ExportPkcs8PrivateKeyPem(), _authority.Certificate);
        }
        else if (what != "no files")
        {
            _folder.Put(own, what == "another authority" ? new TestAuthority().Certificate : _authority.Certificate);
        }

        var found = await FindAsync();

        Assert.False(found.IsFine);
        Assert.Contains(expected, found.Said, StringComparison.Ordinal);
        Assert.EndsWith("no process of the cluster starts with these.", found.Said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_WithoutFiles_AreFine()
    {
        var issued = await CertificateCheckup.FindAsync(
            new MemberOptions(), TimeProvider.System.GetUtcNow(), CancellationToken.None);
        var open = await CertificateCheckup.FindAsync(
            new MemberOptions { Tls = false }, TimeProvider.System.GetUtcNow(), CancellationToken.None);

        Assert.True(issued.IsFine && open.IsFine);
        Assert.Contains("issues itself one", issued.Said, StringComparison.Ordinal);
        Assert.Contains("Tls is off", open.Said, StringComparison.Ordinal);
    }

    private Task<DoctorFinding> FindAsync() => CertificateCheckup.FindAsync(new MemberOptions
    {
        TlsCertificate = _folder.Certificate,
        TlsKey = _folder.Key,
        TlsAuthority = _folder.Authority,
    }, TimeProvider.System.GetUtcNow(), CancellationToken.None);
}
