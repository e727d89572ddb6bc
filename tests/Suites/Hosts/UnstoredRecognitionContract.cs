using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;

namespace Evergrain.Suites.Hosts;

/// <summary>
/// Unstored histories that clients send again, whatever runs the conversations: they cost what is new while their
/// content is in memory, and they are as unknown as any other after it.
/// </summary>
/// <remarks>Its parts: this one says what is recognised, <c>.Ends</c> when that is over.</remarks>
public abstract partial class UnstoredRecognitionContract(IContractHosts hosts) : HostContract(hosts)
{
    private const int Steps = 20;
    private const int OutputChars = 2000;

    private const string StoredTenant = "keeper", HastyTenant = "hasty";
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    protected override HostSetup Setup { get; } = new() { Recognition = Options() };

    private ResentChat Chat => ChatOf("default");

    [Fact]
    public async Task Loop_SentAgainWithEachStep_IsOneConversationThatIsWrittenNowhere()
    {
        var chat = Chat;
        chat.Items.Add(ResentChat.User("go"));
        var ids = new List<ResponseId>();
        for (var step = 0; step <= Steps; step++)
        {
            var id = await chat.StartAsync("gated");
            var call = await Model.CallAsync(step == 0 ? "go" : OutputOf(step - 1));
            Assert.Equal(1, call.Call.NewItems);
            Assert.Equal((2 * step) + 1, call.Call.Context.ItemCount);
            await call.SayAsync([.. Speech.Call($"call_{step}"), Speech.Completed]);
            await chat.TakeAsync(id);
            await chat.LeaveAsync(id);
            chat.Items.Add(ResentChat.ToolOutput($"call_{step}", OutputOf(step)));
            ids.Add(id);
        }

        var conversation = Assert.Single(ids.Select(static id => id.Conversation).Distinct());
        Assert.Equal(((long)Steps, 0L, 0L), Histories());
        Assert.Equal((2L * (Steps + 1), 2L * (Steps + 1)), (Host.Counts.Validated, Host.Counts.Rendered));
        Assert.Empty(await Client.ListAsync());
        Assert.Empty(await Host.ReadJournalAsync(Client.Key(conversation)));
        Assert.Equal(0, Host.Faults.Histories);
    }

    // Without its reasoning a call is another context, and so it is read again: once, with the output behind it.
    [Fact]
    public async Task Loop_ThatLeavesOutReasoning_IsOneConversation_AndNoTurnCostsMoreForTheHistory()
    {
        var chat = new ResentChat(Host) { Sends = SentBack.Bare, IsStored = false };
        chat.Items.Add(ResentChat.User("go"));
        var conversations = new HashSet<ConversationId>();
        for (var step = 0; step <= Steps; step++)
        {
            var id = await chat.StartAsync("gated");
            var call = await Model.CallAsync(step == 0 ? "go" : OutputOf(step - 1));
            Assert.Equal(step == 0 ? 1 : 2, call.Call.NewItems);
            await call.SayAsync(
                [.. Speech.Reasoning($"thought {step}"), .. Speech.Call($"call_{step}"), Speech.Completed]);
            await chat.TakeAsync(id);
            await chat.LeaveAsync(id);
            chat.Items.Add(ResentChat.ToolOutput($"call_{step}", OutputOf(step)));
            conversations.Add(id.Conversation);
        }

        Assert.Single(conversations);
        Assert.Equal(((long)Steps, 0L, 0L), Histories());
        Assert.Equal(0, Host.Faults.Histories);
    }

    [Fact]
    public async Task Response_OfARecognisedHistory_IsAsOfAConversationOfItsOwn()
    {
        var chat = Chat;
        await chat.AskAsync("one");
        chat.Items.Add(ResentChat.User("two"));
        var elsewhere = await chat.Fork().DigestElsewhereAsync();
        var second = await chat.SendAsync();
        var response = await Client.GetAsync(second);
        Assert.Equal("null", response.GetProperty("previous_response_id").GetRawText());
        Assert.False(response.GetProperty("store").GetBoolean());
        Assert.Equal((2, 1), (response.GetProperty("evergrain").GetProperty("items_known").GetInt32(),
            response.GetProperty("evergrain").GetProperty("items_new").GetInt32()));
        Assert.Equal(elsewhere, await Client.DigestAsync(second));
        var input = (await Client.ListItemsAsync(second, new ItemPage(100, Ascending: true))).GetProperty("data");
        Assert.Equal(3, input.GetArrayLength());
    }

    [Fact]
    public async Task History_ChangedBehindATurn_ForksThere()
    {
        var chat = Chat;
        var first = await chat.AskAsync("one");
        await chat.AskAsync("two");
        await chat.AskAsync("three");
        chat.Items[2] = ResentChat.User("two, said otherwise");
        var elsewhere = await chat.Fork().DigestElsewhereAsync();
        var fork = await chat.SendAsync();
        Assert.Equal(first.Conversation, fork.Conversation);
        Assert.Equal(elsewhere, await Client.DigestAsync(fork));
        Assert.Equal(1, Host.Counts.Histories("forked"));
    }

