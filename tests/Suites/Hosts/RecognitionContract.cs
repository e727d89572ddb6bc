using System.Globalization;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Records;

namespace Evergrain.Suites.Hosts;

/// <summary>
/// Histories that clients send again, whatever runs the conversations: which of them continue a conversation, and that
/// the context is the one that the client's own items give.
/// </summary>
public abstract partial class RecognitionContract(IContractHosts hosts) : HostContract(hosts)
{
    private const int Steps = 20;
    private const int OutputChars = 2000;
    private const int LongChars = 70_000;

    private const string OffTenant = "quiet";

    protected override HostSetup Setup { get; } = new() { Recognition = Options() };

    private ResentChat Chat => new(Host);

    // As LangChain does it by default: 21 creates made 21 conversations.
    [Fact]
    public async Task Loop_SentAgainWithEachStep_IsOneConversationAsLargeAsById()
    {
        var byId = await RunLoopByIdAsync();
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
            chat.Items.Add(ResentChat.ToolOutput($"call_{step}", OutputOf(step)));
            ids.Add(id);
        }

        var conversation = Assert.Single(ids.Select(static id => id.Conversation).Distinct());
        Assert.Equal(2, (await Client.ListAsync()).Count);
        var (mine, theirs) = (await JournaledAsync(conversation), await JournaledAsync(byId.Conversation));
        Assert.InRange(mine, theirs / 2, theirs * 11 / 10);
        Assert.Equal(((long)Steps, 0L, 0L),
            (Host.Counts.Histories("recognised"), Host.Counts.Histories("forked"), Host.Counts.Histories("unknown")));
        Assert.Equal(await Client.DigestAsync(byId), await Client.DigestAsync(ids[^1]));
    }

    [Fact]
    public async Task Response_OfARecognisedHistory_NamesNoParentAndListsTheWholeInput()
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");
        var second = await chat.SayAsync("two");
        Assert.Equal(first.Conversation, second.Conversation);
        var response = await Client.GetAsync(second);
        Assert.Equal("null", response.GetProperty("previous_response_id").GetRawText());
        var (known, added) = (response.GetProperty("evergrain").GetProperty("items_known").GetInt32(),
            response.GetProperty("evergrain").GetProperty("items_new").GetInt32());
        Assert.Equal((2, 1), (known, added));
        Assert.False((await Client.GetAsync(first)).GetProperty("evergrain").TryGetProperty("items_known", out _));
        var input = (await Client.ListItemsAsync(second, new ItemPage(100, Ascending: true))).GetProperty("data");
        Assert.Equal(3, input.GetArrayLength());
        Assert.Contains("one", input[0].GetRawText(), StringComparison.Ordinal);
        Assert.Contains("two", input[2].GetRawText(), StringComparison.Ordinal);

        // As it was written, and as it is made again from the journal.
        var events = await Client.ReadAsync(second);
        Assert.Equal(await Client.GetTextAsync(second), ContractClient.ResponseIn(events[^1]));
        await Host.RestartAsync();
        Assert.Equal(events, await Client.ReadAsync(second));
    }

    [Fact]
    public async Task Model_OfARecognisedHistory_GetsTheContextOfTheClientsOwnItems()
    {
        var chat = Chat;
        await chat.SayAsync("one");
        chat.Items.Add(ResentChat.User("two"));
        var recognised = await chat.StartAsync("gated");
        var call = await Model.CallAsync("two");
        await call.AnswerAsync();
        await Client.ReadAsync(recognised);
        var alone = await chat.StartAsync("gated", mayBeKnown: false);
        var other = await Model.CallAsync("two");
        await other.AnswerAsync();
        await Client.ReadAsync(alone);

        Assert.NotEqual(recognised.Conversation, alone.Conversation);
        Assert.Equal((1, 3), (call.Call.NewItems, other.Call.NewItems));
        Assert.Equal(other.Context, call.Context);
        Assert.Equal(await Client.DigestAsync(alone), await Client.DigestAsync(recognised));
    }

    [Fact]
    public async Task History_ChangedBehindATurn_ForksThere()
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");
        await chat.SayAsync("two");
        await chat.SayAsync("three");
        chat.Items[2] = ResentChat.User("two, said otherwise");
        var elsewhere = await chat.Fork().DigestElsewhereAsync();
        var fork = await chat.SendAsync();

        Assert.Equal(first.Conversation, fork.Conversation);
        Assert.Equal(first.Turn.Number, (await StartsAsync(first.Conversation))[^1].Parent);
        Assert.Equal(elsewhere, await Client.DigestAsync(fork));
        Assert.Equal(1, Host.Counts.Histories("forked"));
    }

    // As where a client asks for another answer.
    [Fact]
    public async Task Create_InTheSameBytesAgain_ForksTheTurnThatItContinued()
    {
        var chat = Chat;
        var first = await chat.SayAsync(new string('x', LongChars));
        for (var again = 0; again < 3; again++)
        {
            Assert.Equal(first.Conversation, (await With(chat, "two").SendAsync()).Conversation);
        }

        Assert.True(With(chat, "two").IsReadBefore());
        Assert.Equal(0, Host.Counts.Histories("unknown"));
    }

    [Fact]
    public async Task History_InTheSameBytes_IsReadBehindWhatWasReadBefore()
    {
        var chat = Chat;
        await chat.SayAsync(new string('x', LongChars));
        var second = await chat.SayAsync("two");
        Assert.True(With(chat, "three").IsReadBefore());
        var elsewhere = await With(chat, "three").DigestElsewhereAsync();
        var third = await chat.SayAsync("three");
        Assert.Equal(elsewhere, await Client.DigestAsync(third));
        Assert.Equal(second.Turn.Number, (await StartsAsync(second.Conversation))[^1].Parent);

        // Its turn is gone, so a place in what was left out counts.
        await Client.DeleteAsync(third);
        Assert.True(With(chat, "four").IsReadBefore());
        elsewhere = await With(chat, "four").DigestElsewhereAsync();
        var fourth = await chat.SayAsync("four");
        Assert.Equal(elsewhere, await Client.DigestAsync(fourth));
        Assert.Equal(second.Turn.Number, (await StartsAsync(second.Conversation))[^1].Parent);
        Assert.False(new ResentChat(Host, "acme") { Items = [.. chat.Items] }.IsReadBefore());
    }

    [Theory]
    [InlineData("hole", "0 2 3 4")]
    [InlineData("reordered", "2 3 0 1 4")]
    [InlineData("doubled", "0 0 1 2 3 4")]
    [InlineData("begun later", "2 3 4")]
    public async Task History_ThatIsNotTheOneKnown_BeginsAConversation(string what, string places)
    {
        var chat = Chat;
        await chat.SayAsync("one");
        var known = await chat.SayAsync("two");
        chat.Items.Add(ResentChat.User("three"));
        var other = Chat;
        other.Items.AddRange(places.Split(' ')
            .Select(place => chat.Items[int.Parse(place, CultureInfo.InvariantCulture)]));
        var elsewhere = await other.Fork().DigestElsewhereAsync();
        var id = await other.SendAsync();

        Assert.True(known.Conversation != id.Conversation, what);
        Assert.Equal(elsewhere, await Client.DigestAsync(id));
        Assert.Equal(1, Host.Counts.Histories("unknown"));
        Assert.Equal(known.Conversation, (await chat.SendAsync()).Conversation);
    }

    [Fact]
    public Task History_OfAnotherTenantOrUser_IsNotKnown() => ResentChecks.AssertScopesStayApartAsync(
        (tenant, more) => new ResentChat(Host, tenant, more), static (chat, text) => chat.SayAsync(text));

    [Fact]
    public async Task History_OfATenantWithoutRecognition_BeginsAConversation()
    {
        var chat = new ResentChat(Host, OffTenant);
        var first = await chat.SayAsync("one");
        Assert.NotEqual(first.Conversation, (await chat.SayAsync("two")).Conversation);
        Assert.Equal((0L, 0L), (Host.Counts.Histories("unknown"), Host.Counts.Indexed));
    }

    private static RecognitionOptions Options()
    {
        var options = new RecognitionOptions { Recognition = "stored" };
        options.Set(OffTenant, "off");
        return options;
    }

    private static string OutputOf(int step) => $"{step}".PadRight(OutputChars, '.');

    private async Task<ResponseId> RunLoopByIdAsync()
    {
        var id = await Client.SayAsync("go");
        for (var step = 0; ; step++)
        {
            var call = await Model.CallAsync(step == 0 ? "go" : OutputOf(step - 1));
            await call.SayAsync([.. Speech.Call($"call_{step}"), Speech.Completed]);
            await Client.ReadAsync(id);
            if (step == Steps)
            {
                return id;
            }

            id = await Client.ReplyAsync(id, ($"call_{step}", OutputOf(step)));
        }
    }

    private async Task<long> JournaledAsync(ConversationId conversation) =>
        (await Host.ReadJournalAsync(Client.Key(conversation))).Sum(static entry => (long)entry.Records.Length);

    private async Task<IReadOnlyList<TurnStarted>> StartsAsync(ConversationId conversation) =>
        [.. (await Host.ReadJournalAsync(Client.Key(conversation)))
            .RecordsOf(Client.Key(conversation)).OfType<TurnStarted>()];
}
