using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <content>Forks, calls and references.</content>
public abstract partial class ConversationsContract
{
    [Fact]
    public async Task Fork_TwoChildrenRunningAtOnce_SeeTheirOwnBranch()
    {
        var root = await Client.TellAsync("root");
        var left = await Client.SayAsync("left", root);
        var right = await Client.SayAsync("right", root);
        var (leftCall, rightCall) = (await Model.CallAsync("left"), await Model.CallAsync("right"));
        Assert.Equal([3, 3], [leftCall.Call.Context.ItemCount, rightCall.Call.Context.ItemCount]);
        await leftCall.SayAsync(Speech.Message("from left")[..4]);
        await rightCall.AnswerAsync("from right");
        await Client.ReadAsync(right);
        await leftCall.SayAsync([.. Speech.Message("from left")[4..], Speech.Completed]);
        await Client.ReadAsync(left);

        var next = await Client.SayAsync("after right", right);
        var call = await Model.CallAsync("after right");
        Assert.Equal(5, call.Call.Context.ItemCount);
        Assert.Contains("from right", call.Context, StringComparison.Ordinal);
        Assert.DoesNotContain("left", call.Context, StringComparison.Ordinal);
        await call.AnswerAsync();
        await Client.ReadAsync(next);
    }

    [Fact]
    public async Task Fork_SameItems_HaveTheSameDigest()
    {
        var root = await Client.TellAsync("root");
        var left = await Client.TellAsync("same", root);
        var right = await Client.TellAsync("same", root);
        Assert.NotEqual(left, right);
        Assert.Equal(await Client.DigestAsync(left), await Client.DigestAsync(right));
        Assert.NotEqual(await Client.DigestAsync(root), await Client.DigestAsync(left));
    }

    [Theory]
    [InlineData("none", "No tool output found for function call call_1.")]
    [InlineData("call_1", "No tool output found for function call call_2.")]
    [InlineData("call_1 call_2 call_9", "No tool call found for function call output with call_id call_9.")]
    [InlineData("call_1 call_2 call_1", "No tool call found for function call output with call_id call_1.")]
    public async Task Calls_WronglyAnswered_AreRefusedAndNotJournaled(string answers, string message)
    {
        var asking = await AskForTwoCallsAsync();
        var before = await Host.ReadJournalAsync(Client.Key(asking.Conversation));
        var refusal = await ContractClient.RefusedAsync(() => answers == "none"
            ? Client.SayAsync("no answer", asking)
            : Client.ReplyAsync(asking, [.. answers.Split(' ').Select(call => (call, "done"))]));
        Assert.Equal(new Refusal(RefusalKind.InvalidRequest, message, "input"), refusal);
        var after = await Host.ReadJournalAsync(Client.Key(asking.Conversation));
        Assert.Equal(before.Select(entry => entry.Position), after.Select(entry => entry.Position));

        // What is right is still taken.
        var next = await Client.ReplyAsync(asking, ("call_2", "two"), ("call_1", "one"));
        await (await Model.CallAsync("one")).AnswerAsync();
        Assert.Equal("response.completed", ContractClient.TypeOf((await Client.ReadAsync(next))[^1]));
    }

    [Fact]
    public async Task Calls_AnsweredOnTwoForks_AreEachAnswered()
    {
        var asking = await AskForTwoCallsAsync();
        var left = await Client.ReplyAsync(asking, ("call_1", "1"), ("call_2", "left"));
        var right = await Client.ReplyAsync(asking, ("call_1", "1"), ("call_2", "right"));
        await (await Model.CallAsync("left")).AnswerAsync();
        await (await Model.CallAsync("right")).AnswerAsync();
        await Task.WhenAll(Client.ReadAsync(left), Client.ReadAsync(right));
        var refusal = await ContractClient.RefusedAsync(() => Client.ReplyAsync(left, ("call_1", "again")));
        Assert.Equal("No tool call found for function call output with call_id call_1.", refusal.Message);
    }

    [Fact]
    public async Task ItemReference_ToAnOutputItem_CountsAsThatItem()
    {
        var first = await Client.TellAsync("one");
        var item = (await Client.GetAsync(first)).GetProperty("output")[0].GetProperty("id").GetString();
        var second = await Client.CreateAsync(ContractClient.Json(
            $$"""[{"role":"user","content":"one"},{"type":"item_reference","id":"{{item}}"}]"""), first.Conversation);
        var call = await Model.CallAsync(string.Empty);
        Assert.Equal(2, call.Call.Context.ItemCount);
        Assert.Contains("1 items", call.Context, StringComparison.Ordinal);
        await call.SayAsync(Speech.Completed);
        await Client.ReadAsync(second);
        Assert.Equal(await Client.DigestAsync(first), await Client.DigestAsync(second));
    }

    [Theory]
    [InlineData("msg_unknown")]
    [InlineData("msg_{0}_{1}_7")]
    [InlineData("msg_{0}_9x0001_0")]
    [InlineData("msg_{0}_1_0")]
    public async Task ItemReference_ToNothing_IsRefused(string reference)
    {
        var first = await Client.TellAsync("one");
        var item = reference.Replace("{0}", first.Conversation.Code, StringComparison.Ordinal)
            .Replace("{1}", $"{first.Turn}", StringComparison.Ordinal);
        var refusal = await ContractClient.RefusedAsync(() => Client.CreateAsync(ContractClient.Json(
            $$"""[{"type":"item_reference","id":"{{item}}"}]""", first), first.Conversation));
        Assert.Equal("input[0].id", refusal.Param);
        Assert.Equal(1, await CountTurnsAsync(first.Conversation));
    }

    private async Task<ResponseId> AskForTwoCallsAsync()
    {
        var asking = await Client.SayAsync("use tools");
        var call = await Model.CallAsync("use tools");
        await call.SayAsync([.. Speech.Call("call_1"), .. Speech.Call("call_2"), Speech.Completed]);
        await Client.ReadAsync(asking);
        return asking;
    }
}
