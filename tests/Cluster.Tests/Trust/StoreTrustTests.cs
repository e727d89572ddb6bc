using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Evergrain.Cluster.Tests.Programs;
using Evergrain.Silo.Membership;
using Evergrain.Silo.Trust;
using Evergrain.Tests.Services;
using Microsoft.Extensions.Time.Testing;

namespace Evergrain.Cluster.Tests.Trust;

/// <summary>The authority beside the journal: made once, and followed by another in time.</summary>
[Collection(nameof(FaultFreePostgres))]
[Trait("Needs", "Postgres")]
public sealed class StoreTrustTests(PostgresServer postgres)
{
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());

    [Fact]
    public async Task Processes_ThatStartAtOnce_HaveOneAuthority_AndTrustEachOther()
    {
        var (database, schema) = await PrepareAsync();

        var identities = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => ReadAsync(Trust(database))));

        Assert.Equal(1L, await CountAsync(schema));
        Assert.Equal(8, identities.Select(static one => one.Certificate.Thumbprint).Distinct().Count());
        Assert.True((await PeerPair.MeetAsync(identities[0], identities[7])).AreBothIn);
    }

    [Fact]
    public async Task Certificate_IsRenewedWellBeforeItEnds()
    {
        var (database, _) = await PrepareAsync();
        var trust = Trust(database);
        var first = await ReadAsync(trust);

        _time.Advance(TimeSpan.FromHours(7));
        Assert.Null(await trust.ReadAsync(CancellationToken.None));
        _time.Advance(TimeSpan.FromHours(1));
        var second = await ReadAsync(trust);

        Assert.InRange(first.Certificate.NotAfter.ToUniversalTime() - _time.GetUtcNow().UtcDateTime,
            TimeSpan.FromHours(12), TimeSpan.FromHours(24));
        Assert.Equal(first.Certificate.NotAfter + TimeSpan.FromHours(8), second.Certificate.NotAfter);
    }

    [Fact]
    public async Task Authority_OfAnotherKind_IsRefusedWithTheWayOut()
    {
        var (database, _) = await PrepareAsync();
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=other", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(X509BasicConstraintsExtension.CreateForCertificateAuthority());
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        using var other = request.CreateSelfSigned(_time.GetUtcNow().AddDays(-3), _time.GetUtcNow().AddDays(30));
        await database.AddAuthorityAsync(new AuthorityText(1, other.ExportCertificatePem(),
            key.ExportPkcs8PrivateKeyPem()), CancellationToken.None);

        var refused = await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(Trust(database)));

        Assert.StartsWith("An authority in the table authorities cannot be used: ", refused.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Authority_HalfAsOldAsItGets_IsFollowedByAnother_WhichAllTrustBeforeItIssues()
    {
        // One that was made five years ago, so that its certificates hold today.
        var (database, schema) = await PrepareAsync();
        var now = TimeProvider.System.GetUtcNow();
        await database.AddAuthorityAsync(ClusterAuthority.Create(1, now.AddDays(-1830)), CancellationToken.None);

        var before = await ReadAsync(Trust(database));
        Assert.Equal(2L, await CountAsync(schema));
        Assert.Equal(await KeyAsync(database, 0), IssuerKey(before));
        _time.SetUtcNow(now.AddDays(2.5));
        var after = await ReadAsync(Trust(database));

        Assert.Equal(2L, await CountAsync(schema));
        Assert.Equal(await KeyAsync(database, 1), IssuerKey(after));
    }

    [Fact]
    public async Task Clock_FarBehindTheAuthority_IsReported()
    {
        var (database, _) = await PrepareAsync();
        await database.AddAuthorityAsync(
            ClusterAuthority.Create(1, _time.GetUtcNow().AddDays(3)), CancellationToken.None);

        var refused = await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(Trust(database)));

        Assert.Contains("set the clock", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Row_ThatIsNoAuthority_IsReported()
    {
        var (database, _) = await PrepareAsync();
        await database.AddAuthorityAsync(new AuthorityText(1, "x", "y"), CancellationToken.None);

        var refused = await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(Trust(database)));

        Assert.Contains("table authorities cannot be used", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tables_OfAnEarlierBuild_GetTheTable_AndKeepTheirVersion()
    {
        var (database, schema) = await PrepareAsync();
        await postgres.ExecuteAsync(PostgresServer.Database, "DROP TABLE authorities", schema);

        await database.PrepareAsync(CancellationToken.None);

        Assert.Equal(0L, await CountAsync(schema));
        Assert.Equal(1, await postgres.ExecuteAsync(
            PostgresServer.Database, "SELECT version FROM cluster_version", schema));
    }

    private async Task<(ClusterDatabase Database, string Schema)> PrepareAsync()
    {
        var schema = postgres.NewSchema();
        var database = new ClusterDatabase(postgres.Url(PostgresServer.Database), schema);
        await database.PrepareAsync(CancellationToken.None);
        return (database, schema);
    }

    private StoreTrust Trust(ClusterDatabase database) => new(database, TestAuthority.Cluster, _time);

    private async Task<object?> CountAsync(string schema) =>
        await postgres.ExecuteAsync(PostgresServer.Database, "SELECT count(*) FROM authorities", schema);

    private static async Task<string> KeyAsync(ClusterDatabase database, int index)
    {
        var text = (await database.ReadAuthoritiesAsync(CancellationToken.None))[index];
        using var authority = X509Certificate2.CreateFromPem(text.Certificate);
        return authority.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single().SubjectKeyIdentifier!;
    }

    private static string IssuerKey(ClusterIdentity identity) => Convert.ToHexString(identity.Certificate.Extensions
        .OfType<X509AuthorityKeyIdentifierExtension>().Single().KeyIdentifier!.Value.Span);

    private static async Task<ClusterIdentity> ReadAsync(StoreTrust trust) =>
        (await trust.ReadAsync(CancellationToken.None))!;
}
