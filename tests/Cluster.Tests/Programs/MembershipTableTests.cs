using System.Net;
using Evergrain.Conversations.Ports;
using Evergrain.Silo.Membership;
using Evergrain.Tests.Services;
using Orleans;
using Orleans.Runtime;

namespace Evergrain.Cluster.Tests.Programs;

/// <summary>Our tables and statements, used by Orleans' own code over a real PostgreSQL.</summary>
[Collection(nameof(FaultFreePostgres))]
[Trait("Needs", "Postgres")]
public sealed class MembershipTableTests(PostgresServer postgres)
{
    private static readonly DateTime Start = new(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);

    [Fact]
    public async Task Members_JoinChangeAndAreListed()
    {
        using var parts = await OpenAsync();
        var empty = await parts.Table.ReadAllAsync(default);
        Assert.Empty(empty.Members);

        var first = Member(1);
        Assert.True(await parts.Table.InsertRowAsync(first, empty.Version.Next(), default));
        var joined = await parts.Table.ReadAllAsync(default);
        Assert.Equal(empty.Version.Version + 1, joined.Version.Version);
        var (read, etag) = Assert.Single(joined.Members);
        Assert.Equal((first.SiloAddress, first.SiloName, first.HostName, first.ProxyPort, first.StartTime),
            (read.SiloAddress, read.SiloName, read.HostName, read.ProxyPort, read.StartTime));
        Assert.Empty(await parts.Gateways.GetGatewaysAsync(default));

        read.Status = SiloStatus.Active;
        read.AddSuspector(Member(2).SiloAddress, Start);
        Assert.True(await parts.Table.UpdateRowAsync(read, etag, joined.Version.Next(), default));
        var changed = await parts.Table.ReadRowAsync(first.SiloAddress, default);
        Assert.Equal(joined.Version.Version + 1, changed.Version.Version);
        var active = Assert.Single(changed.Members).Item1;
        Assert.Equal(SiloStatus.Active, active.Status);
        Assert.Equal((Member(2).SiloAddress, Start), Assert.Single(active.SuspectTimes!).ToValueTuple());
        Assert.Equal(first.ProxyPort, Assert.Single(await parts.Gateways.GetGatewaysAsync(default)).Port);
        Assert.Empty((await parts.Table.ReadRowAsync(Member(3).SiloAddress, default)).Members);
    }

    [Fact]
    public async Task Change_BehindAnotherVersion_IsRefusedAndChangesNothing()
    {
        using var parts = await OpenAsync();
        var empty = await parts.Table.ReadAllAsync(default);
        Assert.True(await parts.Table.InsertRowAsync(Member(1), empty.Version.Next(), default));

        Assert.False(await parts.Table.InsertRowAsync(Member(2), empty.Version.Next(), default));
        var now = await parts.Table.ReadAllAsync(default);
        Assert.False(await parts.Table.InsertRowAsync(Member(1), now.Version.Next(), default));
        Assert.False(await parts.Table.UpdateRowAsync(Member(2), "", now.Version.Next(), default));
        var member = Assert.Single(now.Members).Item1;
        member.Status = SiloStatus.Dead;
        Assert.False(await parts.Table.UpdateRowAsync(member, "", empty.Version.Next(), default));

        var after = await parts.Table.ReadAllAsync(default);
        Assert.Equal(now.Version.Version, after.Version.Version);
        Assert.NotEqual(SiloStatus.Dead, Assert.Single(after.Members).Item1.Status);
    }

    [Fact]
    public async Task Changes_AtOnce_OneIsDone()
    {
        using var parts = await OpenAsync();
        var version = (await parts.Table.ReadAllAsync(default)).Version.Next();

        var done = await Task.WhenAll(
            Enumerable.Range(1, 8).Select(n => parts.Table.InsertRowAsync(Member(n), version, default)));

        Assert.Single(done, static one => one);
        Assert.Single((await parts.Table.ReadAllAsync(default)).Members);
    }

    [Fact]
    public async Task SignsOfLife_AreKept_AndWhatIsLongDeadIsForgotten()
    {
        using var parts = await OpenAsync();
        foreach (var (number, status) in new[] { (1, SiloStatus.Active), (2, SiloStatus.Dead), (3, SiloStatus.Dead) })
        {
            var member = Member(number);
            member.Status = status;
            var version = (await parts.Table.ReadAllAsync(default)).Version.Next();
            Assert.True(await parts.Table.InsertRowAsync(member, version, default));
        }

        var alive = Member(3);
        alive.IAmAliveTime = Start.AddHours(2);
        await parts.Table.UpdateIAmAliveAsync(alive, default);
        await parts.Table.CleanupDefunctSiloEntriesAsync(new DateTimeOffset(Start.AddHours(1)), default);

        var left = (await parts.Table.ReadAllAsync(default)).Members.Select(static member => member.Item1)
            .OrderBy(static member => member.SiloAddress.Endpoint.Port).ToList();
        Assert.Equal([Member(1).SiloAddress, Member(3).SiloAddress], left.Select(static one => one.SiloAddress));
        Assert.Equal(Start.AddHours(2), left[1].IAmAliveTime);
    }

    [Fact]
    public async Task Clusters_OfOneDatabase_KnowNothingOfEachOther()
    {
        var schema = postgres.NewSchema();
        using var one = await ClusterParts.OpenAsync(postgres.Url(PostgresServer.Database), schema);
        using var two = await ClusterParts.OpenAsync(postgres.Url(PostgresServer.Database), schema, "two");
        var version = (await one.Table.ReadAllAsync(default)).Version.Next();
        Assert.True(await one.Table.InsertRowAsync(Member(1), version, default));

        Assert.Empty((await two.Table.ReadAllAsync(default)).Members);
        await two.Table.DeleteMembershipTableEntriesAsync("two", default);
        Assert.Single((await one.Table.ReadAllAsync(default)).Members);
    }

    [Fact]
    public async Task Schema_MadeByManyAtOnce_IsMadeOnce_AndANewerOneIsRefused()
    {
        var schema = postgres.NewSchema();
        var database = new ClusterDatabase(postgres.Url(PostgresServer.Database), schema);

        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => database.PrepareAsync(CancellationToken.None)));

        await postgres.ExecuteAsync(PostgresServer.Database, "INSERT INTO cluster_version VALUES (2)", schema);
        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(
            () => database.PrepareAsync(CancellationToken.None));
        Assert.Contains("newer version", refused.Message, StringComparison.Ordinal);
    }

    private Task<ClusterParts> OpenAsync() =>
        ClusterParts.OpenAsync(postgres.Url(PostgresServer.Database), postgres.NewSchema());

    private static MembershipEntry Member(int number) => new()
    {
        SiloAddress = SiloAddress.New(IPAddress.Loopback, 1000 + number, 7),
        SiloName = $"silo {number}",
        HostName = "host",
        Status = SiloStatus.Joining,
        ProxyPort = 2000 + number,
        StartTime = Start,
        IAmAliveTime = Start,
    };
}

/// <summary>Tests that share a PostgreSQL which none of them kills.</summary>
[CollectionDefinition(nameof(FaultFreePostgres))]
public sealed class FaultFreePostgres : ICollectionFixture<PostgresServer>;
