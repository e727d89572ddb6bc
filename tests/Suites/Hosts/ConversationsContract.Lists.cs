using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <content>Lists.</content>
public abstract partial class ConversationsContract
{
    [Fact]
    public async Task List_ByTenant_InOrderOfCreation()
    {
        var other = new ContractClient(Host, "other", lease: 3);
        var mine = new List<ConversationId>();
        for (var i = 0; i < 5; i++)
        {
            mine.Add((await Client.TellAsync($"mine {i}")).Conversation);
            await other.TellAsync($"theirs {i}");
        }

        Assert.Equal(mine, await Client.ListAsync());
        Assert.Equal(mine.Take(2), await Client.ListAsync(limit: 2));
        Assert.Equal(mine.Skip(2).Take(2), await Client.ListAsync(after: mine[1], limit: 2));
        Assert.Empty(await Client.ListAsync(after: mine[^1]));
        Assert.Equal(5, (await other.ListAsync()).Count);
        Assert.Empty(await new ContractClient(Host, "nobody", lease: 4).ListAsync());
    }

    [Fact]
    public async Task ListInputItems_Pages_CoverTheBranchInBothOrders()
    {
        ResponseId? last = null;
        for (var i = 0; i < 4; i++)
        {
            last = await Client.TellAsync($"turn {i}", last);
        }

        var ascending = await PageThroughAsync(last!.Value, isAscending: true);
        var descending = await PageThroughAsync(last.Value, isAscending: false);
        Assert.Equal(7, ascending.Count);
        Assert.Equal(ascending, Enumerable.Reverse(descending));
        Assert.Equal(7, ascending.Distinct().Count());
        await Host.PassivateAsync();
        Assert.Equal(ascending, await PageThroughAsync(last.Value, isAscending: true));
        var all = await Client.ListItemsAsync(last.Value, new ItemPage(100, Ascending: true));
        Assert.Equal(["turn 0", "turn 1", "turn 2", "turn 3"], all.GetProperty("data").EnumerateArray()
            .Where(item => item.GetProperty("role").GetString() == "user")
            .Select(item => item.GetProperty("content")[0].GetProperty("text").GetString()));
    }

    [Fact]
    public async Task ListInputItems_OfManyBytes_EndsItsPagesEarly()
    {
        var text = new string('x', 1 << 20);
        var items = Enumerable.Range(0, 10).Select(i => $$"""{"role":"user","content":"{{i}} {{text}}"}""");
        var id = await Client.CreateAsync(
            ContractClient.Json($"[{string.Join(',', items)}]", model: "echo"), ContractClient.NewConversation());
        await Client.ReadAsync(id);

        var pages = new List<int>();
        for (string? after = null; pages.Count == 0 || after is not null;)
        {
            var page = await Client.ListItemsAsync(id, new ItemPage(100, Ascending: true, after));
            pages.Add(page.GetProperty("data").GetArrayLength());
            after = page.GetProperty("has_more").GetBoolean() ? page.GetProperty("last_id").GetString() : null;
        }

        Assert.Equal([3, 3, 3, 1], pages);
    }

    [Fact]
    public async Task ListInputItems_UnknownAnchorOrLimit_IsRefused()
    {
        var id = await Client.TellAsync("hello");
        var after = await ContractClient.RefusedAsync(
            () => Client.ListItemsAsync(id, new ItemPage(After: "msg_nowhere")));
        Assert.Equal("after", after.Param);
        foreach (var limit in (int[])[-1, 0, 101, int.MaxValue])
        {
            var refusal = await ContractClient.RefusedAsync(() => Client.ListItemsAsync(id, new ItemPage(limit)));
            Assert.Equal((RefusalKind.InvalidRequest, "limit"), (refusal.Kind, refusal.Param));
        }
    }

    private async Task<List<string>> PageThroughAsync(ResponseId id, bool isAscending)
    {
        var ids = new List<string>();
        JsonElement page;
        do
        {
            page = await Client.ListItemsAsync(id, new ItemPage(3, isAscending, ids.LastOrDefault()));
            var items = page.GetProperty("data").EnumerateArray()
                .Select(item => item.GetProperty("id").GetString()!).ToList();
            Assert.Equal(items[0], page.GetProperty("first_id").GetString());
            Assert.Equal(items[^1], page.GetProperty("last_id").GetString());
            ids.AddRange(items);
        }
        while (page.GetProperty("has_more").GetBoolean());
        return ids;
    }
}
