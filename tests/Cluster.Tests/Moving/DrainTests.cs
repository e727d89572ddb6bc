using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Grains;
using Evergrain.Grains.Activation;
using Evergrain.Grains.Moving;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;

namespace Evergrain.Cluster.Tests.Moving;

/// <summary>One of two silos stops in good order.</summary>
public sealed class DrainTests : IAsyncLifetime
{
    private readonly SiloCounts _counts = new();
    private ClusterHost _host = null!;
    private ContractClient _client = null!;

    public async Task InitializeAsync()
    {
        _host = await ClusterHost.StartAloneAsync(NewWorld());
        _client = new ContractClient(_host, "default", lease: 1);
    }

    public async Task DisposeAsync()
    {
        await _host.DisposeAsync();
        _counts.Dispose();
    }

    [Fact]
    public async Task Drain_IdleConversations_ArriveWarmWithForksAndWhatIsUnstored()
    {
        var roots = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => _client.TellAsync($"root {i}")));
        var forks = await Task.WhenAll(roots.Select(root => _client.TellAsync("one fork", root)));
        var others = await Task.WhenAll(roots.Select(root => _client.TellAsync("other fork", root)));
        var unstored = await Task.WhenAll(forks.Select(fork => _client.TellAsync("unstored", fork, store: false)));
        var digests = await Task.WhenAll(unstored.Select(_client.DigestAsync));
        var left = await LeftBySiloAsync(1);
        var (rendered, recovered) = (_counts.Rendered, _counts.Recovered);

        await StopAsync(1);

        Assert.InRange(left, 1, 11);
        Assert.Equal((left, left), (_counts.Dehydrated, _counts.Rehydrated));
        Assert.Equal(12, _counts.Warm);
        Assert.Equal(digests, await Task.WhenAll(unstored.Select(_client.DigestAsync)));
        await Task.WhenAll([
            .. unstored.Select(id => _client.TellAsync("and on", id, store: false)),
            .. others.Select(id => _client.TellAsync("and on", id))]);
        Assert.Equal(recovered, _counts.Recovered);
        Assert.Equal(rendered + (12 * 2 * 2), _counts.Rendered);
        await _client.ReleaseAsync(unstored[0].Conversation);
        await _client.ReleaseAsync(unstored[^1].Conversation);
        await ContractClient.RefusedAsync(() => _client.GetTextAsync(unstored[0]));
        await ContractClient.RefusedAsync(() => _client.GetTextAsync(unstored[^1]));
    }

    [Fact]
    public async Task Drain_OfTwoSilosAtOnce_LeavesAllToTheThird()
    {
        await using var host = await ClusterHost.StartAloneAsync(NewWorld(), count: 3);
        var client = new ContractClient(host, "default", lease: 1);
        var roots = await Task.WhenAll(Enumerable.Range(0, 24).Select(i => client.TellAsync($"root {i}")));
        var unstored = await Task.WhenAll(roots.Select(root => client.TellAsync("unstored", root, store: false)));
        var recovered = _counts.Recovered;

        await Task.WhenAll(host.Silos.Cluster.Silos.Skip(1).ToList().Select(silo =>
            host.Silos.Cluster.StopSiloAsync(silo).WaitAsync(Waits.Patience)));

        await Task.WhenAll(unstored.Select(id => client.TellAsync("and on", id, store: false)));
        Assert.Equal(recovered, _counts.Recovered);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Drain_ATurnThatRuns_EndsHereAndItsConversationMoves(bool store)
    {
        var root = await _client.TellAsync("root");
        var id = await _client.SayAsync("hello", root, store: store);
        var call = await _host.Model.CallAsync("hello");
        await using var reader = _client.Open(id);
        var seen = await reader.ReadUntilAsync("response.in_progress");
        var silo = await _host.Silos.SiloOfAsync(_client.Key(root.Conversation));
        var recovered = _counts.Recovered;

        var stopping = StopAsync(silo);
        await AllKnowAsync(silo);
        var fork = await _client.TellAsync("while it is still there", root);
        Assert.Equal(silo, await _host.Silos.SiloOfAsync(_client.Key(root.Conversation)));
        await call.AnswerAsync("the answer");
        var rest = await reader.ReadToEndAsync();
        await stopping;

        Assert.Equal("response.completed", ContractClient.TypeOf(rest[^1]));
        Assert.Equal([.. seen, .. rest], await _client.ReadAsync(id));
        await _client.TellAsync("next", id, store);
        await _client.TellAsync("next", fork);
        Assert.Equal((1, 1, recovered), (_counts.Dehydrated, _counts.Rehydrated, _counts.Recovered));
        Assert.NotEqual(silo, await _host.Silos.SiloOfAsync(_client.Key(root.Conversation)));
    }

    [Fact]
    public async Task Drain_OfTurnsThatOverlap_TakesNoMoreInItsSecondHalfSoItMoves()
    {
        var timeout = new ConversationDrainOptions().DrainTimeout;
        var root = await _client.TellAsync("root");
        var first = await _client.SayAsync("first", root);
        var firstCall = await _host.Model.CallAsync("first");
        var silo = await _host.Silos.SiloOfAsync(_client.Key(root.Conversation));
        var waits = _host.World.Time.ArmedAsync(timeout / 2);
        var stopping = StopAsync(silo);
        await AllKnowAsync(silo);
        await waits;
        var second = await _client.SayAsync("second", root);
        var secondCall = await _host.Model.CallAsync("second");
        await firstCall.AnswerAsync("the first answer");
        await _client.ReadAsync(first);

        _host.Advance(timeout / 2);
        var third = _client.TellAsync("third", root);
        await secondCall.AnswerAsync("the second answer");
        var rest = await _client.ReadAsync(second);
        await third.WaitAsync(Waits.Patience);
        await stopping;

        Assert.Equal("response.completed", ContractClient.TypeOf(rest[^1]));
        Assert.Equal((1, 1), (_counts.Dehydrated, _counts.Rehydrated));
        Assert.NotEqual(silo, await _host.Silos.SiloOfAsync(_client.Key(root.Conversation)));
    }

    [Fact]
    public async Task Drain_AtItsDeadline_InterruptsWhatRunsAndItGoesOn()
    {
        var id = await _client.SayAsync("hello");
        var call = await _host.Model.CallAsync("hello");
        await call.SayAsync(Speech.Message("half")[..4]);
        await using var reader = _client.Open(id);
        var seen = await reader.ReadUntilAsync("response.output_text.delta");
        var silo = await _host.Silos.SiloOfAsync(_client.Key(id.Conversation));
        var timeout = new ConversationDrainOptions().DrainTimeout;
        var waits = _host.World.Time.ArmedAsync(timeout);
        var stopping = StopAsync(silo);
        await waits;

        _host.Advance(timeout);
        var rest = await reader.ReadToEndAsync();
        await stopping;

        await call.Cancelled;
        var terminal = ContractClient.Parse(rest[^1]);
        Assert.Equal("response.failed", terminal.GetProperty("type").GetString());
        Assert.Contains("interrupted:", rest[^1], StringComparison.Ordinal);
        Assert.Equal([.. seen, .. rest], await _client.ReadAsync(id));
        await _client.TellAsync("next", id);
        Assert.Equal((1, 1, 0), (_counts.Dehydrated, _counts.Rehydrated, _counts.Recovered));
    }

    [Fact]
    public async Task Drain_WhileItLasts_NewConversationsGoElsewhere()
    {
        var id = await _client.SayAsync("hello");
        var call = await _host.Model.CallAsync("hello");
        var silo = await _host.Silos.SiloOfAsync(_client.Key(id.Conversation));
        var stopping = StopAsync(silo);
        await AllKnowAsync(silo);

        var others = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => _client.TellAsync($"hello {i}")));

        foreach (var other in others)
        {
            Assert.NotEqual(silo, await _host.Silos.SiloOfAsync(_client.Key(other.Conversation)));
        }

        await call.AnswerAsync();
        await stopping;
    }

    [Fact]
    public async Task Drain_OfTheLastSilo_GivesTurnsTheirTime()
    {
        await StopAsync(1);
        var id = await _client.SayAsync("hello");
        var call = await _host.Model.CallAsync("hello");
        await using var reader = _client.Open(id);
        await reader.ReadUntilAsync("response.in_progress");
        var silo = _host.Silos.Cluster.Silos.Single();
        var stopping = StopAsync(silo);
        await SiloCounts.UntilAsync(() => LoadsOf(silo).IsDraining);

        await call.AnswerAsync();
        var rest = await reader.ReadToEndAsync();
        await stopping;

        Assert.Equal("response.completed", ContractClient.TypeOf(rest[^1]));
        Assert.Equal(0, _counts.Dehydrated);
    }

    [Fact]
    public async Task Drain_WithMoreThanMayMoveAtOnce_MovesAllOfIt()
    {
        await using var host = await ClusterHost.StartAloneAsync(
            NewWorld(), options: new() { MoveBytesMax = 1 << 20 });
        var client = new ContractClient(host, "default", lease: 1);
        var text = new string('x', 200_000);
        var ids = await Task.WhenAll(Enumerable.Range(0, 24).Select(i => client.TellAsync($"{i} {text}")));
        var (recovered, before) = (_counts.Recovered, _counts.Rehydrated);
        var left = WarmIn(host.Silos.Cluster.Silos[1]);

        await host.Silos.Cluster.StopSiloAsync(host.Silos.Cluster.Silos[1]).WaitAsync(Waits.Patience);

        Assert.InRange(left, 4, 20);
        Assert.Equal(left, _counts.Rehydrated - before);
        await Task.WhenAll(ids.Select(id => client.TellAsync("next", id)));
        Assert.Equal(recovered, _counts.Recovered);
    }

    [Fact]
    public async Task Move_OfADamagedSnapshot_BeginsFromTheJournal()
    {
        var id = await _client.TellAsync("hello");
        var silo = await _host.Silos.SiloOfAsync(_client.Key(id.Conversation));
        foreach (var each in _host.Silos.Cluster.Silos)
        {
            each.ServiceProvider.GetRequiredService<GrainServices>().OnArrival = static snapshot =>
            {
                snapshot[snapshot.Length / 2] ^= 0x10;
                return snapshot;
            };
        }

        await StopAsync(silo);
        await _client.TellAsync("next", id);

        Assert.Equal((1, 0), (_counts.Dehydrated, _counts.Rehydrated));
        Assert.Equal(2, _counts.Recovered);
    }

    [Fact]
    public async Task Turns_WhileSilosDrainOneAfterTheOther_AllComplete()
    {
        const int conversations = 40, turns = 12;
        var ended = 0;
        TaskCompletionSource[] drained = [new(), new()];
        var ends = Task.WhenAll(Enumerable.Range(0, conversations).Select(i => Task.Run(async () =>
        {
            var told = new List<ResponseId>();
            for (var turn = 0; turn < turns; turn++)
            {
                var id = await _client.SayAsync($"{i} turn {turn}", told.Count == 0 ? null : told[^1], "echo");
                Assert.Equal("response.completed", ContractClient.TypeOf((await _client.ReadAsync(id))[^1]));
                told.Add(id);
                switch (Interlocked.Increment(ref ended))
                {
                    case conversations * turns / 6:
                        drained[0].SetResult();
                        break;
                    case conversations * turns / 2:
                        drained[1].SetResult();
                        break;
                }
            }

            return told;
        })));
        await drained[0].Task.WaitAsync(Waits.Patience);
        await StopAsync(1);
        await _host.Silos.Cluster.StartAdditionalSiloAsync().WaitAsync(Waits.Patience);
        await drained[1].Task.WaitAsync(Waits.Patience);
        await StopAsync(0);

        foreach (var told in await ends.WaitAsync(Waits.Patience))
        {
            var started = (await _host.ReadJournalAsync(_client.Key(told[0].Conversation)))
                .RecordsOf(_client.Key(told[0].Conversation)).OfType<TurnStarted>();
            Assert.Equal(told.Select(id => id.Turn.Number), started.Select(turn => turn.Turn));
        }

        Assert.True(_counts.Dehydrated > 0);
        Assert.Equal(_counts.Dehydrated, _counts.Rehydrated);
    }

    private static TestWorld NewWorld() => new() { DrainTimeout = new ConversationDrainOptions().DrainTimeout };

    internal static int WarmIn(InProcessSiloHandle silo) =>
        silo.ServiceProvider.GetRequiredService<WarmConversations>().Count;

    private static ClusterLoads LoadsOf(InProcessSiloHandle silo) =>
        silo.ServiceProvider.GetRequiredService<ClusterLoads>();

    private async Task<int> LeftBySiloAsync(int silo)
    {
        await SiloCounts.UntilAsync(() => _host.Silos.Cluster.Silos.Sum(WarmIn) == 12);
        return WarmIn(_host.Silos.Cluster.Silos[silo]);
    }

    private Task StopAsync(int silo) => StopAsync(_host.Silos.Cluster.Silos[silo]);

    private Task StopAsync(InProcessSiloHandle silo) =>
        _host.Silos.Cluster.StopSiloAsync(silo).WaitAsync(Waits.Patience);

    /// <summary>Ends when every other silo knows that one drains.</summary>
    private Task AllKnowAsync(InProcessSiloHandle silo) => SiloCounts.UntilAsync(() =>
        _host.Silos.Cluster.Silos.Where(other => other != silo)
            .All(other => LoadsOf(other).Of(silo.SiloAddress) is { IsDraining: true }));
}
