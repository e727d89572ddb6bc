using Evergrain.Cluster.Tests.Moving;
using Evergrain.Conversations.Ids;
using Evergrain.Grains;
using Evergrain.Grains.Calls;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests;

/// <summary>Leases, goodbyes and limits: what must not bring about, or keep, more than it is worth.</summary>
public sealed class PassingTests : IAsyncLifetime
{
    private readonly SiloCounts _counts = new();
    private ClusterHost _host = null!;
    private ContractClient _client = null!;

    public async Task InitializeAsync()
    {
        _host = await ClusterHost.StartAsync();
        _client = new ContractClient(_host, "default", lease: 1);
    }

    public async Task DisposeAsync()
    {
        await _host.DisposeAsync();
        _counts.Dispose();
    }

    [Fact]
    public async Task Hold_OfAConversationThatIsNotWarm_OpensNothing()
    {
        var id = await _client.TellAsync("hello");
        await _host.PassivateAsync();
        var (activated, recovered) = (_counts.Activated, _counts.Recovered);

        await _client.HoldAsync(id.Conversation);
        await _client.ReleaseAsync(id.Conversation);

        Assert.Equal((activated, recovered), (_counts.Activated, _counts.Recovered));
        await _client.TellAsync("next", id);
        Assert.Equal(activated + 1, _counts.Activated);
    }

    [Fact]
    public async Task WarmConversations_ThatLeaveMemory_AreNoLongerCounted()
    {
        var (warm, bytes) = (_counts.Warm, _counts.WarmBytes);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => _client.TellAsync($"hello {i}")));
        Assert.Equal(warm + 4, _counts.Warm);
        Assert.True(_counts.WarmBytes > bytes);

        await _host.PassivateAsync();

        await SiloCounts.UntilAsync(() => (_counts.Warm, _counts.WarmBytes) == (warm, bytes));
    }

    [Fact]
    public async Task WarmConversations_OverTheBudget_LeaveButForWhatIsUnstored()
    {
        await using var host = await ClusterHost.StartAloneAsync(
            new TestWorld(), count: 1, options: new() { WarmBytesMax = 1 << 20 });
        var client = new ContractClient(host, "default", lease: 1);
        var unstored = await client.TellAsync("unstored", store: false);
        var text = new string('x', 200_000);
        var ids = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => client.TellAsync($"{i} {text}")));
        var warm = DrainTests.WarmIn(host.Silos.Cluster.Silos[0]);

        await SiloCounts.UntilAsync(() =>
        {
            host.Advance(TimeSpan.FromSeconds(1));
            return DrainTests.WarmIn(host.Silos.Cluster.Silos[0]) < warm - 4;
        });

        await client.TellAsync("and on", unstored, store: false);
        await Task.WhenAll(ids.Select(id => client.TellAsync("next", id)));
    }

    [Fact]
    public async Task StopReading_BeforeTheEnumerationHasEnded_CountsAtOnce()
    {
        var id = await _client.SayAsync("hello", store: false);
        var call = await _host.Model.CallAsync("hello");
        var grain = _host.Silos.GrainOf(_client.Key(id.Conversation));
        var events = grain.ReadEvents(new TurnRequest(id.Turn, _client.Lease), 0, 7, CancellationToken.None)
            .GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());

        await grain.StopReading(7);
        Assert.Contains("in_progress", await _client.GetTextAsync(id), StringComparison.Ordinal);
        await events.DisposeAsync();

        await call.Cancelled;
    }

    [Fact]
    public async Task ModelCall_ThatTakesLongerThanItMay_FailsItsTurn()
    {
        var id = await _client.SayAsync("hello");
        var call = await _host.Model.CallAsync("hello");
        await using var reader = _client.Open(id);
        await reader.ReadUntilAsync("response.in_progress");

        _host.Advance(new ConversationClusterOptions().ModelCallTime);
        var rest = await reader.ReadToEndAsync();

        await call.Cancelled;
        Assert.Equal("response.failed", ContractClient.TypeOf(rest[^1]));
        Assert.Contains("took longer than", rest[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsLogged_OfACall_HasNoLease() => Assert.DoesNotContain("4711",
        $"{new TurnRequest(TurnId.Stored(1), new LeaseId(4711))} {new LeaseId(4711)}", StringComparison.Ordinal);
}
