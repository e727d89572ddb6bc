using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Records;

namespace Evergrain.Suites.Hosts;

/// <summary>
/// Histories of clients that send less than they were given: they name items by their ids, or leave reasoning out.
/// </summary>
public abstract class ResentPartsContract(IContractHosts hosts) : HostContract(hosts)
{
    private const int Steps = 12;

    protected override HostSetup Setup { get; } = new()
    {
        Recognition = new RecognitionOptions { Recognition = "stored" },
    };

    private ResentChat Named => new(Host) { Sends = SentBack.Named };

    private ResentChat Bare => new(Host) { Sends = SentBack.Bare };

    // Some turns make a call alone, and then nothing in the history names them.
    [Fact]
    public async Task Loop_ThatNamesItsItems_IsOneConversation_AndEachTurnCostsWhatIsNew()
    {
        var chat = Named;
        var ids = await RunLoopAsync(chat, static step => step % 3 > 0, static _ => 1);
        Assert.Single(ids.Select(static id => id.Conversation).Distinct());
        Assert.Equal(((long)Steps, 0L), (Host.Counts.Histories("recognised"), Host.Counts.Histories("unknown")));
        Assert.Equal(await chat.DigestOfLastAsync(ids[^1]), await Client.DigestAsync(ids[^1]));
        var response = (await Client.GetAsync(ids[^1])).GetProperty("evergrain");
        var known = response.GetProperty("items_known").GetInt32();
        Assert.Equal(1, response.GetProperty("items_new").GetInt32());
        var input = await Client.ListItemsAsync(ids[^1], new ItemPage(100, Ascending: true));
        Assert.Equal(known + 1, input.GetProperty("data").GetArrayLength());
        Assert.DoesNotContain("item_reference", input.GetRawText(), StringComparison.Ordinal);
    }

