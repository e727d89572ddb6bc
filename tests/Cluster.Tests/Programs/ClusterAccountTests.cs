using System.Net;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Grains.Tenants;
using Evergrain.Providers.Azure;
using Evergrain.Silo.Cluster;
using Evergrain.Silo.Membership;
using Evergrain.Silo.Trust;
using Evergrain.Tests.Services;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Orleans.Runtime;

namespace Evergrain.Cluster.Tests.Programs;

/// <summary>What a cluster keeps in a storage account, by Orleans' own code and by ours.</summary>
[Trait("Needs", "Azurite")]
[Collection(nameof(AzuriteProcesses))]
public sealed class ClusterAccountTests(AzuriteServer azurite)
{
    private const string Cluster = "one", Type = "usage";
    private static readonly GrainId Grain = GrainId.Create("evergrain.tenant", TenantGrainKey.Format("default"));

    [Fact]
    public async Task Deployments_OfOneAccount_KnowNothingOfEachOther()
    {
        var (here, there) = (await PrepareAsync(), await PrepareAsync());
        using var one = await ClusterParts.OpenAsync(here, Cluster);
        using var two = await ClusterParts.OpenAsync(there, Cluster);
        await JoinAsync(one, SiloStatus.Active);
        await WriteAsync(one, completed: 5);
        await here.AddAuthorityAsync(Authority(1), default);

        Assert.Empty((await two.Table.ReadAllAsync(default)).Members);
        Assert.Empty(await two.Gateways.GetGatewaysAsync(default));
        Assert.Empty(await there.ReadMembersAsync(Cluster, default));
        Assert.Empty(await there.ReadAuthoritiesAsync(default));
        Assert.False((await ReadAsync(two)).RecordExists);
        Assert.Single(await one.Gateways.GetGatewaysAsync(default));
        Assert.Equal(5, (await ReadAsync(one)).State!.Totals.Completed);
    }

    [Fact]
    public async Task Services_OfOneContainer_KeepTheirStatesApart()
    {
        var store = await PrepareAsync();
        using var one = await ClusterParts.OpenAsync(store, Cluster);
        using var two = await ClusterParts.OpenAsync(store, "two");
        await WriteAsync(one, completed: 5);

        Assert.False((await ReadAsync(two)).RecordExists);
        await WriteAsync(two, completed: 7);
        Assert.Equal(5, (await ReadAsync(one)).State!.Totals.Completed);
    }

    [Fact]
    public async Task State_WrittenByAnotherMeanwhile_IsRefused()
    {
        using var parts = await ClusterParts.OpenAsync(await PrepareAsync(), Cluster);
        var (first, second) = (await ReadAsync(parts), await ReadAsync(parts));
        await parts.Storage.WriteStateAsync(Type, Grain, first);

        await Assert.ThrowsAnyAsync<Orleans.Storage.InconsistentStateException>(
            () => parts.Storage.WriteStateAsync(Type, Grain, second));
    }

    [Fact]
    public async Task Members_ThatLive_AreRead()
    {
        var store = await PrepareAsync();
        using var parts = await ClusterParts.OpenAsync(store, Cluster);
        Assert.Empty(await store.ReadMembersAsync(Cluster, default));
        await JoinAsync(parts, SiloStatus.Active);
        Assert.Equal(new ClusterMemberPlace(IPAddress.Parse("192.0.2.7"), "far-away"),
            Assert.Single(await store.ReadMembersAsync(Cluster, default)));

        var all = await parts.Table.ReadAllAsync(default);
        var (member, tag) = Assert.Single(all.Members);
        member.Status = SiloStatus.Dead;
        Assert.True(await parts.Table.UpdateRowAsync(member, tag, all.Version.Next(), default));
        Assert.Empty(await store.ReadMembersAsync(Cluster, default));
    }

    [Fact]
    public async Task Authority_MadeByManyAtOnce_IsOne_AndIssues()
    {
        var store = await PrepareAsync();
        Assert.Empty(await store.ReadAuthoritiesAsync(default));

        var identities = await Task.WhenAll(Enumerable.Range(0, 6).Select(
            _ => new StoreTrust(store, Cluster, TimeProvider.System).ReadAsync(default)));

        Assert.Single(await store.ReadAuthoritiesAsync(default));
        Assert.Equal(6, identities.Select(static one => one!.Certificate.Thumbprint).Distinct().Count());
    }

    [Fact]
    public async Task Authority_ThatIsNone_IsReported()
    {
        var store = await PrepareAsync();
        await store.AddAuthorityAsync(new AuthorityText(1, "x", "y"), default);

        var refused = await Assert.ThrowsAsync<InvalidDataException>(
            () => new StoreTrust(store, Cluster, TimeProvider.System).ReadAsync(default));

        Assert.StartsWith("An authority in the blobs authority/ of the container ", refused.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clock_OfAzure_IsThisMachines()
    {
        var store = await PrepareAsync();
        using var right = Clock(store, TimeProvider.System);
        await right.CheckAsync(default);
        Assert.Null(right.Remark);

        using var wrong = Clock(store, new FakeTimeProvider(TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(1)));
        var refused = await Assert.ThrowsAsync<InvalidDataException>(() => wrong.CheckAsync(default));
        Assert.Contains("ahead of Azure Storage's", refused.Message, StringComparison.Ordinal);
    }

    private static StoreClock Clock(ClusterAccount store, TimeProvider time) =>
        new(store.Name, store.ReadClockAsync, time, NullLogger<StoreClock>.Instance);

    private static AuthorityText Authority(int number) =>
        ClusterAuthority.Create(number, TimeProvider.System.GetUtcNow());

    private static async Task JoinAsync(ClusterParts parts, SiloStatus status)
    {
        var member = new MembershipEntry
        {
            SiloAddress = SiloAddress.New(IPAddress.Parse("192.0.2.7"), 1001, 7),
            SiloName = "silo",
            HostName = "far-away",
            Status = status,
            ProxyPort = 2001,
            StartTime = TimeProvider.System.GetUtcNow().UtcDateTime,
            IAmAliveTime = TimeProvider.System.GetUtcNow().UtcDateTime,
        };
        var version = (await parts.Table.ReadAllAsync(default)).Version.Next();
        Assert.True(await parts.Table.InsertRowAsync(member, version, default));
    }

    private static async Task WriteAsync(ClusterParts parts, long completed)
    {
        var state = await ReadAsync(parts);
        Assert.True(state.State!.Take(new TenantReport(1, 1, new TurnCounts(completed, 0, 0, 0, 0, 0, 0, 0))));
        await parts.Storage.WriteStateAsync(Type, Grain, state);
    }

    private static async Task<GrainState<TenantState>> ReadAsync(ClusterParts parts)
    {
        var state = new GrainState<TenantState>(new TenantState());
        await parts.Storage.ReadStateAsync(Type, Grain, state);
        return state;
    }

    /// <summary>A store beside a journal that is there.</summary>
    private async Task<ClusterAccount> PrepareAsync()
    {
        var options = new AzureJournalOptions
        {
            Account = azurite.ConnectionString,
            Container = azurite.NewContainer(),
        };
        await (await AzureJournal.OpenAsync(options, default)).DisposeAsync();
        var store = new ClusterAccount(options);
        await store.PrepareAsync(default);
        return store;
    }
}
