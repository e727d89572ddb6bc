using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Suites.Hosts;

/// <summary>A journal that fails, waits, or was written by somebody else.</summary>
public abstract class JournalFailureContract(IContractHosts hosts) : HostContract(hosts)
{
    private const int AppendFailed = 102, NotOpened = 101, Corrupt = 100, EraseFailed = 103;

    [Theory]
    [InlineData(AppendFault.Before, "response.completed")]
    [InlineData(AppendFault.After, "response.failed")]
    public async Task StartTurn_AppendFails_IsRetriedAndTheTurnNeverDoubled(AppendFault fault, string end)
    {
        Host.Log.Expect(AppendFailed);
        var (conversation, request) = (ContractClient.NewConversation(), ContractClient.NewRequest());
        Host.Faults.FailNext(fault);
        var id = await Client.CreateAsync(ContractClient.Json("\"hello\"", model: "echo"), conversation, request);
        Assert.Equal(end, ContractClient.TypeOf((await Client.ReadAsync(id))[^1]));
        Assert.Equal(1, await CountAsync<TurnStarted>(conversation));
        Assert.Equal(1, await CountAsync<TurnFinished>(conversation));
        await Client.TellAsync("go on", id);
    }

    [Fact]
    public async Task StartTurn_PositionTaken_GoesOnInTheNextActivation()
    {
        Host.Log.Expect(AppendFailed);
        var root = await Client.TellAsync("root");
        Host.Faults.FailNext(AppendFault.Taken);
        var id = await Client.TellAsync("next", root);
        Assert.Equal("completed", (await Client.GetAsync(id)).GetProperty("status").GetString());
        Assert.Equal(2, await CountAsync<TurnStarted>(root.Conversation));
    }

    [Fact]
    public async Task Journal_BackAsAnOlderCopy_WarmConversationsLetGoOfWhatItLacks()
    {
        var kept = await Client.TellAsync("kept");
        var lost = await Client.TellAsync("lost", kept);
        var other = await Client.TellAsync("other");
        await ShortenAsync(kept.Conversation);
        Assert.Equal("completed", (await Client.GetAsync(lost)).GetProperty("status").GetString());

        Host.ReturnJournal();
        await Host.Counts.PassivatedAsync(1);

        Assert.Equal(RefusalKind.NotFound, (await ContractClient.RefusedAsync(() => Client.GetAsync(lost))).Kind);
        await Client.GetAsync(kept);
        await Client.GetAsync(other);
        Assert.Equal(1, Host.Counts.Shortened);
    }

    [Fact]
    public async Task Append_ToAnOlderCopy_IsCountedAndTheConversationGoesOn()
    {
        var kept = await Client.TellAsync("kept");
        var lost = await Client.TellAsync("lost", kept);
        await ShortenAsync(kept.Conversation);

        var next = await Client.TellAsync("next", kept);

        Assert.Equal("completed", (await Client.GetAsync(next)).GetProperty("status").GetString());
        Assert.Equal(1, Host.Counts.Shortened);

        // The number is given again, and the id of the turn that was lost names nothing.
        Assert.Equal(lost.Turn.Number, next.Turn.Number);
        Assert.Equal(RefusalKind.NotFound, (await ContractClient.RefusedAsync(() => Client.GetAsync(lost))).Kind);
        var refusal = await ContractClient.RefusedAsync(() => Client.SayAsync("after", lost));
        Assert.Equal(RefusalKind.PreviousResponseNotFound, refusal.Kind);
    }

    [Fact]
    public async Task Append_UnderWayWhileItsJournalIsFoundShort_IsCountedOnce()
    {
        var kept = await Client.TellAsync("kept");
        await Client.TellAsync("lost", kept);
        await ShortenAsync(kept.Conversation);
        var (arrived, gate) = Host.Faults.HoldAppends();
        var starting = Client.SayAsync("next", kept);
        await arrived;

        Host.ReturnJournal();
        await Host.Counts.PassivatedAsync(1);
        gate.SetResult();

        await Client.CancelAsync(await starting);
        Assert.Equal(1, Host.Counts.Shortened);
    }

    [Fact]
    public async Task StartTurn_TwoForksOfAFailedAppend_GetTheirOwnEventsAfterIt()
    {
        Host.Log.Expect(AppendFailed);
        var root = await Client.TellAsync("root");
        var (arrived, gate) = HoldThen(AppendFault.Before);
        var requests = new[] { ContractClient.NewRequest(), ContractClient.NewRequest() };
        Task<ResponseId> StartAsync(int i) => Client.CreateAsync(
            ContractClient.Json($"\"fork {i}\"", root), root.Conversation, requests[i]);

        var starts = new[] { StartAsync(0), StartAsync(1) };
        await arrived;
        var calls = new[] { await Model.CallAsync("fork 0"), await Model.CallAsync("fork 1") };
        gate.SetResult();
        for (var i = 1; i >= 0; i--)
        {
            await calls[i].Cancelled;
            var id = await starts[i];
            await (await Model.CallAsync($"fork {i}")).AnswerAsync($"answer {i}");
            Assert.Contains($"answer {i}", (await Client.ReadAsync(id))[^1], StringComparison.Ordinal);
        }

        Assert.Equal(3, await CountAsync<TurnStarted>(root.Conversation));
    }

