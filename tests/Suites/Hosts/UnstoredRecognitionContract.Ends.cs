using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Evergrain.Conversations;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;

namespace Evergrain.Suites.Hosts;

/// <content>What ends the time of unstored content: afterwards nothing has it.</content>
public abstract partial class UnstoredRecognitionContract
{
    [Fact]
    public async Task Grace_CountsFromTheLastUse()
    {
        var chat = Chat;
        var first = await chat.AskAsync("one");
        foreach (var text in (string[])["two", "three"])
        {
            Host.Advance(Grace - Second);
            Assert.Equal(first.Conversation, (await chat.AskAsync(text)).Conversation);
        }

        Host.Advance(Grace + Second);
        var elsewhere = await With(chat, "four").DigestElsewhereAsync();
        var fourth = await chat.SayAsync("four");
        Assert.NotEqual(first.Conversation, fourth.Conversation);
        Assert.Equal(elsewhere, await Client.DigestAsync(fourth));
        Assert.Equal((2L, 0L, 1L), Histories());
    }

    // A turn that was used goes on, and one beside it goes.
    [Fact]
    public async Task Grace_OfAFork_IsItsOwn()
    {
        var chat = Chat;
        var first = await chat.AskAsync("one");
        var fork = chat.Fork();
        await fork.AskAsync("two, another way");
        Host.Advance(Grace - Second);
        await chat.AskAsync("two");
        Host.Advance(Second + Second);
        fork.Items.Add(ResentChat.User("three"));
        var id = await fork.StartAsync("gated");
        var call = await Model.CallAsync("three");
        Assert.Equal((first.Conversation, 3), (id.Conversation, call.Call.NewItems));
        await call.AnswerAsync();
        await Client.ReadAsync(id);
    }

    [Fact]
    public async Task Lease_NotRenewed_LeavesItsContentToHistories()
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");
        while (await IsFoundAsync(first))
        {
            // A lease that is noted as the clock moves ends when it moves again.
            Host.Advance(Limits.LeaseDuration);
        }

