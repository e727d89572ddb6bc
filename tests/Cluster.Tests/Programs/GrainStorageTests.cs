using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Grains.Tenants;
using Evergrain.Tests.Services;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Evergrain.Cluster.Tests.Programs;

/// <summary>What grains keep, in our table, by Orleans' own code over a real PostgreSQL.</summary>
[Collection(nameof(FaultFreePostgres))]
[Trait("Needs", "Postgres")]
public sealed class GrainStorageTests(PostgresServer postgres)
{
    private const string Type = "usage";
    private static readonly GrainId Grain = GrainId.Create("tenant", "default");

    [Fact]
    public async Task State_WrittenReadAndCleared_IsThere()
    {
        using var parts = await OpenAsync();
        var state = await ReadAsync(parts);
        Assert.False(state.RecordExists);

        state.State!.Count = 1;
        await parts.Storage.WriteStateAsync(Type, Grain, state);
        state.State!.Count = 2;
        await parts.Storage.WriteStateAsync(Type, Grain, state);

        var read = await ReadAsync(parts);
        Assert.Equal((2, true, state.ETag), (read.State!.Count, read.RecordExists, read.ETag));
        Assert.False((await ReadAsync(parts, GrainId.Create("tenant", "other"))).RecordExists);

        await parts.Storage.ClearStateAsync(Type, Grain, read);
        var cleared = await ReadAsync(parts);
        Assert.Equal((0, false), (cleared.State!.Count, cleared.RecordExists));
        cleared.State!.Count = 3;
        await parts.Storage.WriteStateAsync(Type, Grain, cleared);
        Assert.Equal(3, (await ReadAsync(parts)).State!.Count);
    }

    [Fact]
    public async Task State_WrittenByAnotherMeanwhile_IsRefused()
    {
        using var parts = await OpenAsync();
        var (first, second) = (await ReadAsync(parts), await ReadAsync(parts));
        first.State!.Count = 1;
        await parts.Storage.WriteStateAsync(Type, Grain, first);

        second.State!.Count = 2;
        await Assert.ThrowsAsync<InconsistentStateException>(
            () => parts.Storage.WriteStateAsync(Type, Grain, second));

        var third = await ReadAsync(parts);
        await parts.Storage.WriteStateAsync(Type, Grain, first);
        await Assert.ThrowsAsync<InconsistentStateException>(
            () => parts.Storage.WriteStateAsync(Type, Grain, third));
        await Assert.ThrowsAsync<InconsistentStateException>(
            () => parts.Storage.ClearStateAsync(Type, Grain, third));
        Assert.Equal(1, (await ReadAsync(parts)).State!.Count);
    }

    [Fact]
    public async Task Totals_OfATenant_ComeBackAsTheyWere()
    {
        using var parts = await OpenAsync();
        var state = new GrainState<TenantState>(new TenantState());
        var report = new TenantReport(ulong.MaxValue, 3, new TurnCounts(0, 0, 0, 2, 0, 0, 0, 0));
        Assert.True(state.State!.Take(report));
        await parts.Storage.WriteStateAsync(Type, Grain, state);

        var read = new GrainState<TenantState>(new TenantState());
        await parts.Storage.ReadStateAsync(Type, Grain, read);

        Assert.Equal(2, read.State!.Totals.Failed);
        Assert.False(read.State.Take(report));
    }

    [Fact]
    public async Task State_OfTenantsThatAreOneNumber_IsApart()
    {
        using var parts = await OpenAsync();
        var (one, other) = (KeyOf("1"), KeyOf("01"));
        var state = await ReadAsync(parts, one);
        state.State!.Count = 1;
        await parts.Storage.WriteStateAsync(Type, one, state);

        Assert.False((await ReadAsync(parts, other)).RecordExists);

        static GrainId KeyOf(string tenant) => GrainId.Create("evergrain.tenant", TenantGrainKey.Format(tenant));
    }

    private static async Task<GrainState<Counted>> ReadAsync(ClusterParts parts, GrainId? grain = null)
    {
        var state = new GrainState<Counted>(new Counted());
        await parts.Storage.ReadStateAsync(Type, grain ?? Grain, state);
        return state;
    }

    private Task<ClusterParts> OpenAsync() =>
        ClusterParts.OpenAsync(postgres.Url(PostgresServer.Database), postgres.NewSchema());

    public sealed class Counted
    {
        public int Count { get; set; }
    }
}