    [Fact]
    public async Task StartTurn_AppendWaits_ModelIsCalledAndNoEventLeaves()
    {
        var (arrived, gate) = Host.Faults.HoldAppends();
        var start = Client.SayAsync("hello");
        await arrived;
        await (await Model.CallAsync("hello")).AnswerAsync();
        Assert.False(start.IsCompleted);
        gate.SetResult();
        Assert.Equal("response.completed", ContractClient.TypeOf((await Client.ReadAsync(await start))[^1]));
    }

    [Theory]
    [InlineData(AppendFault.Before, "response.failed")]
    [InlineData(AppendFault.Taken, "response.failed")]
    [InlineData(AppendFault.After, "response.completed")]
    public async Task Finish_AppendFails_ReaderGetsTheOneDurableEnd(AppendFault fault, string end)
    {
        Host.Log.Expect(AppendFailed);
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        await using var reader = Client.Open(id);
        await reader.ReadUntilAsync("response.in_progress");
        Host.Faults.FailNext(fault);
        await call.AnswerAsync();
        var terminal = (await reader.ReadToEndAsync())[^1];
        Assert.Equal(end, ContractClient.TypeOf(terminal));
        Assert.Equal(1, await CountAsync<TurnFinished>(id.Conversation));
        var response = await Client.GetTextAsync(id);
        Assert.Equal(response, ContractClient.ResponseIn(terminal));
        await Host.KillAsync();
        Assert.Equal(response, await Client.GetTextAsync(id));
        await Client.TellAsync("go on", id);
    }

    [Fact]
    public async Task Finish_AppendWaits_TerminalEventWaits()
    {
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        await using var reader = Client.Open(id);
        await reader.ReadUntilAsync("response.in_progress");
        var (arrived, gate) = Host.Faults.HoldAppends();
        await call.AnswerAsync();
        await arrived;
        await reader.ReadUntilAsync("response.output_item.done");
        var terminal = reader.NextAsync();
        Assert.Equal("in_progress", (await Client.GetAsync(id)).GetProperty("status").GetString());
        Assert.False(terminal.IsCompleted);
        gate.SetResult();
        Assert.Equal("response.completed", ContractClient.TypeOf((await terminal)!));
    }

    [Fact]
    public async Task Journal_StaysBroken_ReadersAreToldAndLaterItGoesOn()
    {
        Host.Log.Expect(AppendFailed, NotOpened);
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        await using var reader = Client.Open(id);
        await reader.ReadUntilAsync("response.in_progress");
        Host.Faults.OnAppend(_ => Task.FromResult(AppendFault.Before));
        await call.AnswerAsync();
        var refusal = await ContractClient.RefusedAsync(reader.ReadToEndAsync);
        Assert.Equal(RefusalKind.Unavailable, refusal.Kind);
        refusal = await ContractClient.RefusedAsync(() => Client.SayAsync("next"));
        Assert.Equal(RefusalKind.Unavailable, refusal.Kind);
        Host.Faults.OnAppend(null);
        Assert.Equal("response.failed", ContractClient.TypeOf((await Client.ReadAsync(id))[^1]));
        await Client.TellAsync("go on", id);
    }

    [Fact]
    public async Task Unstored_ActivationLost_ItsReaderIsTold()
    {
        Host.Log.Expect(AppendFailed);
        var root = await Client.TellAsync("root");
        var unstored = await Client.SayAsync("unstored", root, store: false);
        var call = await Model.CallAsync("unstored");
        await using var reader = Client.Open(unstored);
        await reader.ReadUntilAsync("response.in_progress");
        var rest = reader.ReadToEndAsync();
        Host.Faults.FailNext(AppendFault.Before);
        await Client.SayAsync("stored", root);
        await call.Cancelled;
        Assert.Equal(RefusalKind.Unavailable, (await ContractClient.RefusedAsync(() => rest)).Kind);
    }

    [Fact]
    public async Task Journal_Corrupt_IsRefusedAndLoggedAndOthersGoOn()
    {
        Host.Log.Expect(Corrupt);
        var (bad, good) = (await Client.TellAsync("bad"), await Client.TellAsync("good"));
        await Host.PassivateAsync();
        await Host.CorruptAsync(Client.Key(bad.Conversation));
        Func<Task>[] asks = [() => Client.ReadAsync(bad), () => Client.GetTextAsync(bad),
            () => Client.SayAsync("x", bad), () => Client.CancelAsync(bad), () => Client.DeleteAsync(bad)];
        foreach (var ask in asks)
        {
            Assert.Equal(RefusalKind.Internal, (await ContractClient.RefusedAsync(ask)).Kind);
        }

        Assert.Contains(Corrupt, Host.Log.Events);
        await Client.TellAsync("still good", good);
        Assert.Equal(1, Host.Counts.Warm);
    }

