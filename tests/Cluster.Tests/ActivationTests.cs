using System.Runtime.InteropServices;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Grains;
using Evergrain.Grains.Calls;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Cluster.Tests;

/// <summary>What one activation of a conversation's grain does, and what two do to each other.</summary>
public sealed class ActivationTests
{
    private const int Tries = 10;

    private static readonly TimeSpan CallTimeout = new ConversationClusterOptions().CallTimeout;

    [Fact]
    public async Task Passivate_IdleConversations_LeaveMemory()
    {
        await using var host = await ClusterHost.StartAloneAsync(new TestWorld());
        var client = new ContractClient(host, "default", lease: 1);
        var ids = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => client.TellAsync($"hello {i}")));
        var running = await client.SayAsync("running");
        var unstored = await client.TellAsync("unstored", store: false);
        Assert.Equal(10, (await host.Silos.WarmAsync()).Sum());

        await host.PassivateAsync();

        Assert.Equal(2, (await host.Silos.WarmAsync()).Sum());
        Assert.NotEmpty(await client.GetTextAsync(unstored));
        await client.CancelAsync(running);
        await client.TellAsync("next", ids[0]);
        Assert.Equal(3, (await host.Silos.WarmAsync()).Sum());
    }

    [Fact]
    public async Task TwoActivationsOfOneKey_TheOneThatWasTakenOverCannotWrite()
    {
        // Two clusters that know nothing of each other have one activation each.
        var world = new TestWorld();
        await using var one = await ClusterHost.StartAloneAsync(world, count: 1);
        await using var other = await ClusterHost.StartAloneAsync(world, count: 1);
        var (atOne, atOther) = (new ContractClient(one, "default", 1), new ContractClient(other, "default", 2));
        var id = await atOne.SayAsync("hello");
        var call = await world.Model.CallAsync("hello");
        await call.SayAsync(Speech.Call("call_1"));
        await using var reader = atOne.Open(id);
        var seen = await reader.ReadUntilAsync("response.output_item.done");

        var next = await atOther.ReplyAsync(id, ("call_1", "done"));
        await (await world.Model.CallAsync("done")).AnswerAsync();
        await atOther.ReadAsync(next);
        await call.SayAsync([.. Speech.Message("too late"), Speech.Completed]);
        var rest = await reader.ReadToEndAsync();

        await call.Cancelled;
        Assert.Equal("response.failed", ContractClient.TypeOf(rest[^1]));
        Assert.Equal(rest[^1], Assert.Single(await atOther.ReadAsync(id, seen.Count + rest.Count - 1)));
        Assert.Equal(ContractClient.ResponseIn(rest[^1]), await atOne.GetTextAsync(id));
        var records = (await one.ReadJournalAsync(atOne.Key(id.Conversation)))
            .RecordsOf(atOne.Key(id.Conversation)).ToList();
        Assert.Equal([1, 2], records.OfType<TurnStarted>().Select(started => started.Turn));
        Assert.Equal([1, 2], records.OfType<TurnFinished>().Select(finished => finished.Turn));
        Assert.Single(records.OfType<Claimed>());
    }

    [Fact]
    public async Task Reader_AcrossADeactivation_GetsTheSameBytes()
    {
        await using var host = await ClusterHost.StartAsync();
        var client = new ContractClient(host, "default", lease: 1);
        var (id, whole) = await AnswerAtLengthAsync(host, client);
        await using var reader = client.Open(id);
        var seen = await reader.ReadUntilAsync("response.output_text.delta");

        await host.Silos.DeactivateAsync(client.Key(id.Conversation));

        Assert.Equal(whole, [.. seen, .. await reader.ReadToEndAsync()]);
    }

    [Fact]
    public async Task Reader_OfATurnWhoseActivationEnds_SeesItInterrupted()
    {
        await using var host = await ClusterHost.StartAsync();
        var client = new ContractClient(host, "default", lease: 1);
        var id = await client.SayAsync("hello");
        var call = await host.Model.CallAsync("hello");
        await call.SayAsync(Speech.Message("some text")[..4]);
        await using var reader = client.Open(id);
        var seen = await reader.ReadUntilAsync("response.output_text.delta");
        var rest = reader.ReadToEndAsync();

        await host.Silos.DeactivateAsync(client.Key(id.Conversation));

        Assert.Equal("response.failed", ContractClient.TypeOf((await rest)[^1]));
        await call.Cancelled;
        Assert.Equal((await rest)[^1], Assert.Single(await client.ReadAsync(id, seen.Count + (await rest).Count - 1)));
    }

    [Fact]
    public async Task SlowReader_WhoseEnumerationOrleansGivesUp_ReadsOn()
    {
        await using var host = await ClusterHost.StartAsync();
        var client = new ContractClient(host, "default", lease: 1);
        var id = await client.SayAsync("hello", store: false);
        var call = await host.Model.CallAsync("hello");
        await using var reader = client.Open(id);
        var seen = await reader.ReadUntilAsync("response.in_progress");

        // Two looks without a pull between them end an enumeration.
        host.Advance(CallTimeout * 3);
        await call.AnswerAsync("the rest");
        var rest = await reader.ReadToEndAsync();

        Assert.Equal("response.completed", ContractClient.TypeOf(rest[^1]));
        Assert.Equal(await client.ReadAsync(id), [.. seen, .. rest]);
    }

    [Fact]
    public async Task Reader_ThatBreaksOffAndStaysAway_CountsNoLonger()
    {
        await using var host = await ClusterHost.StartAsync();
        var client = new ContractClient(host, "default", lease: 1);
        var id = await client.SayAsync("hello", store: false);
        var call = await host.Model.CallAsync("hello");
        var grain = host.Silos.GrainOf(client.Key(id.Conversation));
        var events = grain.ReadEvents(new TurnRequest(id.Turn, client.Lease), 0, 7, CancellationToken.None)
            .GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());

        await events.DisposeAsync();
        Assert.Contains("in_progress", await client.GetTextAsync(id), StringComparison.Ordinal);
        host.Advance(new ConversationClusterOptions().ReaderGrace);

        await call.Cancelled;
    }

    [Fact]
    public async Task Delete_OfTheLastThereIs_EndsTheActivationAndIsDone()
    {
        await using var host = await ClusterHost.StartAsync();
        var client = new ContractClient(host, "default", lease: 1);
        var stored = await client.TellAsync("stored");
        var unstored = await client.TellAsync("unstored", stored, store: false);
        await client.DeleteAsync(stored);

        await client.DeleteAsync(unstored);

        Assert.Empty(await client.ListAsync());
        var refusal = await ContractClient.RefusedAsync(() => client.GetTextAsync(unstored));
        Assert.Equal(RefusalKind.NotFound, refusal.Kind);
    }

    [Fact]
    public async Task CohostedCalls_CopyNoBuffer()
    {
        await using var host = await ClusterHost.StartAloneAsync(new TestWorld(), count: 1);
        var client = new ContractClient(host, "default", lease: 1);
        var (id, _) = await AnswerAtLengthAsync(host, client);
        var factory = host.Silos.Cluster.Silos[0].ServiceProvider.GetRequiredService<IGrainFactory>();
        var grain = factory.GetGrain<IConversationGrain>(ConversationGrainKey.Format(client.Key(id.Conversation)));
        var turn = new TurnRequest(id.Turn, client.Lease);
        await using var reading = client.Open(id);
        await reading.NextAsync();

        // While someone reads, the response's events stay as they are.
        var (first, second) = (await FirstAsync(grain, turn), await FirstAsync(grain, turn));

        Assert.NotEmpty(first);
        Assert.All(first.Zip(second), pair => Assert.Same(pair.First, pair.Second));
    }

    [Fact]
    public async Task CohostedStart_OfEightMegabytes_IsNotCopied()
    {
        await using var host = await ClusterHost.StartAloneAsync(new TestWorld(), count: 1);
        var key = new ConversationKey("default", ContractClient.NewConversation());
        var factory = host.Silos.Cluster.Silos[0].ServiceProvider.GetRequiredService<IGrainFactory>();
        var grain = factory.GetGrain<IConversationGrain>(ConversationGrainKey.Format(key));

        // Refused at its first byte: what is allocated is not the conversation's.
        var request = new StartRequest { RequestId = 1, Create = new byte[8 << 20] };
        Assert.Equal(RefusalKind.InvalidRequest, (await grain.StartTurn(request)).Refusal!.Kind);

        // Other tests allocate at the same time: the least of some calls is its own.
        var allocated = long.MaxValue;
        for (var i = 0; i < Tries; i++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            await grain.StartTurn(request);
            allocated = Math.Min(allocated, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        Assert.InRange(allocated, 0, 1 << 20);
    }

    private static async Task<(ResponseId Id, List<string> Events)> AnswerAtLengthAsync(
        ClusterHost host, ContractClient client)
    {
        // More events than two messages hold.
        var id = await client.SayAsync("hello");
        await (await host.Model.CallAsync("hello")).AnswerAsync(string.Concat(Enumerable.Repeat("abc", 1500)));
        var whole = await client.ReadAsync(id);
        Assert.True(whole.Count > 1500);
        return (id, whole);
    }

    private static async Task<List<byte[]>> FirstAsync(IConversationGrain grain, TurnRequest turn)
    {
        await using var events = grain.ReadEvents(turn, 0, 9, CancellationToken.None).GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());
        return [.. events.Current.Events.Select(static json =>
        {
            Assert.True(MemoryMarshal.TryGetArray(json.Bytes, out var segment));
            return segment.Array!;
        })];
    }
}
