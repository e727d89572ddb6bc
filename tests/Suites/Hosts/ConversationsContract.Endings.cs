using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <content>Cancelling, deleting, and models that fail.</content>
public abstract partial class ConversationsContract
{
    [Fact]
    public async Task Cancel_RunningTurn_EndsItAsCancelledAndStopsTheModel()
    {
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        await call.SayAsync([.. Speech.Message("whole"), .. Speech.Message("half")[..3]]);
        await using var reader = Client.Open(id);
        await reader.ReadUntilAsync("response.output_item.done");
        await Client.CancelAsync(id);
        await call.Cancelled;
        var terminal = ContractClient.Parse((await reader.ReadToEndAsync())[^1]);
        Assert.Equal("response.incomplete", terminal.GetProperty("type").GetString());
        var response = terminal.GetProperty("response");
        Assert.Equal("cancelled", response.GetProperty("status").GetString());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, response.GetProperty("incomplete_details").ValueKind);
        Assert.Equal(1, response.GetProperty("output").GetArrayLength());

        var next = await Client.SayAsync("go on", id);
        var nextCall = await Model.CallAsync("go on");
        Assert.Equal(3, nextCall.Call.Context.ItemCount);
        await nextCall.AnswerAsync();
        await Client.ReadAsync(next);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Cancel_BeforeTheStart_EndsTheTurnWithoutAModel(bool store)
    {
        var id = await Client.CreateAsync(ContractClient.Json("\"hello\"", store: store),
            ContractClient.NewConversation(), isCancelled: true);
        var events = await Client.ReadAsync(id);
        Assert.Equal("response.created", ContractClient.TypeOf(events[0]));
        Assert.Equal("response.incomplete", ContractClient.TypeOf(events[^1]));
        Assert.Equal("cancelled", (await Client.GetAsync(id)).GetProperty("status").GetString());
        Assert.Equal(0, Model.CountCalls("hello"));

        var next = await Client.CreateAsync(ContractClient.Json("\"go on\"", id, store: store), id.Conversation);
        var call = await Model.CallAsync("go on");
        Assert.Equal(2, call.Call.Context.ItemCount);
        await call.AnswerAsync();
        await Client.ReadAsync(next);
    }

    [Fact]
    public async Task Cancel_EndedTurn_LeavesItAsItIs()
    {
        var id = await Client.TellAsync("hello");
        var before = await Client.GetTextAsync(id);
        var journal = await Host.ReadJournalAsync(Client.Key(id.Conversation));
        await Client.CancelAsync(id);
        Assert.Equal(before, await Client.GetTextAsync(id));
        Assert.Equal(journal.Count, (await Host.ReadJournalAsync(Client.Key(id.Conversation))).Count);
    }

    [Fact]
    public async Task Delete_Parent_ItsChildrenGoOn()
    {
        var parent = await Client.TellAsync("parent");
        var child = await Client.TellAsync("child", parent);
        await Client.DeleteAsync(parent);
        await AssertNotFoundAsync(Client, parent);
        await Host.PassivateAsync();
        await AssertNotFoundAsync(Client, parent);
        var refusal = await ContractClient.RefusedAsync(() => Client.SayAsync("next", parent));
        Assert.Equal(RefusalKind.PreviousResponseNotFound, refusal.Kind);
        var next = await Client.SayAsync("next", child);
        var call = await Model.CallAsync("next");
        Assert.Equal(5, call.Call.Context.ItemCount);
        Assert.Contains("parent", call.Context, StringComparison.Ordinal);
        await call.AnswerAsync();
        await Client.ReadAsync(next);
    }

