using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;

namespace Evergrain.Suites.Hosts;

/// <content>Conversations are found, as shapes and times; what runs in one is looked at.</content>
public abstract partial class ConversationsContract
{
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";

    [Fact]
    public async Task Find_Newest_GivesStoredAndUnstoredOnesOnceInPages()
    {
        var ids = new List<ConversationId>();
        for (var i = 0; i < 7; i++)
        {
            ids.Add((await Client.TellAsync($"words {i}", store: i % 2 == 0)).Conversation);
            Host.Advance(TimeSpan.FromSeconds(1));
        }

        await new ContractClient(Host, "other", lease: 3).TellAsync("theirs");
        ids.Reverse();

        Assert.Equal(ids, (await FindAllAsync(limit: 2)).Select(static one => one.Key.Id));
        var all = await FindAllAsync(limit: 100);
        Assert.Equal(ids, all.Select(static one => one.Key.Id));
        Assert.Equal([true, false, true, false, true, false, true], all.Select(static one => one.IsStored));
        Assert.All(all, static one => Assert.Equal((1, 0, 2), (one.Held!.Turns, one.Held.Running, one.Held.Items)));
        Assert.Distinct(all.Select(static one => one.CreatedAt));
    }

    [Fact]
    public async Task Find_Newest_AfterAllLeftMemory_GivesTheSameTimesFromTheJournal()
    {
        for (var i = 0; i < 3; i++)
        {
            await Client.TellAsync($"words {i}");
            Host.Advance(TimeSpan.FromSeconds(1));
        }

        var warm = await FindAllAsync(limit: 100);
        await Host.PassivateAsync();
        var cold = await FindAllAsync(limit: 100);

        Assert.Equal(warm.Select(static one => one with { Held = null }), cold);
        Assert.All(cold, static one => Assert.NotNull(one.CreatedAt));
    }

    [Fact]
    public async Task Find_AfterTheNewestTurnIsDeleted_GivesTheOneBeforeIt()
    {
        var first = await Client.TellAsync("first");
        var before = Assert.Single(await FindAllAsync(limit: 10)).Held!;
        var second = await Client.TellAsync("second", first);
        var both = Assert.Single(await FindAllAsync(limit: 10)).Held!;
        await Client.DeleteAsync(second);
        var after = Assert.Single(await FindAllAsync(limit: 10)).Held!;

        Assert.Equal((2, 4), (both.Turns, both.Items));
        Assert.NotEqual(before.Digest, both.Digest);
        Assert.Equal((before.Turns, before.Items, before.Digest), (after.Turns, after.Items, after.Digest));
    }

    [Fact]
    public async Task Find_EveryTenants_MergesThem()
    {
        var other = new ContractClient(Host, "other", lease: 3);
        var mine = await Client.TellAsync("mine");
        Host.Advance(TimeSpan.FromSeconds(1));
        var theirs = await other.TellAsync("theirs", store: false);
        Host.Advance(TimeSpan.FromSeconds(1));
        var stored = await other.TellAsync("theirs");

        var page = await FindAsync(new ConversationQuery(Tenant: null, Limit: 10));

        Assert.Equal([other.Key(stored.Conversation), other.Key(theirs.Conversation), Client.Key(mine.Conversation)],
            page.Found.Select(static one => one.Key));
    }

