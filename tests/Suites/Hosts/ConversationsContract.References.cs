using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <content>Items of other conversations, and turns in the background.</content>
public abstract partial class ConversationsContract
{
    [Fact]
    public async Task Reference_ToAnItemOfAnotherConversation_CountsAsTheItem()
    {
        var first = await Client.TellAsync("one");
        var second = await Client.TellAsync("two");
        var items = new[] { await Client.OutputIdAsync(first), await Client.OutputIdAsync(second) };
        await Host.PassivateAsync();

        var id = await Client.ReferAsync(store: true, items);
        await Client.ReadAsync(id);
        var listed = await Client.ListItemsAsync(id, new ItemPage(Ascending: true));
        Assert.Equal(items, listed.GetProperty("data").EnumerateArray().Take(2)
            .Select(item => item.GetProperty("id").GetString()));
    }

    [Fact]
    public async Task Reference_ToAnotherTenantsItem_IsNotFound()
    {
        var theirs = new ContractClient(Host, "other", lease: 3);
        var item = await theirs.OutputIdAsync(await theirs.TellAsync("secret"));
        var refusal = await ContractClient.RefusedAsync(() => Client.ReferAsync(store: true, item));
        Assert.Equal((RefusalKind.InvalidRequest, "input[0].id"), (refusal.Kind, refusal.Param));
    }

    [Fact]
    public async Task Reference_ToAnUnstoredItem_IsForItsConnectionAndNotStored()
    {
        var unstored = await Client.TellAsync("secret", store: false);
        var item = await Client.OutputIdAsync(unstored);
        var other = new ContractClient(Host, "default", lease: 8);
        Assert.Equal("input[0].id",
            (await ContractClient.RefusedAsync(() => other.ReferAsync(store: false, item))).Param);
        Assert.Equal("store", (await ContractClient.RefusedAsync(() => Client.ReferAsync(store: true, item))).Param);
        await Client.ReadAsync(await Client.ReferAsync(store: false, item));
    }

    [Fact]
    public async Task Reference_ToADeletedOrMissingItem_IsNotFound()
    {
        var first = await Client.TellAsync("one");
        var item = await Client.OutputIdAsync(first);
        var missing = item[..^1] + "7";
        Assert.Equal("input[0].id",
            (await ContractClient.RefusedAsync(() => Client.ReferAsync(store: true, missing))).Param);
        await Client.DeleteAsync(first);
        Assert.Equal("input[0].id",
            (await ContractClient.RefusedAsync(() => Client.ReferAsync(store: true, item))).Param);
    }

    [Fact]
    public async Task Reference_ToTooManyConversations_IsRefused()
    {
        var items = Enumerable.Range(0, 65).Select(i => $"msg_{new ConversationId((UInt128)i + 1).Code}_1_0");
        var refusal = await ContractClient.RefusedAsync(() => Client.ReferAsync(store: true, [.. items]));
        Assert.Equal((RefusalKind.InvalidRequest, "input"), (refusal.Kind, refusal.Param));
    }

    [Fact]
    public async Task Background_WithoutReaders_RunsToItsEndAndSaysSo()
    {
        var id = await Client.CreateAsync(ContractClient.Json("\"go\"", model: "echo"),
            ContractClient.NewConversation(), isBackground: true);
        Assert.True((await Client.GetAsync(id)).GetProperty("background").GetBoolean());
        await Client.ReadAsync(id);
        await Host.PassivateAsync();
        var response = await Client.GetAsync(id);
        Assert.Equal("completed", response.GetProperty("status").GetString());
        Assert.True(response.GetProperty("background").GetBoolean());
    }
}