    [Fact]
    public async Task StoredCreate_NeverContinuesUnstoredContent()
    {
        var chat = Chat;
        var first = await chat.AskAsync("one");
        var second = await chat.SayAsync("two");
        chat.IsStored = true;
        var elsewhere = await With(chat, "three").DigestElsewhereAsync();
        var stored = await chat.SayAsync("three");
        Assert.True(stored.Turn.IsStored);
        Assert.NotEqual(first.Conversation, stored.Conversation);
        Assert.Equal(first.Conversation, second.Conversation);
        Assert.Equal(elsewhere, await Client.DigestAsync(stored));
        Assert.Equal((1L, 0L, 1L), Histories());
    }

    [Fact]
    public async Task UnstoredCreate_ContinuesAStoredBranchAndLeavesItsJournalAlone()
    {
        var chat = new ResentChat(Host);
        var first = await chat.SayAsync("one");
        var key = Client.Key(first.Conversation);
        var journaled = (await Host.ReadJournalAsync(key)).Count;
        var unstored = chat.Fork();
        unstored.IsStored = false;
        foreach (var text in (string[])["two", "three"])
        {
            var elsewhere = await With(unstored, text).DigestElsewhereAsync();
            var id = await unstored.SayAsync(text);
            Assert.Equal((first.Conversation, false), (id.Conversation, id.Turn.IsStored));
            Assert.Equal(elsewhere, await Client.DigestAsync(id));
            await unstored.LeaveAsync(id);
        }

        Assert.Equal(journaled, (await Host.ReadJournalAsync(key)).Count);
        Assert.Equal(first.Conversation, (await chat.SayAsync("two, stored")).Conversation);
    }

    [Fact]
    public Task History_OfAnotherTenantOrUser_IsNotKnown() =>
        ResentChecks.AssertScopesStayApartAsync(ChatOf, static (chat, text) => chat.AskAsync(text));

    [Theory]
    [InlineData(StoredTenant)]
    [InlineData(HastyTenant)]
    public async Task History_OfATenantThatKeepsNothing_BeginsAConversation(string tenant)
    {
        var chat = ChatOf(tenant);
        var first = await chat.SayAsync("one");
        Assert.NotEqual(first.Conversation, (await chat.SayAsync("two")).Conversation);
        await chat.LeaveAsync(first);
        Assert.NotEqual(first.Conversation, (await chat.SayAsync("three")).Conversation);
        Assert.Equal(0L, Host.Counts.Indexed);
    }

    [Fact]
    public async Task Turn_ThatAnotherConnectionHolds_IsContinuedAndStaysTheOthers()
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");
        var other = new ResentChat(Host, lease: 2) { IsStored = false, Items = [.. chat.Items] };
        var second = await other.SayAsync("two");
        Assert.Equal(first.Conversation, second.Conversation);
        await ContractClient.RefusedAsync(
            () => new ContractClient(Host, "default", lease: 2).GetTextAsync(first));

        // What the other connection does wrong takes nothing from the first.
        var wrong = chat.Fork();
        wrong.Items.Add("""{"role":"user"}""");
        await ContractClient.RefusedAsync(() => wrong.StartAsync());
        chat.Items.Add(ResentChat.User("fail"));
        var failing = await chat.StartAsync("gated");
        await (await Model.CallAsync("fail")).SayAsync(new ModelEvent(ModelEventKind.Failed) { Code = "server_error" });
        await Client.ReadAsync(failing);
        Assert.Equal(first.Conversation, failing.Conversation);
        await Client.TellAsync("next, by id", first, store: false);
    }

    [Fact]
    public async Task Crowd_WithOneHistory_SpreadsOverConversations()
    {
        var chat = Chat;
        await ResentChecks.AssertCrowdSpreadsAsync(Host, chat, await chat.AskAsync("one"));
    }

    private static RecognitionOptions Options()
    {
        var options = new RecognitionOptions { Recognition = "all" };
        options.Set(StoredTenant, "stored");
        options.SetGrace(HastyTenant, TimeSpan.Zero);
        return options;
    }

    private static string OutputOf(int step) => $"{step}".PadRight(OutputChars, '.');

    private static ResentChat With(ResentChat chat, string text)
    {
        var other = chat.Fork();
        other.Items.Add(ResentChat.User(text));
        return other;
    }

    private ResentChat ChatOf(string tenant, string more = "") => new(Host, tenant, more) { IsStored = false };

    private (long Recognised, long Forked, long Unknown) Histories() => (Host.Counts.Histories("recognised"),
        Host.Counts.Histories("forked"), Host.Counts.Histories("unknown"));
}