    [Fact]
    public async Task Find_ById_GivesTheCallersOwnAlone()
    {
        var stored = await Client.TellAsync("mine");
        var unstored = await Client.TellAsync("mine", store: false);
        var other = new ContractClient(Host, "other", lease: 3);
        await Host.PassivateAsync();

        var cold = Assert.Single((await FindAsync(ById(Client, stored))).Found);
        Assert.Equal((Client.Key(stored.Conversation), true, null), (cold.Key, cold.IsStored, cold.Held));
        var held = Assert.Single((await FindAsync(ById(Client, unstored))).Found);
        Assert.Equal((Client.Key(unstored.Conversation), false), (held.Key, held.IsStored));
        foreach (var id in new[] { stored, unstored })
        {
            Assert.Empty((await FindAsync(ById(other, id))).Found);
            Assert.Single((await FindAsync(ById(Client, id) with { Tenant = null })).Found);
        }

        await Client.ReleaseAsync(unstored.Conversation);
        Assert.Empty((await FindAsync(ById(Client, unstored))).Found);
        Assert.DoesNotContain(await FindAllAsync(limit: 10), static one => !one.IsStored);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Find_ByAWordOfARequest_GivesItsConversationWhileItIsThere(bool isStored)
    {
        var other = new ContractClient(Host, "other", lease: 3);
        var id = await Host.Turns.StartTurnAsync(new StartTurn
        {
            Key = Client.Key(ContractClient.NewConversation()),
            RequestId = ContractClient.NewRequest(),
            Lease = Client.Lease,
            Create = Encoding.UTF8.GetBytes(ContractClient.Json("\"hi\"", model: "echo", store: isStored)),
            Trace = new TraceContext($"00-{TraceId}-b7ad6b7169203331-01"),
            Origin = new TurnOrigin("req_of_the_test", "session-of-the-test"),
        }, CancellationToken.None).AsTask().WaitAsync(Waits.Patience);
        await Client.ReadAsync(id);
        OriginWord[] words =
        [
            new(OriginKind.Request, "req_of_the_test"), new(OriginKind.Session, "session-of-the-test"),
            new(OriginKind.Trace, TraceId),
        ];

        foreach (var word in words)
        {
            var found = Assert.Single((await FindAsync(ByWord(Client, word))).Found);
            Assert.Equal((Client.Key(id.Conversation), isStored), (found.Key, found.IsStored));
            Assert.NotNull(found.Held);
            Assert.Empty((await FindAsync(ByWord(other, word))).Found);
            Assert.Empty((await FindAsync(ByWord(Client, word with { Text = word.Text + "x" }))).Found);
        }

        await Host.PassivateAsync();
        await Client.ReleaseAsync(id.Conversation);
        Assert.Equal(isStored ? 1 : 0, (await FindAsync(ByWord(Client, words[0]))).Found.Count);
    }

    [Fact]
    public async Task ListLive_GivesWhatRunsAndThenItsEndAndNoContent()
    {
        await Client.TellAsync("before");
        var id = await Client.SayAsync("secret words");
        var call = await Model.CallAsync("secret words");

        var running = await ListLiveAsync(id.Conversation, long.MaxValue);
        var turn = Assert.Single(running.GetProperty("data").EnumerateArray());
        Assert.Equal(($"{id}", "in_progress"), (TextOf(turn, "id"), TextOf(turn, "status")));
        Assert.Equal(JsonValueKind.Object, turn.GetProperty("timing").ValueKind);

        Host.Advance(TimeSpan.FromSeconds(1));
        await call.AnswerAsync("secret answer");
        await Client.ReadAsync(id);
        var ended = await ListLiveAsync(id.Conversation, running.GetProperty("now_ms").GetInt64());
        Assert.Equal("completed", TextOf(Assert.Single(ended.GetProperty("data").EnumerateArray()), "status"));
        Assert.Empty((await ListLiveAsync(id.Conversation, long.MaxValue)).GetProperty("data").EnumerateArray());
        Assert.DoesNotContain("secret", running.GetRawText() + ended.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task GetContext_OfAFork_GivesItsSegmentsAndContentOfStoredTurnsAlone()
    {
        var first = await Client.TellAsync("secret words");
        var second = await Client.TellAsync("more secret words", first);
        var unstored = await Client.TellAsync("other secret words", first, store: false);

        var context = await GetContextAsync(second, rendered: 10);
        Assert.Equal(4, context.GetProperty("items").GetInt32());
        Assert.Equal(await Client.DigestAsync(second), TextOf(context, "digest"));
        Assert.Equal(4, context.GetProperty("segments").EnumerateArray()
            .Sum(static segment => segment.GetProperty("items").GetInt32()));
        Assert.Contains("more secret words", context.GetProperty("rendered").GetRawText(), StringComparison.Ordinal);

        Assert.DoesNotContain("secret", (await GetContextAsync(second)).GetRawText(), StringComparison.Ordinal);
        var shapes = await GetContextAsync(unstored, rendered: 10);
        Assert.False(shapes.GetProperty("segments").EnumerateArray().Last().GetProperty("is_stored").GetBoolean());
        Assert.DoesNotContain("secret", shapes.GetRawText(), StringComparison.Ordinal);
        await Host.PassivateAsync();
        Assert.Equal(TextOf(context, "digest"), TextOf(await GetContextAsync(second, rendered: 10), "digest"));
    }

    private async Task<JsonElement> GetContextAsync(ResponseId id, int rendered = 0) =>
        JsonDocument.Parse(await Host.Conversations.GetContextAsync(
            Client.Key(id.Conversation), id.Turn, rendered, CancellationToken.None).AsTask()
            .WaitAsync(Waits.Patience)).RootElement;

    private static ConversationQuery ById(ContractClient client, ResponseId id) =>
        new(client.Key(default).Tenant, Limit: 10) { Conversation = id.Conversation };

    private static ConversationQuery ByWord(ContractClient client, OriginWord word) =>
        new(client.Key(default).Tenant, Limit: 10) { Origin = word };

    private async Task<ConversationPage> FindAsync(ConversationQuery query)
    {
        var page = await Host.Conversations.FindAsync(query, CancellationToken.None).AsTask()
            .WaitAsync(Waits.Patience);
        Assert.True(page.IsComplete);
        return page;
    }

    private async Task<List<FoundConversation>> FindAllAsync(int limit)
    {
        var all = new List<FoundConversation>();
        var query = new ConversationQuery(Client.Key(default).Tenant, limit);
        for (var hasMore = true; hasMore;)
        {
            var page = await FindAsync(query);
            Assert.InRange(page.Found.Count, 0, limit);
            all.AddRange(page.Found);
            (query, hasMore) = (query with { After = page.Next }, page.HasMore);
        }

        return all;
    }

    private async Task<JsonElement> ListLiveAsync(ConversationId id, long since) =>
        JsonDocument.Parse(await Host.Conversations.ListLiveAsync(Client.Key(id), since, CancellationToken.None)
            .AsTask().WaitAsync(Waits.Patience)).RootElement;
}
