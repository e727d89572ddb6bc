using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Recognition;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests.Moving;

/// <summary>Unstored content that waits for its history, while silos go.</summary>
public sealed class UnstoredMoveTests
{
    private const int Chats = 12;

    private static readonly HostSetup Setup = new()
    {
        Recognition = new RecognitionOptions { Recognition = "all" },
    };

    [Fact]
    public async Task Drain_OfASilo_TakesItAlong()
    {
        await using var host = (ClusterHost)await ClusterHosts.DrainingSilos.StartAsync(Setup);
        var (chats, first) = await AskAsync(host);
        var rendered = host.Counts.Rendered;
        var silo = host.Silos.Cluster.Silos[1];
        Assert.InRange(DrainTests.WarmIn(silo), 1, Chats - 1);

        await host.Silos.Cluster.StopSiloAsync(silo).WaitAsync(Waits.Patience);

        var second = await Task.WhenAll(chats.Select(static chat => chat.AskAsync("two")));
        Assert.Equal(first, second.Select(static id => id.Conversation));
        Assert.Equal(rendered + (2 * Chats), host.Counts.Rendered);
    }

    [Fact]
    public async Task Death_OfASilo_LosesItAndNoAnswer()
    {
        await using var host = (ClusterHost)await ClusterHosts.TwoSilos.StartAsync(Setup);
        var (chats, first) = await AskAsync(host);
        var silo = host.Silos.Cluster.Silos[1];
        var lost = DrainTests.WarmIn(silo);
        Assert.InRange(lost, 1, Chats - 1);

        await host.Silos.KillAsync(silo);

        var elsewhere = await Task.WhenAll(chats.Select(static async chat =>
        {
            var other = chat.Fork();
            other.Items.Add(ResentChat.User("two"));
            return await other.DigestElsewhereAsync();
        }));
        var client = new ContractClient(host, "default", lease: 1);
        var second = await Task.WhenAll(chats.Select(static chat => chat.SayAsync("two")));
        Assert.Equal(elsewhere, await Task.WhenAll(second.Select(client.DigestAsync)));
        Assert.Equal(
            Chats - lost, first.Zip(second, static (was, id) => was == id.Conversation).Count(static same => same));
    }

    private static async Task<(ResentChat[] Chats, ConversationId[] First)> AskAsync(ClusterHost host)
    {
        var chats = Enumerable.Range(0, Chats).Select(_ => new ResentChat(host) { IsStored = false }).ToArray();
        var first = await Task.WhenAll(chats.Select((chat, i) => chat.AskAsync($"I am {i}")));
        return (chats, [.. first.Select(static id => id.Conversation)]);
    }
}