    [Fact]
    public async Task Delete_LastResponse_RemovesTheJournal()
    {
        var first = await Client.TellAsync("one");
        var second = await Client.TellAsync("two", first);
        await Client.DeleteAsync(second);
        Assert.NotEmpty(await Host.ReadJournalAsync(Client.Key(first.Conversation)));
        await Client.DeleteAsync(first);
        Assert.Empty(await Host.ReadJournalAsync(Client.Key(first.Conversation)));
        Assert.Empty(await Client.ListAsync());
        await AssertNotFoundAsync(Client, first);

        // The conversation's id may begin anew.
        var again = await Client.CreateAsync(ContractClient.Json("\"anew\"", model: "echo"), first.Conversation);
        await Client.ReadAsync(again);
        await Host.PassivateAsync();
        Assert.Equal(1, await CountTurnsAsync(first.Conversation));
        Assert.Equal("completed", (await Client.GetAsync(again)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Delete_RunningTurn_CancelsItAndItsReaderSeesTheEnd()
    {
        var kept = await Client.TellAsync("kept");
        var id = await Client.SayAsync("hello", kept);
        var call = await Model.CallAsync("hello");
        await using var reader = Client.Open(id);
        await reader.ReadUntilAsync("response.in_progress");
        var rest = reader.ReadToEndAsync();
        await Client.DeleteAsync(id);
        await call.Cancelled;
        Assert.Equal("response.incomplete", ContractClient.TypeOf((await rest)[^1]));
        await AssertNotFoundAsync(Client, id);
    }

    [Fact]
    public async Task Model_Fails_EndsTheTurnWithItsCode()
    {
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        await call.SayAsync([.. Speech.Message("whole"), .. Speech.Message("half")[..3],
            new ModelEvent(ModelEventKind.Failed) { Code = "rate_limit_exceeded", Message = "Too much." }]);
        var error = await FailedAsync(id, output: 1);
        Assert.Equal("rate_limit_exceeded", error.GetProperty("code").GetString());
        Assert.Equal("Too much.", error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Model_EndsWithoutSayingSo_FailsTheTurn()
    {
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        await call.SayAsync(Speech.Message("half")[..3]);
        call.End();
        Assert.Equal("server_error", (await FailedAsync(id, output: 0)).GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("out of order")]
    [InlineData("call without id")]
    [InlineData("call id too long")]
    public async Task Model_SaysNonsense_FailsTheTurnOnly(string what)
    {
        var root = await Client.TellAsync("root");
        var other = await Client.SayAsync("other", root);
        var otherCall = await Model.CallAsync("other");
        var id = await Client.SayAsync("hello", root);
        var call = await Model.CallAsync("hello");
        await call.SayAsync([.. Speech.Message("whole"), .. what switch
        {
            "out of order" => [Speech.Delta("nowhere")],
            "call without id" => Speech.Call(string.Empty),
            _ => Speech.Call(new string('x', 65)),
        }]);
        Assert.Equal("server_error", (await FailedAsync(id, output: 1)).GetProperty("code").GetString());
        await otherCall.AnswerAsync();
        Assert.Equal("response.completed", ContractClient.TypeOf((await Client.ReadAsync(other))[^1]));
    }

    [Fact]
    public async Task Model_Stalls_OtherTurnsRunAndItCanBeCancelled()
    {
        var root = await Client.TellAsync("root");
        var id = await Client.SayAsync("stall", root);
        var call = await Model.CallAsync("stall");
        await Client.TellAsync("other", root);
        await Client.CancelAsync(id);
        await call.Cancelled;
        Assert.Equal("response.incomplete", ContractClient.TypeOf((await Client.ReadAsync(id))[^1]));
    }

    [Fact]
    public async Task Model_NobodyReads_StoredTurnIsGivenUpAfterAWhile()
    {
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        await using (var reader = Client.Open(id))
        {
            await reader.NextAsync();
        }

        await Client.GetTextAsync(id);
        Host.Advance(Evergrain.Conversations.Limits.OrphanTimeout - TimeSpan.FromSeconds(1));
        Assert.Equal("in_progress", (await Client.GetAsync(id)).GetProperty("status").GetString());
        Host.Advance(TimeSpan.FromSeconds(1));
        await call.Cancelled;
        Assert.Equal("response.incomplete", ContractClient.TypeOf((await Client.ReadAsync(id))[^1]));
    }

    /// <summary>The error of a failed turn, whose events come again from the journal, and which goes on.</summary>
    private async Task<System.Text.Json.JsonElement> FailedAsync(ResponseId id, int output)
    {
        var events = await Client.ReadAsync(id);
        var terminal = ContractClient.Parse(events[^1]);
        Assert.Equal("response.failed", terminal.GetProperty("type").GetString());
        var response = terminal.GetProperty("response");
        Assert.Equal(output, response.GetProperty("output").GetArrayLength());
        await Host.PassivateAsync();
        Assert.Equal(events, await Client.ReadAsync(id));
        await Client.TellAsync("go on", id);
        return response.GetProperty("error");
    }
}
