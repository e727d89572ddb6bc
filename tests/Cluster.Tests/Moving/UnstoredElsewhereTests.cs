using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Cluster.Tests.Moving;

/// <summary>Unstored histories at a process that does not know them: it asks the silos.</summary>
public sealed class UnstoredElsewhereTests
{
    private const int Chats = 12;

    private static readonly HostSetup Setup = new()
    {
        Recognition = new RecognitionOptions { Recognition = "all" },
    };

    [Fact]
    public async Task Frontends_TakingTurns_ContinueOneConversation()
    {
        await using var host = (ClusterHost)await ClusterHosts.OwnIndexes.StartAsync(Setup);
        var (chats, first) = await AskAsync(host);
        var rendered = host.Counts.Rendered;

        foreach (var (silo, word) in host.Silos.Cluster.Silos.Zip(["two", "three"]))
        {
            Assert.Equal(first, await AskAsync(chats, silo.ServiceProvider, word));
        }

        Assert.Equal(rendered + (2 * 2 * Chats), host.Counts.Rendered);
    }

    [Fact]
    public async Task Drain_OfTheSiloThatKnew_LeavesTheHistoryKnown()
    {
        await using var host = (ClusterHost)await ClusterHosts.OwnIndexes.StartAsync(Setup);
        var (chats, first) = await AskAsync(host);
        var rendered = host.Counts.Rendered;
        var (stays, goes) = (host.Silos.Cluster.Silos[0], host.Silos.Cluster.Silos[1]);
        Assert.InRange(DrainTests.WarmIn(goes), 1, Chats - 1);

        await host.Silos.Cluster.StopSiloAsync(goes).WaitAsync(Waits.Patience);

        Assert.Equal(first, await AskAsync(chats, stays.ServiceProvider, "two"));
        Assert.Equal(rendered + (2 * Chats), host.Counts.Rendered);
    }

    [Fact]
    public async Task History_ThatAnotherTenantSends_IsNotFound()
    {
        await using var host = (ClusterHost)await ClusterHosts.OwnIndexes.StartAsync(Setup);
        var (chats, first) = await AskAsync(host);

        var others = chats.Select(chat => new ResentChat(host, tenant: "other")
        {
            Items = [.. chat.Items],
            IsStored = false,
        }).ToArray();
        var second = await AskAsync(others, host.Silos.Cluster.Silos[0].ServiceProvider, "two");

        Assert.Empty(first.Intersect(second));
    }

    private static async Task<(ResentChat[] Chats, ConversationId[] First)> AskAsync(ClusterHost host)
    {
        var chats = Enumerable.Range(0, Chats).Select(_ => new ResentChat(host) { IsStored = false }).ToArray();
        var first = await Task.WhenAll(chats.Select((chat, i) => chat.AskAsync($"I am {i}")));
        return (chats, [.. first.Select(static id => id.Conversation)]);
    }

    private static async Task<ConversationId[]> AskAsync(ResentChat[] chats, IServiceProvider frontend, string text)
    {
        var turns = frontend.GetRequiredService<ITurns>();
        var ids = await Task.WhenAll(chats.Select(chat =>
        {
            chat.Frontend = turns;
            return chat.AskAsync(text);
        }));
        return [.. ids.Select(static id => id.Conversation)];
    }
}
