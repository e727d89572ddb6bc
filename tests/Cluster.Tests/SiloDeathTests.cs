using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests;

/// <summary>One of two silos is killed or stopped while it is needed.</summary>
public sealed class SiloDeathTests : IAsyncLifetime
{
    private ClusterHost _host = null!;
    private ContractClient _client = null!;

    public async Task InitializeAsync()
    {
        _host = await ClusterHost.StartAloneAsync(new TestWorld());
        _client = new ContractClient(_host, "default", lease: 1);
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task Reader_WhoseSiloIsKilled_GetsTheSameBytes()
    {
        var id = await _client.SayAsync("hello");
        await (await _host.Model.CallAsync("hello")).AnswerAsync(string.Concat(Enumerable.Repeat("abc", 1500)));
        var whole = await _client.ReadAsync(id);
        await using var reader = _client.Open(id);
        var seen = await reader.ReadUntilAsync("response.output_text.delta");

        await KillSiloOfAsync(id);

        Assert.Equal(whole, [.. seen, .. await reader.ReadToEndAsync()]);
    }

    [Fact]
    public async Task Turn_WhoseSiloIsKilled_EndsAsInterruptedAndItsConversationGoesOn()
    {
        var id = await _client.SayAsync("hello");
        var call = await _host.Model.CallAsync("hello");
        await call.SayAsync([.. Speech.Call("call_1"), .. Speech.Message("half")[..4]]);
        await using var reader = _client.Open(id);
        var seen = await reader.ReadUntilAsync("response.output_item.done");
        var rest = reader.ReadToEndAsync();

        await KillSiloOfAsync(id);

        var terminal = ContractClient.Parse((await rest)[^1]);
        Assert.Equal("response.failed", terminal.GetProperty("type").GetString());
        Assert.Equal(seen.Count + (await rest).Count - 1, terminal.GetProperty("sequence_number").GetInt32());
        var next = await _client.ReplyAsync(id, ("call_1", "done"));
        await (await _host.Model.CallAsync("done")).AnswerAsync();
        Assert.Equal("response.completed", ContractClient.TypeOf((await _client.ReadAsync(next))[^1]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task StartTurn_WhoseSiloIsKilledBeforeItAnswers_IsOneTurn(bool isStored)
    {
        var root = await _client.TellAsync("root");
        var silo = await _host.Silos.SiloOfAsync(_client.Key(root.Conversation));
        var journal = _host.Silos.JournalOf(silo);
        var (arrived, gate) = isStored ? journal.HoldAnswers() : journal.HoldAppends();
        var starting = _client.CreateAsync(ContractClient.Json("\"hello\"", root), root.Conversation, request: 7);
        await arrived;

        await _host.Silos.KillAsync(silo);
        var id = await starting;
        gate.SetResult();

        Assert.Equal(2, id.Turn.Number);
        Assert.Equal(id, await _client.CreateAsync(ContractClient.Json("\"hello\"", root), root.Conversation, 7));
        var started = (await _host.ReadJournalAsync(_client.Key(root.Conversation)))
            .RecordsOf(_client.Key(root.Conversation)).OfType<TurnStarted>();
        Assert.Equal([1, 2], started.Select(turn => turn.Turn));
        await _client.CancelAsync(id);
        Assert.NotEmpty(await _client.ReadAsync(id));
    }

    [Fact]
    public async Task Delete_WhoseSiloIsKilledBeforeItAnswers_IsDone()
    {
        var id = await _client.TellAsync("hello");
        await _client.TellAsync("kept", id);
        var silo = await _host.Silos.SiloOfAsync(_client.Key(id.Conversation));
        var (arrived, gate) = _host.Silos.JournalOf(silo).HoldAnswers();
        var deleting = _client.DeleteAsync(id);
        await arrived;

        await _host.Silos.KillAsync(silo);
        await deleting;
        gate.SetResult();

        var refusal = await ContractClient.RefusedAsync(() => _client.GetTextAsync(id));
        Assert.Equal(RefusalKind.NotFound, refusal.Kind);
    }

    [Theory]
    [InlineData("kill")]
    [InlineData("stop")]
    public async Task Conversations_WhileASiloGoes_LoseAndDoubleNothing(string how)
    {
        const int conversations = 200, turns = 4;
        var goes = (conversations * turns) / 4;
        var (ended, isGone) = (0, Task.CompletedTask);
        var ends = await Task.WhenAll(Enumerable.Range(0, conversations).Select(i => Task.Run(async () =>
        {
            var told = new List<ResponseId>();
            for (var turn = 0; turn < turns; turn++)
            {
                told.Add(await TellAsync($"conversation {i} turn {turn}", told.LastOrDefault()));
                if (Interlocked.Increment(ref ended) == goes)
                {
                    isGone = GoAsync(how);
                }
            }

            return told;
        }))).WaitAsync(Waits.Patience * 2);
        await isGone;

        Assert.Equal(conversations, (await _client.ListAsync(limit: 1000)).Count);
        foreach (var told in ends)
        {
            var started = (await _host.ReadJournalAsync(_client.Key(told[0].Conversation)))
                .RecordsOf(_client.Key(told[0].Conversation)).OfType<TurnStarted>().ToList();
            Assert.Equal(told.Select(id => id.Turn.Number), started.Select(turn => turn.Turn));
            var items = await _client.ListItemsAsync(told[^1], new ItemPage(100, Ascending: true));
            Assert.Equal(turns, items.GetRawText().Split(" turn ").Length - 1);
        }
    }

    [Fact]
    public async Task Request_WhenNoSiloIsLeft_IsToldToComeBack()
    {
        await using var host = await ClusterHost.StartAloneAsync(new TestWorld(), count: 1, options: new()
        {
            CallTimeout = TimeSpan.FromSeconds(5),
            RetryTime = TimeSpan.FromSeconds(10),
        });
        var client = new ContractClient(host, "default", lease: 1);
        var id = await client.TellAsync("hello");

        await host.Silos.KillAsync(host.Silos.Cluster.Silos[0]);

        var (get, read) = (ContractClient.RefusedAsync(() => client.GetTextAsync(id)),
            ContractClient.RefusedAsync(() => client.ReadAsync(id)));
        Assert.Equal([RefusalKind.Unavailable, RefusalKind.Unavailable], [(await get).Kind, (await read).Kind]);
    }

    // A turn that its silo's death interrupted has ended too: the next one continues it.
    private async Task<ResponseId> TellAsync(string text, ResponseId previous)
    {
        var id = await _client.SayAsync(text, previous == default ? null : previous, "echo");
        Assert.NotEmpty(await _client.ReadAsync(id));
        return id;
    }

    private async Task GoAsync(string how)
    {
        var silo = _host.Silos.Cluster.Silos[1];
        Assert.Equal(2, (await _host.Silos.WarmAsync()).Count);
        if (how == "kill")
        {
            await _host.Silos.KillAsync(silo);
        }
        else
        {
            await _host.Silos.Cluster.StopSiloAsync(silo).WaitAsync(Waits.Patience);
        }
    }

    private async Task KillSiloOfAsync(ResponseId id) =>
        await _host.Silos.KillAsync(await _host.Silos.SiloOfAsync(_client.Key(id.Conversation)));
}
