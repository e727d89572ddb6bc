using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Suites.Hosts;

/// <summary>
/// What every <see cref="ITurns"/> and <see cref="IConversations"/> does, whatever runs it. A host inherits this and
/// says how it is started.
/// </summary>
/// <remarks>
/// Its parts: this one starts turns, <c>.Reading</c> reads them, <c>.Branches</c> forks and answers calls,
/// <c>.Endings</c> cancels, deletes and fails, <c>.Lives</c> passivates, restarts and kills, <c>.Unstored</c> and
/// <c>.Lists</c> say what they are about.
/// </remarks>
public abstract partial class ConversationsContract(IContractHosts hosts) : HostContract(hosts)
{
    [Fact]
    public async Task StartTurn_NewConversation_StreamsToTheTerminalEvent()
    {
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        await using var reader = Client.Open(id);
        Assert.Equal("response.created", ContractClient.TypeOf((await reader.NextAsync())!));
        Assert.Equal("in_progress", (await Client.GetAsync(id)).GetProperty("status").GetString());
        await call.AnswerAsync("hi there");
        var terminal = (await reader.ReadToEndAsync())[^1];
        Assert.Equal("response.completed", ContractClient.TypeOf(terminal));
        Assert.Equal(await Client.GetTextAsync(id), ContractClient.ResponseIn(terminal));
    }

    [Fact]
    public async Task StartTurn_Continuation_GivesTheModelTheWholeBranch()
    {
        var first = await Client.TellAsync("one");
        var second = await Client.SayAsync("two", first);
        var call = await Model.CallAsync("two");
        Assert.Equal(3, call.Call.Context.ItemCount);
        Assert.Equal(1, call.Call.NewItems);
        Assert.Contains("1 items", call.Context, StringComparison.Ordinal);
        await call.AnswerAsync();
        await Client.ReadAsync(second);
        Assert.Equal(first.ToString(), (await Client.GetAsync(second)).GetProperty("previous_response_id").GetString());
    }

    [Fact]
    public async Task StartTurn_SameRequestId_AttachesToTheSameTurn()
    {
        var (conversation, request) = (ContractClient.NewConversation(), ContractClient.NewRequest());
        var id = await Client.CreateAsync(ContractClient.Json("\"hello\""), conversation, request);
        var call = await Model.CallAsync("hello");
        Assert.Equal(id, await Client.CreateAsync(ContractClient.Json("\"hello\""), conversation, request));
        await call.AnswerAsync();
        var events = await Client.ReadAsync(id);
        Assert.Equal(id, await Client.CreateAsync(ContractClient.Json("\"hello\""), conversation, request));
        await Host.PassivateAsync();
        Assert.Equal(id, await Client.CreateAsync(ContractClient.Json("\"hello\""), conversation, request));
        Assert.Equal(events, await Client.ReadAsync(id));
        Assert.Equal(1, await CountTurnsAsync(conversation));
        Assert.Equal(0, Model.CountCalls("hello"));
    }

    [Fact]
    public async Task StartTurn_SameRequestIdAtOnce_IsOneTurn()
    {
        var (conversation, request) = (ContractClient.NewConversation(), ContractClient.NewRequest());
        var ids = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
            Client.CreateAsync(ContractClient.Json("\"hello\""), conversation, request))));
        await (await Model.CallAsync("hello")).AnswerAsync();
        var id = Assert.Single(ids.Distinct());
        await Client.ReadAsync(id);
        Assert.Equal(1, await CountTurnsAsync(conversation));
        Assert.Equal(0, Model.CountCalls("hello"));
    }

    [Theory]
    [InlineData("{", null)]
    [InlineData("[]", null)]
    [InlineData("""{"input":"x"}""", "model")]
    [InlineData("""{"model":"gated"}""", "input")]
    [InlineData("""{"model":"unheard of","input":"x"}""", "model")]
    [InlineData("""{"model":"gated","input":7}""", "input")]
    [InlineData("""{"model":"gated","input":[{"role":"user"}]}""", "input[0].content")]
    [InlineData("""{"model":"gated","input":[{"role":"user","content":"a"},{"type":7}]}""", "input[1].type")]
    [InlineData("""{"model":"gated","input":[{"type":"\ud800"}]}""", "input[0].type")]
    [InlineData("""{"model":"gated","input":[{"type":"message","role":"\udfff","content":"a"}]}""", "input[0].role")]
    [InlineData("""{"model":"gated","input":"x","previous_response_id":"resp_1"}""", "previous_response_id")]
    public async Task StartTurn_BadCreate_IsRefusedAndNotJournaled(string json, string? param)
    {
        var conversation = ContractClient.NewConversation();
        var refusal = await ContractClient.RefusedAsync(() => Client.CreateAsync(json, conversation));
        Assert.Equal(param, refusal.Param);
        Assert.Empty(await Host.ReadJournalAsync(Client.Key(conversation)));
        Assert.Empty(await Client.ListAsync());
    }

    [Fact]
    public async Task StartTurn_UnpairedSurrogates_AreTakenAsTheyAre()
    {
        var id = await Client.CreateAsync(ContractClient.Json(
            """[{"role":"user","content":"\ud800","\udc00":1}]""", model: "echo"), ContractClient.NewConversation());
        Assert.Equal("response.completed", ContractClient.TypeOf((await Client.ReadAsync(id))[^1]));
        await Host.PassivateAsync();
        var next = await Client.SayAsync("next", id);
        Assert.StartsWith("""{"role":"user","content":"\ud800","\udc00":1}""", (await Model.CallAsync("next")).Context,
            StringComparison.Ordinal);
        await Client.CancelAsync(next);
    }

    [Fact]
    public async Task StartTurn_OnARunningParent_IsRefused()
    {
        var parent = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        var refusal = await ContractClient.RefusedAsync(() => Client.SayAsync("too early", parent));
        Assert.Equal((RefusalKind.InvalidRequest, "previous_response_id"), (refusal.Kind, refusal.Param));
        await call.AnswerAsync();
        await Client.ReadAsync(parent);
        await Client.TellAsync("in time", parent);
    }

    [Fact]
    public async Task Conversations_ManyAtOnce_DoNotMeet()
    {
        const int conversations = 50, turns = 4;
        var ends = await Task.WhenAll(Enumerable.Range(0, conversations).Select(i => Task.Run(async () =>
        {
            ResponseId? last = null;
            for (var turn = 0; turn < turns; turn++)
            {
                last = await Client.TellAsync($"conversation {i} turn {turn}", last);
            }

            return last!.Value;
        })));
        Assert.Equal(conversations, (await Client.ListAsync()).Count);
        for (var i = 0; i < conversations; i++)
        {
            var items = await Client.ListItemsAsync(ends[i], new ItemPage(100, Ascending: true));
            Assert.Equal((turns * 2) - 1, items.GetProperty("data").GetArrayLength());
            Assert.Equal(turns, items.GetRawText().Split($"conversation {i} turn ").Length - 1);
        }
    }

    private async Task<int> CountTurnsAsync(ConversationId conversation) =>
        (await Host.ReadJournalAsync(Client.Key(conversation)))
            .RecordsOf(Client.Key(conversation)).OfType<TurnStarted>().Count();
}
