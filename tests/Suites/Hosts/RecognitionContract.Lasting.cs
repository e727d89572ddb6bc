using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Recognition;

namespace Evergrain.Suites.Hosts;

/// <content>What is known of histories in the journal's store: by other processes, and after a restart.</content>
public abstract partial class RecognitionContract
{
    private static readonly TimeSpan LookPause = TimeSpan.FromMilliseconds(5);

    [Fact]
    public async Task Restart_AfterAHistory_RecognisesIt()
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");
        await chat.SayAsync("two");
        await Host.RestartAsync();
        var elsewhere = await With(chat, "three").DigestElsewhereAsync();
        var third = await chat.SayAsync("three");
        Assert.Equal(first.Conversation, third.Conversation);
        Assert.Equal(elsewhere, await Client.DigestAsync(third));
        Assert.Equal(0, Host.Counts.Histories("unknown"));
    }

    // Another process has delivered the turns: they are not in the memory of this one.
    [Fact]
    public async Task History_OfAnotherProcess_IsRecognisedUpToItsLastTurn()
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");
        var second = await chat.SayAsync("two");
        await Host.LastsAsync(Client, second);
        Host.Known!.Remove(Client.Address(second));
        var third = await chat.SayAsync("three");
        Assert.Equal(first.Conversation, third.Conversation);
        Assert.Equal(second.Turn.Number, (await StartsAsync(first.Conversation))[^1].Parent);
    }

    [Fact]
    public async Task Crash_LosesEntriesAndNoAnswer()
    {
        var chat = Chat;
        Host.Faults.LosesHistories = true;
        var first = await chat.SayAsync("one");
        await Host.KillAsync();
        var elsewhere = await With(chat, "two").DigestElsewhereAsync();
        var second = await chat.SayAsync("two");
        Assert.NotEqual(first.Conversation, second.Conversation);
        Assert.Equal(elsewhere, await Client.DigestAsync(second));
    }

    [Fact]
    public async Task Delete_OfATurnThatLasts_TakesItOut()
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");
        var second = await chat.SayAsync("two");
        await Host.LastsAsync(Client, first);
        var key = await Host.LastsAsync(Client, second);
        await Client.DeleteAsync(second);
        Assert.Null(await Host.FindLastingAsync(key));
        await Host.RestartAsync();
        var again = await chat.Fork().SayAsync("three");
        Assert.Equal(first.Conversation, again.Conversation);
        Assert.Equal(first.Turn.Number, (await StartsAsync(first.Conversation))[^1].Parent);
    }

    [Fact]
    public async Task Turn_WhoseEndNobodyRead_IsRecognised()
    {
        var chat = Chat;
        chat.Items.Add(ResentChat.User("one"));
        var first = await chat.StartAsync("gated");
        await (await Model.CallAsync("one")).AnswerAsync();
        using var patience = new CancellationTokenSource(Waits.Patience);
        while ((await Client.GetAsync(first)).GetProperty("status").GetString() != "completed")
        {
            await Task.Delay(LookPause, TimeProvider.System, patience.Token);
        }

        chat.Items.AddRange((await Client.GetAsync(first)).GetProperty("output").EnumerateArray()
            .Select(static item => item.GetRawText()));
        Assert.Equal(first.Conversation, (await chat.Fork().SayAsync("two")).Conversation);
        await Host.LastsAsync(Client, first);
        Host.Known!.Remove(Client.Address(first));
        Assert.Equal(first.Conversation, (await chat.SayAsync("two, elsewhere")).Conversation);
    }

    // Chats that began alike: what a client calls its chat tells them apart.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Histories_ThatAreEqual_GoOnInTheirOwnChat(bool isInMemory)
    {
        ResentChat[] chats =
        [
            new(Host, more: "\"prompt_cache_key\":\"a\","), new(Host, more: "\"prompt_cache_key\":\"b\","),
            new(Host) { Session = "c" }, new(Host) { Session = "d" }, Chat,
        ];
        var ids = new List<ResponseId>();
        foreach (var chat in chats)
        {
            ids.Add(await chat.SayAsync("one"));
        }

        await Host.LastsAsync(Client, ids[^1]);
        foreach (var id in isInMemory ? [] : ids)
        {
            Host.Known!.Remove(Client.Address(id));
        }

        Assert.Equal(ids.Count, ids.Select(static id => id.Conversation).Distinct().Count());
        foreach (var (chat, id) in chats.Zip(ids))
        {
            Assert.Equal(id.Conversation, (await chat.SayAsync("two")).Conversation);
        }

        // Nobody's name for a chat is a proof: it decides between equal histories alone.
        var other = new ResentChat(Host) { Session = "c", Items = { ResentChat.User("another one") } };
        Assert.DoesNotContain(await other.SendAsync(), ids);
    }

    [Fact]
    public async Task Index_ThatCannotBeRead_CostsNoAnswer()
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");
        await Host.LastsAsync(Client, first);
        Host.Known!.Remove(Client.Address(first));
        Host.Faults.FailsFind = true;
        var elsewhere = await With(chat, "two").DigestElsewhereAsync();
        var second = await With(chat, "two").SendAsync();
        Assert.NotEqual(first.Conversation, second.Conversation);
        Assert.Equal(elsewhere, await Client.DigestAsync(second));
    }

    private static ResentChat With(ResentChat chat, string text)
    {
        var other = chat.Fork();
        other.Items.Add(ResentChat.User(text));
        return other;
    }
}
