using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Suites.Hosts;

/// <content>Reading events.</content>
public abstract partial class ConversationsContract
{
    [Fact]
    public async Task ReadEvents_FromAnyNumber_GivesTheSameBytesWhileRunningAndAfter()
    {
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        await call.SayAsync([.. Speech.Message("one answer"), .. Speech.Call("call_1"), .. Speech.Message("two")[..4]]);
        await using var first = Client.Open(id);
        var begun = await first.ReadUntilAsync("response.function_call_arguments.done");
        var readers = Enumerable.Range(0, begun.Count)
            .Select(from => Task.Run(() => Client.ReadAsync(id, from))).ToList();
        await call.SayAsync([.. Speech.Message("two")[4..], Speech.Completed]);
        var whole = await Client.ReadAsync(id);
        Assert.Equal(whole, [.. begun, .. await first.ReadToEndAsync()]);
        for (var from = 0; from < readers.Count; from++)
        {
            Assert.Equal(whole.Skip(from), await readers[from]);
        }

        await Host.PassivateAsync();
        for (var from = 0; from <= whole.Count; from++)
        {
            Assert.Equal(whole.Skip(from), await Client.ReadAsync(id, from));
        }
    }

    [Theory]
    [InlineData("stored")]
    [InlineData("unstored")]
    public async Task ReadEvents_FromBehindEveryNumber_WaitsForTheEndAndGivesNothing(string how)
    {
        var id = await Client.SayAsync("hello", store: how == "stored");
        var call = await Model.CallAsync("hello");
        var reading = Client.ReadAsync(id, from: int.MaxValue);
        await call.SayAsync(Speech.Message("one answer"));
        Assert.False(reading.IsCompleted);
        await call.SayAsync(Speech.Completed);
        Assert.Empty(await reading);
        Assert.Empty(await Client.ReadAsync(id, from: int.MaxValue));
        Assert.Contains("\"completed\"", await Client.GetTextAsync(id), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReadEvents_ReaderLeavesMidStream_TurnAndOtherReadersGoOn()
    {
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        await using var stays = Client.Open(id);
        await using (var leaves = Client.Open(id))
        {
            await leaves.NextAsync();
        }

        await call.AnswerAsync("a long answer");
        var whole = await stays.ReadToEndAsync();
        Assert.Equal("response.completed", ContractClient.TypeOf(whole[^1]));
        Assert.Equal(whole.Skip(1), await Client.ReadAsync(id, from: 1));
    }

    [Fact]
    public async Task ReadEvents_ReaderWaitingIsCancelled_EndsAtOnce()
    {
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        using var leaving = new CancellationTokenSource();
        var seen = 0;
        var reading = Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var batch in Host.Turns.ReadEventsAsync(Client.Address(id), 0, leaving.Token))
            {
                seen += batch.Events.Count;
                await leaving.CancelAsync();
            }
        });
        await reading.WaitAsync(Waits.Patience);
        Assert.NotEqual(0, seen);
        await call.AnswerAsync();
        Assert.Equal("response.completed", ContractClient.TypeOf((await Client.ReadAsync(id))[^1]));
    }

    [Fact]
    public async Task ReadEvents_ThousandDeltas_ComeInOrderToEveryReader()
    {
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        var readers = Enumerable.Range(0, 4).Select(_ => Task.Run(() => Client.ReadAsync(id))).ToList();
        var text = string.Join(' ', Enumerable.Range(0, 800));
        await call.AnswerAsync(text);
        var whole = await Client.ReadAsync(id);
        Assert.True(whole.Count > 1000);
        Assert.Equal(text, string.Concat(whole.Select(ContractClient.Parse)
            .Where(json => json.GetProperty("type").GetString() == "response.output_text.delta")
            .Select(json => json.GetProperty("delta").GetString())));
        foreach (var reader in readers)
        {
            Assert.Equal(whole, await reader);
        }
    }

    [Fact]
    public async Task ReadEvents_CallItem_IsInTheJournalWhenItsDoneEventComes()
    {
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        await call.SayAsync(Speech.Call("call_1"));
        await using var reader = Client.Open(id);
        await reader.ReadUntilAsync("response.output_item.done");
        var journal = await Host.ReadJournalAsync(Client.Key(id.Conversation));
        var output = journal.TakeLast(1).RecordsOf(Client.Key(id.Conversation)).OfType<OutputHeld>().Single();
        Assert.Contains("call_1", System.Text.Encoding.UTF8.GetString(output.Json.Span), StringComparison.Ordinal);
        await Client.CancelAsync(id);
    }

    [Theory]
    [InlineData("unknown conversation")]
    [InlineData("unknown number")]
    [InlineData("no tag")]
    [InlineData("another tag")]
    [InlineData("unknown unstored")]
    [InlineData("other tenant")]
    public async Task AnyCall_UnknownResponse_IsNotFound(string which)
    {
        var known = await Client.TellAsync("hello");
        var (client, id) = which switch
        {
            "unknown conversation" => (Client, known with { Conversation = ContractClient.NewConversation() }),
            "unknown number" => (Client, known with { Turn = TurnId.Stored(2, known.Turn.Tag) }),
            "no tag" => (Client, known with { Turn = TurnId.Stored(1) }),
            "another tag" => (Client, known with { Turn = TurnId.Stored(1, (known.Turn.Tag % 1000) + 1) }),
            "unknown unstored" => (Client, known with { Turn = TurnId.Unstored(99) }),
            _ => (new ContractClient(Host, "other", lease: 1), known),
        };
        await AssertNotFoundAsync(client, id);
        var refusal = await ContractClient.RefusedAsync(() => client.SayAsync("next", id));
        Assert.Equal((RefusalKind.PreviousResponseNotFound, "previous_response_id"), (refusal.Kind, refusal.Param));
        Assert.Contains(id.ToString(), refusal.Message, StringComparison.Ordinal);
        Assert.Equal(await Client.GetTextAsync(known), await Client.GetTextAsync(known));
    }

    private static async Task AssertNotFoundAsync(ContractClient client, ResponseId id)
    {
        Func<Task>[] asks =
        [
            () => client.ReadAsync(id),
            () => client.GetTextAsync(id),
            () => client.ListItemsAsync(id, new ItemPage()),
            () => client.CancelAsync(id),
            () => client.DeleteAsync(id),
        ];
        foreach (var ask in asks)
        {
            var refusal = await ContractClient.RefusedAsync(ask);
            Assert.Equal(RefusalKind.NotFound, refusal.Kind);
            Assert.Contains(id.ToString(), refusal.Message, StringComparison.Ordinal);
        }
    }
}
