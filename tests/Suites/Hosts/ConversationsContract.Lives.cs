using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <content>Passivation, restart and death.</content>
public abstract partial class ConversationsContract
{
    [Theory]
    [InlineData("passivate")]
    [InlineData("restart")]
    [InlineData("kill")]
    public async Task Life_ConversationThatComesBack_HasTheSameContextAndDigest(string how)
    {
        var (stayed, returned) = (await RunAsync(() => Task.CompletedTask), await RunAsync(() => EndLifeAsync(how)));
        Assert.Equal(stayed, returned);
    }

    [Theory]
    [InlineData("passivate")]
    [InlineData("restart")]
    [InlineData("kill")]
    public async Task Life_EndedTurns_AreReadAsBefore(string how)
    {
        var asking = await AskForTwoCallsAsync();
        var (events, response) = (await Client.ReadAsync(asking), await Client.GetTextAsync(asking));
        await EndLifeAsync(how);
        Assert.Equal(response, await Client.GetTextAsync(asking));
        Assert.Equal(events, await Client.ReadAsync(asking));
        Assert.Equal(events.Skip(5), await Client.ReadAsync(asking, from: 5));
        Assert.Equal([asking.Conversation], await Client.ListAsync());
    }

    [Theory]
    [InlineData("restart")]
    [InlineData("kill")]
    public async Task Life_TurnRunningAtItsEnd_IsInterruptedAndItsCallsCanBeAnswered(string how)
    {
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        await call.SayAsync([.. Speech.Call("call_1"), .. Speech.Message("half")[..4]]);
        List<string> seen;
        await using (var reader = Client.Open(id))
        {
            seen = await reader.ReadUntilAsync("response.output_item.done");
        }

        await EndLifeAsync(how);
        await call.Cancelled;
        var rest = await Client.ReadAsync(id, from: seen.Count);
        var terminal = ContractClient.Parse(rest[^1]);
        Assert.Equal("response.failed", terminal.GetProperty("type").GetString());
        var error = terminal.GetProperty("response").GetProperty("error");
        Assert.Equal("server_error", error.GetProperty("code").GetString());
        Assert.StartsWith("interrupted:", error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal("call_1",
            terminal.GetProperty("response").GetProperty("output")[0].GetProperty("call_id").GetString());

        var next = await Client.ReplyAsync(id, ("call_1", "done"));
        var nextCall = await Model.CallAsync("done");
        Assert.Equal(3, nextCall.Call.Context.ItemCount);
        await nextCall.AnswerAsync();
        Assert.Equal("response.completed", ContractClient.TypeOf((await Client.ReadAsync(next))[^1]));
    }

    [Fact]
    public async Task Passivate_RunningOrBeingRead_ChangesNothing()
    {
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        await using var reader = Client.Open(id);
        await reader.NextAsync();
        await Host.PassivateAsync();
        await call.AnswerAsync();
        Assert.Equal("response.completed", ContractClient.TypeOf((await reader.ReadToEndAsync())[^1]));
    }

    [Fact]
    public async Task Life_ManyEndsWhileTurnsRun_LosesAndDoublesNothing()
    {
        ResponseId? last = null;
        for (var round = 0; round < 6; round++)
        {
            var done = await Client.TellAsync($"round {round}", last);
            var cut = await Client.SayAsync($"cut {round}", done);
            await Model.CallAsync($"cut {round}");
            await EndLifeAsync((round % 3) switch { 0 => "kill", 1 => "restart", _ => "passivate" });
            await Client.CancelAsync(cut);
            Assert.NotEmpty(await Client.ReadAsync(cut));
            last = cut;
        }

        Assert.Equal(12, await CountTurnsAsync(last!.Value.Conversation));
        var items = await Client.ListItemsAsync(last.Value, new ItemPage(100, Ascending: true));
        Assert.Equal(18, items.GetProperty("data").GetArrayLength());
    }

    private Task EndLifeAsync(string how) => how switch
    {
        "passivate" => Host.PassivateAsync(),
        "restart" => Host.RestartAsync(),
        _ => Host.KillAsync(),
    };

    /// <summary>A small conversation with something between its turns; gives its last context and digest.</summary>
    private async Task<(string Context, string Digest)> RunAsync(Func<Task> between)
    {
        var asking = await AskForTwoCallsAsync();
        await between();
        var answered = await Client.ReplyAsync(asking, ("call_2", "r\u00e9sum\u00e9 \U0001F600"), ("call_1", "one"));
        await (await Model.CallAsync("one")).AnswerAsync("tab\t and \"quotes\"");
        await Client.ReadAsync(answered);
        await between();
        await Client.TellAsync("another branch", answered);
        await between();
        var last = await Client.SayAsync("last", answered);
        var call = await Model.CallAsync("last");
        await call.AnswerAsync();
        await Client.ReadAsync(last);

        // But for the ids, which differ from conversation to conversation.
        var context = new[] { asking, answered }.Aggregate(
            call.Context.Replace(last.Conversation.Code, "C", StringComparison.Ordinal),
            static (text, id) => text.Replace($"_{id.Turn}_", $"_{id.Turn.Number}_", StringComparison.Ordinal));
        Assert.Equal(7, call.Call.Context.ItemCount);
        return (context, await Client.DigestAsync(last));
    }
}
