using Evergrain.Conversations;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <content>Turns that are not stored.</content>
public abstract partial class ConversationsContract
{
    [Fact]
    public async Task Unstored_Turns_ContinueInMemoryAndLeaveTheJournalAlone()
    {
        var stored = await Client.TellAsync("stored");
        var before = await Host.ReadJournalAsync(Client.Key(stored.Conversation));
        var first = await Client.TellAsync("one", stored, store: false);
        await Host.PassivateAsync();
        var second = await Client.SayAsync("two", first, store: false);
        var call = await Model.CallAsync("two");
        Assert.Equal(5, call.Call.Context.ItemCount);
        await call.AnswerAsync();
        Assert.Equal("response.completed", ContractClient.TypeOf((await Client.ReadAsync(second))[^1]));
        Assert.Equal(await Client.ReadAsync(second), await Client.ReadAsync(second));
        Assert.Equal(before.Count, (await Host.ReadJournalAsync(Client.Key(stored.Conversation))).Count);

        var alone = await Client.TellAsync("alone", store: false);
        Assert.Empty(await Host.ReadJournalAsync(Client.Key(alone.Conversation)));
        Assert.Equal([stored.Conversation], await Client.ListAsync());
    }

    [Fact]
    public async Task Unstored_OtherLease_IsNotFound()
    {
        var id = await Client.TellAsync("secret", store: false);
        var other = new ContractClient(Host, "default", lease: 2);
        await AssertNotFoundAsync(other, id);
        var refusal = await ContractClient.RefusedAsync(() => other.SayAsync("next", id, store: false));
        Assert.Equal(RefusalKind.PreviousResponseNotFound, refusal.Kind);
        await Client.TellAsync("next", id, store: false);
    }

    [Fact]
    public async Task Unstored_StoredChild_IsRefused()
    {
        var id = await Client.TellAsync("one", store: false);
        var refusal = await ContractClient.RefusedAsync(() => Client.SayAsync("two", id));
        Assert.Equal((RefusalKind.InvalidRequest, "store"), (refusal.Kind, refusal.Param));
        Assert.Empty(await Client.ListAsync());
    }

    [Fact]
    public async Task Unstored_LeaseReleased_EndsItsTurns()
    {
        var ended = await Client.TellAsync("one", store: false);
        var running = await Client.SayAsync("two", ended, store: false);
        var call = await Model.CallAsync("two");
        await Client.ReleaseAsync(ended.Conversation);
        await call.Cancelled;
        await AssertNotFoundAsync(Client, ended);
        await AssertNotFoundAsync(Client, running);
    }

    [Fact]
    public async Task Unstored_OtherLeaseReleased_ChangesNothing()
    {
        var id = await Client.TellAsync("one", store: false);
        await new ContractClient(Host, "default", lease: 2).ReleaseAsync(id.Conversation);
        Assert.NotEmpty(await Client.ReadAsync(id));
    }

    [Fact]
    public async Task Unstored_LeaseNotRenewed_EndsItsTurns()
    {
        var id = await Client.TellAsync("one", store: false);
        var running = await Client.SayAsync("two", id, store: false);
        var call = await Model.CallAsync("two");
        await LoseLeaseAsync(call);
        await AssertNotFoundAsync(Client, id);
        await AssertNotFoundAsync(Client, running);
    }

    [Fact]
    public async Task Unstored_LeaseHeld_LivesOn()
    {
        var id = await Client.TellAsync("one", store: false);
        await Client.SayAsync("two", id, store: false);
        var call = await Model.CallAsync("two");
        for (var i = 0; i < 4; i++)
        {
            Host.Advance(Limits.LeaseDuration - TimeSpan.FromSeconds(1));
            await Client.HoldAsync(id.Conversation);
            Assert.NotEmpty(await Client.GetTextAsync(id));
        }

        await LoseLeaseAsync(call);
        await AssertNotFoundAsync(Client, id);
    }

