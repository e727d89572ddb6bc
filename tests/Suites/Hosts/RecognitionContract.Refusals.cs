using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <content>What speaks against continuing a conversation: it costs time, and changes no answer.</content>
public abstract partial class RecognitionContract
{
    private static readonly TimeSpan OpenTime = TimeSpan.FromMilliseconds(50);

    [Fact]
    public async Task Delete_OfTheLastTurn_LetsTheHistoryGoOnFromTheOneBefore()
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");
        var second = await chat.SayAsync("two");
        await Client.DeleteAsync(second);
        var elsewhere = await chat.Fork().DigestElsewhereAsync();
        var again = await chat.SendAsync();

        Assert.Equal(first.Conversation, again.Conversation);
        Assert.Equal(first.Turn.Number, (await StartsAsync(first.Conversation))[^1].Parent);
        Assert.Equal(elsewhere, await Client.DigestAsync(again));
        await Client.DeleteAsync(first);
        await Client.DeleteAsync(again);
        Assert.NotEqual(first.Conversation, (await chat.SayAsync("three")).Conversation);
    }

    // Ids of a client are no part of what is compared: the names may stand for other items than the stored ones.
    [Fact]
    public async Task History_ThatNamesAnItemOfItsClient_IsReadAsItCame()
    {
        var chat = Chat;
        chat.Items.AddRange([Named("apple", "p"), Named("pear", "q")]);
        await chat.SendAsync();
        (chat.Items[0], chat.Items[1]) = (Named("apple", "q"), Named("pear", "p"));
        chat.Items.Add("""{"type":"item_reference","id":"q"}""");

        foreach (var mayBeKnown in new[] { true, false })
        {
            var refused = await Assert.ThrowsAsync<ConversationException>(
                () => chat.StartAsync(mayBeKnown: mayBeKnown));
            Assert.Equal("Item with id 'q' not found.", refused.Message);
        }

        static string Named(string text, string id) => $$"""{"role":"user","content":"{{text}}","id":"{{id}}"}""";
    }

    // As where another process deleted the turn, or a key is another context's.
    [Fact]
    public async Task Entry_ThatIsWrong_IsNotFollowed()
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");
        var key = await KeyOfAsync(first);
        var wrong = await Chat.SayAsync("something else");
        Host.Known!.Remove(Client.Address(wrong));
        Host.Known!.Add(new HistoryEntry("default", wrong, new HistoryMark(key, 0)));
        chat.Items.Add(ResentChat.User("two"));
        var elsewhere = await chat.Fork().DigestElsewhereAsync();
        var second = await chat.Fork().SendAsync();
        Assert.NotEqual(wrong.Conversation, second.Conversation);
        Assert.Equal(elsewhere, await Client.DigestAsync(second));

        await Client.DeleteAsync(first);
        Host.Known!.Add(new HistoryEntry("default", first, new HistoryMark(key, 0)));
        var third = await chat.Fork().SendAsync();
        Assert.NotEqual(first.Conversation, third.Conversation);
        Assert.Equal(elsewhere, await Client.DigestAsync(third));
        Assert.Equal(2, Host.Counts.Histories("unknown"));
    }

    [Fact]
    public async Task Create_ThatIsRefused_IsRefusedAsItCame()
    {
        var chat = Chat;
        await chat.SayAsync("one");
        chat.Items.Add("""{"role":"user"}""");
        var refusal = await ContractClient.RefusedAsync(() => chat.StartAsync());
        Assert.Equal((RefusalKind.MissingField, "input[2].content"), (refusal.Kind, refusal.Param));
        Assert.Single(await Client.ListAsync());
    }

    [Fact]
    public async Task Crowd_WithOneHistory_SpreadsOverConversations()
    {
        var chat = Chat;
        await ResentChecks.AssertCrowdSpreadsAsync(Host, chat, await chat.SayAsync("one"));
    }

    [Fact]
    public async Task Conversation_ThatDoesNotOpenInTime_IsLeftAlone()
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");

        // The first answer may take a process longer.
        Assert.Equal(first.Conversation, (await chat.SayAsync("two")).Conversation);
        chat.Items.Add(ResentChat.User("three"));
        await Host.PassivateAsync();
        var armed = Host.Time.ArmedAsync(OpenTime);
        var (arrived, gate) = Host.Faults.HoldReads();
        var starting = chat.StartAsync();
        await arrived;
        await armed;
        Host.Time.Advance(OpenTime);
        gate.SetResult();
        var second = await starting;
        Assert.NotEqual(first.Conversation, second.Conversation);
        await Client.ReadAsync(second);
        Assert.Equal(await chat.DigestElsewhereAsync(), await Client.DigestAsync(second));
    }

    [Fact]
    public async Task Conversation_ThatIsCold_IsOpened()
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");
        await Host.PassivateAsync();
        Assert.Equal(first.Conversation, (await chat.SayAsync("two")).Conversation);
    }

    [Fact]
    public async Task Create_ThatIsUnstoredOrHasAKey_IsNotLookedUp()
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");
        var items = $"[{string.Join(',', chat.Items)},{ResentChat.User("two")}]";
        var unstored = await Client.CreateAsync(
            ContractClient.Json(items, model: "echo", store: false), ContractClient.NewConversation());
        Assert.NotEqual(first.Conversation, unstored.Conversation);
        var conversation = ContractClient.NewConversation();
        var keyed = await Host.Turns.StartTurnAsync(new StartTurn
        {
            Key = Client.Key(conversation),
            RequestId = ContractClient.NewRequest(),
            IsKeyed = true,
            Lease = Client.Lease,
            Create = Encoding.UTF8.GetBytes(ContractClient.Json(items, model: "echo")),
        }, CancellationToken.None).AsTask().WaitAsync(Waits.Patience);
        Assert.Equal(conversation, keyed.Conversation);
        await Client.ReadAsync(unstored);
        await Client.ReadAsync(keyed);
    }

    private async Task<Digest> KeyOfAsync(ResponseId id)
    {
        await foreach (var batch in Host.Turns.ReadEventsAsync(Client.Address(id), 0, CancellationToken.None))
        {
            if (batch.History is { Key: var key })
            {
                return key;
            }
        }

        throw new InvalidOperationException($"{id} has no key");
    }
}
