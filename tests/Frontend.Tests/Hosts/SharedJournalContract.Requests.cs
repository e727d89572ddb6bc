using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Frontend.Tests.Hosts;

/// <content>Requests that come again at the other host, unstored turns, and appends whose outcome is unknown.</content>
public abstract partial class SharedJournalContract
{
    [Fact]
    public async Task StartTurn_SameRequestIdElsewhere_WaitsForItsEndAndAttaches()
    {
        var (conversation, request) = (ContractClient.NewConversation(), ContractClient.NewRequest());
        var id = await AtOne.CreateAsync(ContractClient.Json("\"hello\""), conversation, request);
        var call = await One.Model.CallAsync("hello");
        var again = AtOther.CreateAsync(ContractClient.Json("\"hello\""), conversation, request);
        await PassAsync(Look);

        await call.AnswerAsync();
        var events = await AtOne.ReadAsync(id);

        Assert.Equal(id, await PassUntilAsync(again));
        Assert.Equal(events, await AtOther.ReadAsync(id));
        Assert.Equal((0, 0), (Other.Counts.Claimed, Other.Model.CountCalls("hello")));
    }

    [Fact]
    public async Task StartTurn_SameRequestIdElsewhere_OfAHostThatDied_EndsItAsInterrupted()
    {
        var (conversation, request) = (ContractClient.NewConversation(), ContractClient.NewRequest());
        var id = await AtOne.CreateAsync(ContractClient.Json("\"hello\""), conversation, request);
        await One.Model.CallAsync("hello");
        await One.KillAsync();

        var again = await PassUntilAsync(
            AtOther.CreateAsync(ContractClient.Json("\"hello\""), conversation, request));

        Assert.Equal(id, again);
        Assert.Equal("response.failed", ContractClient.TypeOf((await AtOther.ReadAsync(id))[^1]));
        Assert.Equal("response.failed", ContractClient.TypeOf((await AtOne.ReadAsync(id))[^1]));
        Assert.Equal(1, Other.Counts.Claimed);
    }

    [Fact]
    public async Task StartTurn_SameRequestIdAtBothAtOnce_IsOneTurn()
    {
        for (var round = 0; round < 20; round++)
        {
            var (conversation, request) = (ContractClient.NewConversation(), ContractClient.NewRequest());
            var json = ContractClient.Json("\"hello\"", model: "echo");
            var creates = Enumerable.Range(0, 4).Select(i =>
                Task.Run(() => (i % 2 == 0 ? AtOne : AtOther).CreateAsync(json, conversation, request)));
            var ids = await PassUntilAsync(Task.WhenAll(creates));

            var id = Assert.Single(ids.Distinct());
            Assert.Equal(await AtOne.ReadAsync(id), await AtOther.ReadAsync(id));
            Assert.Equal(1, id.Turn.Number);
        }
    }

    [Fact]
    public async Task UnstoredTurns_WhatTheOtherHostWrites_LeavesThemAlone()
    {
        var root = await AtOne.TellAsync("root");
        var unstored = await AtOne.TellAsync("unstored", root, store: false);
        await AtOther.TellAsync("there", root);

        // Looks at the journal, and finds what the other host wrote.
        await AtOne.TellAsync("beside it", root, store: false);
        var next = await AtOne.SayAsync("next", unstored, store: false);

        var call = await One.Model.CallAsync("next");
        Assert.Equal(5, call.Call.Context.ItemCount);
        await call.AnswerAsync();
        await AtOne.ReadAsync(next);
        Assert.Equal((1, 0), (One.Counts.Refreshed, One.Counts.Lost));
    }

    [Fact]
    public async Task Append_StoredAndNotConfirmed_ItsTurnIsEndedByItsOwnHostAtOnce()
    {
        var root = await AtOne.TellAsync("root");
        One.Log.Expect(102);
        One.Faults.FailNext(AppendFault.After);
        await ContractClient.RefusedAsync(() => AtOne.SayAsync("cut", root));

        var cut = new ResponseId(root.Conversation, TurnId.Stored(2));
        var events = await AtOne.ReadAsync(cut);

        Assert.Equal("response.failed", ContractClient.TypeOf(Assert.Single(events)));
        Assert.Equal(events, await AtOther.ReadAsync(cut));
    }

    [Fact]
    public async Task Cancel_WhatRunsElsewhere_WhoseAppendIsRefused_IsMadeAgain()
    {
        var id = await AtOne.SayAsync("hello");
        await One.Model.CallAsync("hello");
        Other.Faults.FailNext(AppendFault.Taken);

        await AtOther.CancelAsync(id);

        Assert.Equal("cancelled", (await AtOther.GetAsync(id)).GetProperty("status").GetString());
        Assert.Equal(1, Other.Counts.Lost);
    }

    [Fact]
    public async Task Append_FailsAndItsTakeoverToo_TheTurnIsEndedOnceTheJournalIsBack()
    {
        var id = await AtOne.SayAsync("hello");
        var call = await One.Model.CallAsync("hello");
        One.Log.Expect(101, 102);
        One.Faults.OnAppend(_ => Task.FromResult(AppendFault.Before));
        await call.SayAsync(Speech.Call("call_1"));
        var refusal = await ContractClient.RefusedAsync(() => AtOne.ReadAsync(id));
        Assert.Equal(RefusalKind.Unavailable, refusal.Kind);
        One.Faults.OnAppend(null);

        Assert.Equal("response.failed", ContractClient.TypeOf((await AtOne.ReadAsync(id))[^1]));
    }

    [Fact]
    public async Task Conversations_LoopingAtBothHosts_LoseAndDoubleNothing()
    {
        const int conversations = 12, turns = 10;
        var ends = await Task.WhenAll(Enumerable.Range(0, conversations).Select(i => Task.Run(() => LoopAsync(i))));
        foreach (var end in ends)
        {
            var (here, there) = (await AtOne.ListItemsAsync(end, new ItemPage(100, Ascending: true)),
                await AtOther.ListItemsAsync(end, new ItemPage(100, Ascending: true)));
            Assert.Equal((turns * 2) - 1, here.GetProperty("data").GetArrayLength());
            Assert.Equal(here.GetRawText(), there.GetRawText());
            Assert.Equal(await AtOne.DigestAsync(end), await AtOther.DigestAsync(end));
        }

        async Task<ResponseId> LoopAsync(int number)
        {
            ResponseId? last = null;
            for (var turn = 0; turn < turns; turn++)
            {
                last = await ((turn + number) % 2 == 0 ? AtOne : AtOther).TellAsync($"{number} {turn}", last);
            }

            return last!.Value;
        }
    }
}

public sealed class SharedInMemoryTests : SharedJournalContract
{
    private readonly InMemoryJournal _journal = new();

    protected override async Task<ContractHost> StartHostAsync() => await EmbeddedHost.StartSharedAsync(_journal);
}
