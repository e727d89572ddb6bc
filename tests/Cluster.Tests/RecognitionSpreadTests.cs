using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Recognition;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests;

/// <summary>Where the conversations of many equal histories are.</summary>
public sealed class RecognitionSpreadTests
{
    private const int Chats = 1_000;
    private const int Silos = 3;

    private static readonly ParallelOptions AtOnce = new() { MaxDegreeOfParallelism = 32 };

    private static readonly HostSetup Setup = new()
    {
        Recognition = new RecognitionOptions { Recognition = "stored" },
    };

    // As many agents of one kind do that are started together.
    [Fact]
    public async Task Chats_WithOneSystemPromptAndCacheKey_StayConversationsOnAllSilos()
    {
        await using var host = (ClusterHost)await ClusterHosts.ThreeSilos.StartAsync(Setup);
        var chats = Enumerable.Range(0, Chats).Select(_ => new ResentChat(host, more: "\"prompt_cache_key\":\"k\",")
        {
            Items = ["""{"role":"system","content":"be brief"}"""],
        }).ToArray();
        var (first, second) = (new ConversationId[Chats], new ConversationId[Chats]);

        // A conversation that does not answer in time is left, so not all ask at once.
        await Parallel.ForAsync(0, Chats, AtOnce, async (i, _) =>
            first[i] = (await chats[i].SayAsync($"I am {i}")).Conversation);
        await Parallel.ForAsync(0, Chats, AtOnce, async (i, _) =>
            second[i] = (await chats[i].SayAsync("go on")).Conversation);

        Assert.Equal(Chats, first.Distinct().Count());
        Assert.Equal(first, second);
        await AssertSpreadAsync(host);
    }

    [Fact]
    public async Task Creates_WithOneHistoryAtOnce_AreConversationsOnAllSilos()
    {
        await using var host = (ClusterHost)await ClusterHosts.ThreeSilos.StartAsync(Setup);
        var history = new ResentChat(host);
        for (var i = 0; i < 10; i++)
        {
            history.Items.Add(ResentChat.User($"{i}"));
            history.Items.Add("""{"role":"assistant","content":"yes"}""");
        }

        history.Items.Add(ResentChat.User("go on"));
        var ids = await Task.WhenAll(Enumerable.Range(0, Chats).Select(_ => history.Fork().SendAsync()));

        Assert.Equal(Chats, ids.Select(static id => id.Conversation).Distinct().Count());
        await AssertSpreadAsync(host);
    }

    private static async Task AssertSpreadAsync(ClusterHost host)
    {
        var warm = await host.Silos.WarmAsync();
        Assert.Equal(Silos, warm.Count);
        Assert.Equal(Chats, warm.Sum());
        Assert.All(warm, static count => Assert.InRange(count, Chats / Silos / 2, Chats / Silos * 2));
    }
}
