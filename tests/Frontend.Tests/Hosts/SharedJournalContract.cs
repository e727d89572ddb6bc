using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>
/// Two embedded hosts on one journal, neither of which knows of the other: what a client that meets both is told.
/// </summary>
public abstract partial class SharedJournalContract : IAsyncLifetime
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    private EmbeddedHost One { get; set; } = null!;

    private EmbeddedHost Other { get; set; } = null!;

    /// <summary>The client at one host, and the same client at the other.</summary>
    private ContractClient AtOne { get; set; } = null!;

    private ContractClient AtOther { get; set; } = null!;

    public async Task InitializeAsync()
    {
        (One, Other) = ((EmbeddedHost)await StartHostAsync(), (EmbeddedHost)await StartHostAsync());
        (AtOne, AtOther) = (new ContractClient(One, "default", 1), new ContractClient(Other, "default", 2));
    }

    public virtual async Task DisposeAsync()
    {
        await One.DisposeAsync();
        await Other.DisposeAsync();
    }

    [Fact]
    public async Task Turns_AtOneHostAndTheOtherInTurn_AreOneBranch()
    {
        ResponseId? last = null;
        for (var turn = 0; turn < 8; turn++)
        {
            var (client, host) = turn % 2 == 0 ? (AtOne, One) : (AtOther, Other);
            var next = await client.SayAsync($"turn {turn}", last);
            var call = await host.Model.CallAsync($"turn {turn}");
            Assert.Equal((2 * turn) + 1, call.Call.Context.ItemCount);
            await call.AnswerAsync();
            await client.ReadAsync(next);
            last = next;
        }

        Assert.Equal(await AtOne.GetTextAsync(last!.Value), await AtOther.GetTextAsync(last.Value));

        // Each host opened the conversation once and read on where the other had written.
        Assert.Equal((1, 1), (One.Counts.Activated, Other.Counts.Activated));
        Assert.Equal((0, 0), (One.Counts.Lost, Other.Counts.Lost));
        Assert.Equal((3, 4), (One.Counts.Claimed, Other.Counts.Claimed));
    }

    [Fact]
    public async Task Fork_FromATurnThatIsKnown_BehindWhatTheOtherWrote_IsNoLoss()
    {
        var root = await AtOne.TellAsync("root");
        var there = await AtOther.TellAsync("there", root);

        var here = await AtOne.TellAsync("here", root);

        Assert.Equal((2, 3), (there.Turn.Number, here.Turn.Number));
        Assert.Equal(1, One.Counts.Lost);
        Assert.Equal(await AtOther.GetTextAsync(here), await AtOne.GetTextAsync(here));
        Assert.Equal(await AtOther.ReadAsync(there), await AtOne.ReadAsync(there));
    }

    [Fact]
    public async Task Turn_WhoseConversationIsContinuedElsewhere_EndsOnceForEveryReader()
    {
        var id = await AtOne.SayAsync("hello");
        var call = await One.Model.CallAsync("hello");
        await call.SayAsync(Speech.Call("call_1"));
        await using var reader = AtOne.Open(id);
        var seen = await reader.ReadUntilAsync("response.output_item.done");

        var next = await AtOther.ReplyAsync(id, ("call_1", "done"));
        var nextCall = await Other.Model.CallAsync("done");
        Assert.Equal(3, nextCall.Call.Context.ItemCount);
        await nextCall.AnswerAsync();
        await AtOther.ReadAsync(next);
        await call.SayAsync([.. Speech.Message("too late"), Speech.Completed]);
        var rest = await reader.ReadToEndAsync();

        Assert.Equal("response.failed", ContractClient.TypeOf(rest[^1]));
        Assert.Equal(1, rest.Count(json => ContractClient.TypeOf(json) is "response.failed" or "response.completed"));
        Assert.StartsWith("interrupted:", ContractClient.Parse(rest[^1]).GetProperty("response").GetProperty("error")
            .GetProperty("message").GetString(), StringComparison.Ordinal);
        var there = await AtOther.ReadAsync(id, seen.Count + rest.Count - 1);
        Assert.Equal(rest[^1], Assert.Single(there));
        Assert.Equal(ContractClient.ResponseIn(rest[^1]), await AtOne.GetTextAsync(id));
        Assert.Equal((1, 0), (One.Counts.Lost, Other.Counts.Lost));
    }

    [Fact]
    public async Task Get_WhatRanHereAndWasTakenOver_SaysHowItEnded()
    {
        var id = await AtOne.SayAsync("hello");
        await One.Model.CallAsync("hello");
        await AtOther.TellAsync("take over", id);

        // Nothing was appended here since, so that no refusal has told this host.
        Assert.Equal("failed", (await AtOne.GetAsync(id)).GetProperty("status").GetString());

        Assert.Equal(await AtOther.GetTextAsync(id), await AtOne.GetTextAsync(id));
        Assert.Equal(1, One.Counts.Lost);
    }

    [Fact]
    public async Task Read_WhatRunsElsewhere_WaitsForItsEnd()
    {
        var id = await AtOne.SayAsync("hello");
        var call = await One.Model.CallAsync("hello");
        var (getting, reading) = (AtOther.GetTextAsync(id), AtOther.ReadAsync(id));
        await PassAsync(Look * 5);
        Assert.False(getting.IsCompleted || reading.IsCompleted);

        await call.AnswerAsync();
        var events = await AtOne.ReadAsync(id);

        Assert.Equal(ContractClient.ResponseIn(events[^1]), await PassUntilAsync(getting));
        Assert.Equal(events, await PassUntilAsync(reading));
        Assert.Equal((0, 0), (One.Counts.Lost, Other.Counts.Claimed));
    }

    [Fact]
    public async Task Read_WhatRunsElsewhereForLong_IsToldToComeBack()
    {
        var id = await AtOne.SayAsync("hello");
        var call = await One.Model.CallAsync("hello");
        foreach (var ask in (Func<Task>[])[
            () => AtOther.GetTextAsync(id), () => AtOther.ReadAsync(id), () => AtOther.OutputIdAsync(id),
            () => AtOther.SayAsync("unstored", id, store: false)])
        {
            var refused = ContractClient.RefusedAsync(ask);
            var refusal = await PassUntilAsync(refused);
            Assert.Equal(RefusalKind.Unavailable, refusal.Kind);
            Assert.NotNull(refusal.RetryAfter);
        }

        await call.AnswerAsync();
        Assert.Equal("response.completed", ContractClient.TypeOf((await AtOne.ReadAsync(id))[^1]));
        Assert.Equal(0, Other.Counts.Claimed);
    }

    [Fact]
    public async Task Cancel_WhatRunsElsewhere_EndsItThereAsCancelled()
    {
        var id = await AtOne.SayAsync("hello");
        var call = await One.Model.CallAsync("hello");
        await using var reader = AtOne.Open(id);
        await reader.NextAsync();

        await AtOther.CancelAsync(id);
        var there = await PassUntilAsync(AtOther.ReadAsync(id, 1));
        await call.AnswerAsync();
        var here = await reader.ReadToEndAsync();

        Assert.Equal("response.incomplete", ContractClient.TypeOf(Assert.Single(there)));
        Assert.Equal("response.incomplete", ContractClient.TypeOf(here[^1]));
        Assert.Equal("cancelled", (await AtOne.GetAsync(id)).GetProperty("status").GetString());
        Assert.Equal(await AtOne.GetTextAsync(id), await AtOther.GetTextAsync(id));
        await AtOther.CancelAsync(id);
        await AtOne.TellAsync("go on", id);
    }

    [Fact]
    public async Task Delete_AtOneHost_IsSeenAtTheOther()
    {
        var first = await AtOne.TellAsync("one");
        var second = await AtOther.TellAsync("two", first);
        await AtOne.GetTextAsync(second);

        await AtOther.DeleteAsync(second);
        await AssertNotFoundAsync(() => AtOne.GetTextAsync(second));
        await AssertNotFoundAsync(() => AtOne.ReadAsync(second));
        await AssertNotFoundAsync(() => AtOne.ListItemsAsync(second, new ItemPage()));
        await AssertNotFoundAsync(() => AtOne.CancelAsync(second));
        await AssertNotFoundAsync(() => AtOne.DeleteAsync(second));
        foreach (var store in (bool[])[true, false])
        {
            var refusal = await ContractClient.RefusedAsync(() => AtOne.SayAsync("on", second, store: store));
            Assert.Equal(RefusalKind.PreviousResponseNotFound, refusal.Kind);
        }

        await AtOther.DeleteAsync(first);
        await AssertNotFoundAsync(() => AtOne.GetTextAsync(first));
        Assert.Empty(await AtOne.ListAsync());
    }

    /// <summary>A host on the one journal of this test.</summary>
    protected abstract Task<ContractHost> StartHostAsync();

    private static async Task AssertNotFoundAsync(Func<Task> ask) =>
        Assert.Equal(RefusalKind.NotFound, (await ContractClient.RefusedAsync(ask)).Kind);

    /// <summary>Lets time go on at both hosts until there is an answer.</summary>
    private async Task<T> PassUntilAsync<T>(Task<T> answer)
    {
        var patience = Task.Delay(Waits.Patience, TimeProvider.System);
        while (!answer.IsCompleted && !patience.IsCompleted)
        {
            One.Advance(Look);
            Other.Advance(Look);
            await Task.WhenAny(answer, Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System));
        }

        Assert.True(answer.IsCompleted, "the host did not answer");
        return await answer;
    }

    // Long enough for a wrong answer to be there; a right one is not hurried by it.
    private Task PassAsync(TimeSpan time)
    {
        Other.Advance(time);
        return Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
    }
}