    [Theory]
    [InlineData(21)]
    [InlineData(61)]
    [InlineData(3600)]
    public async Task Unstored_HostStoodStillPastTheLease_LivesOn(int seconds)
    {
        var id = await Client.TellAsync("one", store: false);
        Host.Advance(Limits.LeaseDuration - TimeSpan.FromSeconds(21));
        Host.StandStill(TimeSpan.FromSeconds(seconds));
        Host.Advance(Limits.LeaseDuration - TimeSpan.FromSeconds(21));
        await Client.HoldAsync(id.Conversation);
        Assert.NotEmpty(await Client.GetTextAsync(id));

        await Client.SayAsync("two", id, store: false);
        var call = await Model.CallAsync("two");
        await LoseLeaseAsync(call);
        await AssertNotFoundAsync(Client, id);
    }

    [Fact]
    public async Task Unstored_ReaderLeaves_IsCancelled()
    {
        var id = await Client.SayAsync("hello", store: false);
        var call = await Model.CallAsync("hello");
        await using (var reader = Client.Open(id))
        {
            await reader.NextAsync();
        }

        await call.Cancelled;
        Assert.Equal("cancelled", (await Client.GetAsync(id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Unstored_RefusedContinuation_EvictsTheParentOnly()
    {
        var root = await Client.TellAsync("root", store: false);
        var parent = await Client.TellAsync("parent", root, store: false);
        await ContractClient.RefusedAsync(() => Client.CreateAsync(ContractClient.Json(
            """[{"type":"function_call_output","call_id":"nope","output":"x"}]""", parent, store: false),
            parent.Conversation));
        await AssertNotFoundAsync(Client, parent);
        await Client.TellAsync("another", root, store: false);
    }

    [Fact]
    public async Task Unstored_FailedContinuation_EvictsTheParentOnly()
    {
        var root = await Client.TellAsync("root");
        var parent = await Client.TellAsync("parent", root, store: false);
        var failing = await Client.SayAsync("fail", parent, store: false);
        await (await Model.CallAsync("fail")).SayAsync(new ModelEvent(ModelEventKind.Failed) { Code = "server_error" });
        Assert.Equal("response.failed", ContractClient.TypeOf((await Client.ReadAsync(failing))[^1]));
        var refusal = await ContractClient.RefusedAsync(() => Client.SayAsync("next", parent, store: false));
        Assert.Equal(RefusalKind.PreviousResponseNotFound, refusal.Kind);

        // A stored parent stays.
        var storedFailing = await Client.SayAsync("fail", root, store: false);
        await (await Model.CallAsync("fail")).SayAsync(new ModelEvent(ModelEventKind.Failed) { Code = "server_error" });
        await Client.ReadAsync(storedFailing);
        await Client.TellAsync("next", root);
    }

    [Fact]
    public async Task Unstored_Deleted_IsNotFoundAndItsChildGoesOn()
    {
        var parent = await Client.TellAsync("parent", store: false);
        var child = await Client.TellAsync("child", parent, store: false);
        await Client.DeleteAsync(parent);
        await AssertNotFoundAsync(Client, parent);
        var next = await Client.SayAsync("next", child, store: false);
        Assert.Equal(5, (await Model.CallAsync("next")).Call.Context.ItemCount);
        await Client.CancelAsync(next);
    }

    [Fact]
    public async Task Unstored_HostEnds_IsForgotten()
    {
        var id = await Client.TellAsync("secret", store: false);
        await Host.RestartAsync();
        await AssertNotFoundAsync(Client, id);
    }

    [Fact]
    public async Task Delete_LastStoredBelowUnstored_RemovesTheJournalWhenThoseAreGone()
    {
        var stored = await Client.TellAsync("stored");
        var unstored = await Client.TellAsync("unstored", stored, store: false);
        await Client.DeleteAsync(stored);
        await Client.TellAsync("next", unstored, store: false);
        await Client.ReleaseAsync(stored.Conversation);
        await AssertNotFoundAsync(Client, unstored);
        Assert.Empty(await Client.ListAsync());
    }

    // A lease that is noted as the clock moves ends when it moves again.
    private async Task LoseLeaseAsync(GatedCall call)
    {
        for (var cancelled = call.Cancelled; !cancelled.IsCompleted;)
        {
            Host.Advance(Limits.LeaseDuration);
            await Task.WhenAny(cancelled, Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System));
        }

        await call.Cancelled;
    }
}