    [Fact]
    public async Task Delete_WhileItIsContinued_RecoveryKeepsTheContinuation()
    {
        var first = await Client.TellAsync("one");
        var (arrived, gate) = Host.Faults.HoldAppends();
        var deleting = Client.DeleteAsync(first);
        await arrived;
        var starting = Client.SayAsync("two", first);
        var call = await Model.CallAsync("two");
        gate.SetResult();
        await deleting;
        var second = await starting;
        await call.AnswerAsync();
        var events = await Client.ReadAsync(second);
        await Host.RestartAsync();
        Assert.Equal(events, await Client.ReadAsync(second));
        Assert.Equal(RefusalKind.NotFound, (await ContractClient.RefusedAsync(() => Client.GetTextAsync(first))).Kind);
    }

    [Fact]
    public async Task Delete_JournalCannotBeRemoved_IsRemovedNextTime()
    {
        Host.Log.Expect(EraseFailed);
        var id = await Client.TellAsync("one");
        Host.Faults.FailsDelete = true;
        await Client.DeleteAsync(id);
        Assert.Equal([id.Conversation], await Client.ListAsync());
        Host.Faults.FailsDelete = false;
        Assert.Equal(RefusalKind.NotFound, (await ContractClient.RefusedAsync(() => Client.GetTextAsync(id))).Kind);
        Assert.Empty(await Client.ListAsync());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Journal_FailsAtRandom_EveryTerminalEventSeenIsDurableAndNoTurnDoubles(int seed)
    {
        Host.Log.Expect(AppendFailed, NotOpened);
        var (random, gate) = (new Random(seed), new Lock());
        Host.Faults.OnAppend(_ =>
        {
            lock (gate)
            {
                return Task.FromResult(random.Next(10) < 3 ? (AppendFault)random.Next(1, 4) : AppendFault.None);
            }
        });
        var root = await InsistAsync("root", null);
        var ends = await Task.WhenAll(Enumerable.Range(0, 4).Select(lane => Task.Run(async () =>
        {
            var seen = new List<(ResponseId Id, string Terminal)> { root };
            for (var turn = 0; turn < 15; turn++)
            {
                seen.Add(await InsistAsync($"lane {lane} turn {turn}", seen[^1].Id));
            }

            return seen;
        })));
        Host.Faults.OnAppend(null);
        await Host.RestartAsync();
        foreach (var (id, terminal) in ends.SelectMany(seen => seen))
        {
            Assert.Equal(await Client.GetTextAsync(id), ContractClient.ResponseIn(terminal));
        }

        Assert.Equal(61, await CountAsync<TurnStarted>(root.Id.Conversation));
        Assert.Equal(61, ends.SelectMany(seen => seen).Select(seen => seen.Id).Distinct().Count());
    }

    /// <summary>Starts and reads a turn as a frontend does that tries again whenever it is told to.</summary>
    private async Task<(ResponseId Id, string Terminal)> InsistAsync(string text, ResponseId? previous)
    {
        var conversation = previous?.Conversation ?? ContractClient.NewConversation();
        var request = ContractClient.NewRequest();
        for (var tries = 0; tries < 100; tries++)
        {
            try
            {
                var id = await Client.CreateAsync(
                    ContractClient.Json($"\"{text}\"", previous, "echo"), conversation, request);
                return (id, (await Client.ReadAsync(id))[^1]);
            }
            catch (ConversationException e) when (e.Refusal.Kind == RefusalKind.Unavailable)
            {
                // The answer it gets is: try again.
            }
        }

        throw new InvalidOperationException($"'{text}' did not get through");
    }

    private (Task Arrived, TaskCompletionSource Gate) HoldThen(AppendFault fault)
    {
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Host.Faults.OnAppend(async _ =>
        {
            arrived.TrySetResult();
            await gate.Task;
            Host.Faults.OnAppend(null);
            return fault;
        });
        return (arrived.Task.WaitAsync(Waits.Patience), gate);
    }

    /// <summary>Leaves of a journal what there was when its first turn had ended, as an older copy does.</summary>
    private async Task ShortenAsync(ConversationId conversation)
    {
        var key = Client.Key(conversation);
        var entries = await Host.ReadJournalAsync(key);
        await Host.Store.DeleteAsync(key, JournalEnd.Behind(entries[^1]), CancellationToken.None);
        var end = JournalEnd.None;
        foreach (var entry in entries)
        {
            await Host.Store.AppendAsync(key, end, entry.Writer, entry.Records, CancellationToken.None);
            end = JournalEnd.Behind(entry);
            if (RecordFrames.Read(entry.Records, new RecordOwner(key)).Any(static record => record is TurnFinished))
            {
                return;
            }
        }
    }

    private async Task<int> CountAsync<TRecord>(ConversationId conversation) =>
        (await Host.ReadJournalAsync(Client.Key(conversation)))
            .RecordsOf(Client.Key(conversation)).Count(record => record is TRecord);
}