    // Without its reasoning a call is another context, and so it is read again: once, with the turn behind it.
    [Fact]
    public async Task Loop_ThatLeavesOutReasoning_IsOneConversation_AndNoTurnCostsMoreForTheHistory()
    {
        var chat = Bare;
        var ids = await RunLoopAsync(chat, static _ => true, static step => step == 0 ? 1 : 2);
        var conversation = Assert.Single(ids.Select(static id => id.Conversation).Distinct());
        Assert.Equal(((long)Steps, 0L), (Host.Counts.Histories("recognised"), Host.Counts.Histories("unknown")));
        Assert.Equal(await chat.DigestOfLastAsync(ids[^1]), await Client.DigestAsync(ids[^1]));
        var sizes = (await Host.ReadJournalAsync(Client.Key(conversation)))
            .RecordsOf(Client.Key(conversation)).OfType<TurnStarted>().Select(static turn => turn.InputCount);
        Assert.Equal([1, .. Enumerable.Repeat(2, Steps)], sizes);
        Assert.Equal((2 * Steps) + 1, (await Client.ListItemsAsync(ids[^1], new ItemPage(100)))
            .GetProperty("data").GetArrayLength());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task History_AfterARestart_IsRecognised(bool isNamed)
    {
        var chat = isNamed ? Named : Bare;

        // What is named is found without the index.
        Host.Faults.LosesHistories = isNamed;
        var first = await chat.SayAsync("one", "thinking");
        await Host.RestartAsync();
        var elsewhere = await Elsewhere(chat, "two").DigestElsewhereAsync("thinking");
        var second = await chat.SayAsync("two", "thinking");
        Assert.Equal(first.Conversation, second.Conversation);
        Assert.Equal(elsewhere, await Client.DigestAsync(second));
        Assert.Equal(first.Conversation, (await chat.SayAsync("three", "thinking")).Conversation);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task History_ThatIsChanged_ForksBehindTheTurnBefore(bool isNamed)
    {
        var chat = isNamed ? Named : Bare;
        var first = await chat.SayAsync("one", "thinking");
        var change = chat.Items.Count;
        var second = await chat.SayAsync("two", "thinking");
        await chat.SayAsync("three", "thinking");
        chat.Items[change] = ResentChat.User("two, said otherwise");
        var elsewhere = await Elsewhere(chat, "four").DigestElsewhereAsync();
        var fork = await chat.SayAsync("four");
        Assert.Equal(first.Conversation, fork.Conversation);
        Assert.Equal(elsewhere, await Client.DigestAsync(fork));
        Assert.NotEqual(second, fork);
        Assert.Equal((first.Turn.Number, !isNamed), await ParentOfAsync(fork));

        // The fork goes on as any other branch.
        Assert.Equal(first.Conversation, (await chat.SayAsync("five", "thinking")).Conversation);
        Assert.Equal(0, Host.Counts.Histories("unknown"));
    }

    // The items are copied to a conversation of their own then, under the ids that they have.
    [Fact]
    public async Task History_ThatNamesItemsOfAnotherConversation_GoesOnWhereTheyWereCopied()
    {
        var chat = Named;
        var first = await chat.SayAsync("one", "thinking");
        chat.Items[0] = ResentChat.User("one, said otherwise");
        var second = await chat.SayAsync("two", "thinking");
        Assert.NotEqual(first.Conversation, second.Conversation);
        var elsewhere = await Elsewhere(chat, "three").DigestElsewhereAsync();
        var third = await chat.Fork().SayAsync("three");
        Assert.Equal(second.Conversation, third.Conversation);
        Assert.Equal(elsewhere, await Client.DigestAsync(third));
        Assert.Equal((second.Turn.Number, false), await ParentOfAsync(third));

        // Where the item itself is gone, the create is refused with the index as without it.
        await Client.DeleteAsync(first);
        chat.Items.Add(ResentChat.User("four"));
        await AssertNotFoundAsync(chat);
    }

    [Fact]
    public async Task History_ThatNamesWhatIsNotThere_IsRefusedAsItCame()
    {
        var chat = Named;
        var first = await chat.SayAsync("one", "thinking");
        await chat.SayAsync("two", "thinking");
        chat.Items.Add(ResentChat.User("three"));
        var stranger = new ResentChat(Host, "acme") { Items = [.. chat.Items] };
        await AssertNotFoundAsync(stranger);
        var beyond = chat.Fork();
        beyond.Items[1] = SentBack.Reference(await Client.OutputIdAsync(first) + "7");
        await AssertNotFoundAsync(beyond);
        await Client.DeleteAsync(first);
        await AssertNotFoundAsync(chat);
    }

    [Theory]
    [InlineData("user")]
    [InlineData("safety_identifier")]
    public async Task History_ThatNamesItemsOfAnotherUser_BeginsAnew(string member)
    {
        var chat = new ResentChat(Host, more: $"\"{member}\":\"one\",") { Sends = SentBack.Named };
        var first = await chat.SayAsync("one", "thinking");
        await chat.SayAsync("two", "thinking");
        var other = new ResentChat(Host, more: $"\"{member}\":\"two\",")
        {
            Sends = SentBack.Named, Items = [.. chat.Items],
        };
        Assert.NotEqual(first.Conversation, (await other.SayAsync("three", "thinking")).Conversation);
        Assert.Equal(first.Conversation, (await chat.SayAsync("three", "thinking")).Conversation);
    }

    [Fact]
    public async Task Chats_ThatBeginAlikeAndLeaveOutReasoning_StayConversations()
    {
        var chats = Enumerable.Range(0, 4).Select(_ => Bare).ToArray();
        var first = new List<ConversationId>();
        foreach (var chat in chats)
        {
            chat.Items.Add(ResentChat.User("go"));
            var id = await chat.StartAsync("gated");
            var call = await Model.CallAsync("go");
            await call.SayAsync([.. Speech.Reasoning("the same"), .. Speech.Answer($"answer {first.Count}")]);
            await chat.TakeAsync(id);
            first.Add(id.Conversation);
        }

        Assert.Equal(chats.Length, first.Distinct().Count());
        foreach (var (chat, conversation) in chats.Zip(first))
        {
            Assert.Equal(conversation, (await chat.SayAsync("go on")).Conversation);
        }
    }

    // A client sends all of it again, and then leaves out what came before its last message.
    [Fact]
    public async Task History_WithReasoningAndThenWithout_IsRecognisedBothTimes()
    {
        var whole = new ResentChat(Host);
        var first = await whole.SayAsync("one", "thinking");
        var bare = new ResentChat(Host) { Items = [whole.Items[0], whole.Items[2]] };
        var second = await whole.SayAsync("two", "thinking");
        var third = await bare.SayAsync("two", "thinking");
        Assert.Equal((first.Turn.Number, false), await ParentOfAsync(second));
        Assert.Equal((first.Turn.Number, true), await ParentOfAsync(third));
        Assert.Equal(await bare.DigestOfLastAsync(third), await Client.DigestAsync(third));
    }

    private static ResentChat Elsewhere(ResentChat chat, string text)
    {
        var other = chat.Fork();
        other.Items.Add(ResentChat.User(text));
        return other;
    }

    /// <summary>Runs a loop of tool calls.</summary>
    /// <param name="chat">Its client.</param>
    /// <param name="thinks">Whether the model reasons in a step.</param>
    /// <param name="newItems">How many items are new in a step.</param>
    private async Task<IReadOnlyList<ResponseId>> RunLoopAsync(
        ResentChat chat, Func<int, bool> thinks, Func<int, int> newItems)
    {
        chat.Items.Add(ResentChat.User("go"));
        var ids = new List<ResponseId>();
        for (var step = 0; step <= Steps; step++)
        {
            var id = await chat.StartAsync("gated");
            var call = await Model.CallAsync(step == 0 ? "go" : $"output {step - 1}");
            Assert.Equal((step, newItems(step)), (step, call.Call.NewItems));
            await call.SayAsync(
            [
                .. thinks(step) ? Speech.Reasoning($"thought {step}") : [], .. Speech.Call($"call_{step}"),
                Speech.Completed,
            ]);
            await chat.TakeAsync(id);
            chat.Items.Add(ResentChat.ToolOutput($"call_{step}", $"output {step}"));
            ids.Add(id);
        }

        return ids;
    }

    private async Task<(int Parent, bool IsInput)> ParentOfAsync(ResponseId id)
    {
        var key = Client.Key(id.Conversation);
        var started = (await Host.ReadJournalAsync(key)).RecordsOf(key).OfType<TurnStarted>()
            .Single(turn => turn.Turn == id.Turn.Number);
        return (started.Parent, started.ContinuesInput);
    }

    private static async Task AssertNotFoundAsync(ResentChat chat)
    {
        var refusals = new List<Refusal>();
        foreach (var mayBeKnown in (bool[])[true, false])
        {
            refusals.Add(await ContractClient.RefusedAsync(() => chat.StartAsync(mayBeKnown: mayBeKnown)));
        }

        Assert.Equal(RefusalKind.InvalidRequest, refusals[0].Kind);
        Assert.StartsWith("Item with id", refusals[0].Message, StringComparison.Ordinal);
        Assert.Equal(refusals[1], refusals[0]);
    }
}