        Assert.Equal(first.Conversation, (await chat.SayAsync("two")).Conversation);
    }

    // As a client does whose connection broke in the middle of an answer.
    [Fact]
    public async Task Turn_CutWithItsConnection_GoesOnBehindItsLastItem()
    {
        var chat = Chat;
        chat.Items.Add(ResentChat.User("go"));
        var first = await chat.StartAsync("gated");
        var call = await Model.CallAsync("go");
        await call.SayAsync([.. Speech.Call("call_1"), .. Speech.Message("half")[..3]]);
        await using (var reader = Client.Open(first))
        {
            await reader.ReadUntilAsync("response.output_item.done");
        }

        await call.Cancelled;
        chat.Items.AddRange((await Client.GetAsync(first)).GetProperty("output").EnumerateArray()
            .Select(static item => item.GetRawText()));
        await chat.LeaveAsync(first);
        chat.Items.Add(ResentChat.ToolOutput("call_1", "done"));
        var elsewhere = await chat.Fork().DigestElsewhereAsync();
        var second = await chat.SendAsync();
        Assert.Equal(first.Conversation, second.Conversation);
        Assert.Equal(elsewhere, await Client.DigestAsync(second));
    }

    // A failed turn takes the id of its parent away, and its client sends everything again.
    [Fact]
    public async Task Parent_EvictedByItsId_IsFoundByItsHistory()
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");
        var failing = await Client.SayAsync("fail", first, store: false);
        await (await Model.CallAsync("fail")).SayAsync(new ModelEvent(ModelEventKind.Failed) { Code = "server_error" });
        await Client.ReadAsync(failing);
        await ContractClient.RefusedAsync(() => Client.GetTextAsync(first));
        Assert.Equal(first.Conversation, (await chat.SayAsync("two")).Conversation);
    }

    [Fact]
    public async Task Delete_TakesTheTurnOut()
    {
        var chat = Chat;
        var first = await chat.AskAsync("one");
        var second = await chat.SayAsync("two");
        await Client.DeleteAsync(second);
        await chat.LeaveAsync(second);
        var third = await chat.SayAsync("three");
        Assert.Equal(first.Conversation, third.Conversation);
        var known = (await Client.GetAsync(third)).GetProperty("evergrain").GetProperty("items_known");
        Assert.Equal(2, known.GetInt32());
    }

    [Fact]
    public async Task Delete_OfTheLastStoredTurn_TakesWhatIsKeptBehindIt()
    {
        var chat = new ResentChat(Host);
        var stored = await chat.SayAsync("one");
        chat.IsStored = false;
        Assert.Equal(stored.Conversation, (await chat.AskAsync("two")).Conversation);
        await Client.DeleteAsync(stored);
        Assert.NotEqual(stored.Conversation, (await chat.AskAsync("three")).Conversation);
        Assert.Empty(await Client.ListAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Process_ThatEnds_TakesItAllWithIt(bool isKilled)
    {
        var chat = Chat;
        var first = await chat.SayAsync("one");
        var digest = Digest.From(Convert.FromHexString(await Client.DigestAsync(first)));
        await chat.LeaveAsync(first);
        var known = Host.Known;
        await (isKilled ? Host.KillAsync() : Host.RestartAsync());
        Assert.NotSame(known, Host.Known);

        // As in a frontend that outlives the silo.
        Host.Known!.Add(new HistoryEntry("default", first, new HistoryMark(KeyOf(digest), 0)));
        var elsewhere = await With(chat, "two").DigestElsewhereAsync();
        var second = await chat.SayAsync("two");
        Assert.NotEqual(first.Conversation, second.Conversation);
        Assert.Equal(elsewhere, await Client.DigestAsync(second));
    }

    [Fact]
    public async Task Content_AfterItsGrace_IsNotInMemory()
    {
        var kept = await SayAndNoteAsync();
        Assert.InRange(kept.Count, 5, 100);
        Assert.All(kept, static bytes => Assert.True(IsAlive(bytes)));
        Host.Advance(Grace + Second);
        using var patience = new CancellationTokenSource(Waits.Patience);
        while (kept.Exists(IsAlive))
        {
            // Callers' stacks and timers let go a moment later.
            Host.Advance(Second);
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private async Task<bool> IsFoundAsync(ResponseId id)
    {
        try
        {
            return (await Client.GetTextAsync(id)).Length > 0;
        }
        catch (ConversationException)
        {
            return false;
        }
    }

    private static bool IsAlive(WeakReference bytes) => bytes.IsAlive;

    private static Digest KeyOf(Digest context) =>
        RecognitionScope.Of("default", default, default, isStored: false).KeyOf(context);

    /// <summary>
    /// Runs a turn whose instructions, items and answer nobody else has; gives the arrays that hold them.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<List<WeakReference>> SayAndNoteAsync()
    {
        var kept = new List<WeakReference>();
        Model.OnRender = item => Note(kept, item.Json);
        var chat = ChatOf("default","\"instructions\":\"be unique\",");
        await chat.AskAsync("one");
        chat.Items.Add(ResentChat.User("two"));
        var second = await chat.StartAsync("gated");
        var call = await Model.CallAsync("two");
        Assert.True(call.Call.Parameters.TryGet("instructions", out var instructions));
        Note(kept, instructions);
        await call.AnswerAsync();
        await chat.TakeAsync(second);
        await chat.LeaveAsync(second);
        Model.OnRender = null;
        return kept;
    }

    private static void Note(List<WeakReference> kept, ReadOnlyMemory<byte> json)
    {
        if (MemoryMarshal.TryGetArray(json, out var array))
        {
            lock (kept)
            {
                kept.Add(new WeakReference(array.Array));
            }
        }
    }
}
