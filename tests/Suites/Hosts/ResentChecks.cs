using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Recognition;

namespace Evergrain.Suites.Hosts;

/// <summary>What holds for stored and for unstored histories alike, and the look into the lasting index.</summary>
internal static class ResentChecks
{
    private const int RunningMax = 16;

    private static readonly TimeSpan BatchPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LookPause = TimeSpan.FromMilliseconds(5);

    private static readonly string[] Scopes =
    [
        "", "\"user\":\"a\",", "\"user\":\"b\",", "\"safety_identifier\":\"a\",",
        "\"safety_identifier\":\"a\",\"user\":\"a\",",
    ];

    /// <summary>Equal histories of different tenants and users go on apart.</summary>
    /// <param name="chatOf">A client of a tenant, whose creates have some members more.</param>
    /// <param name="say">How it says something.</param>
    public static async Task AssertScopesStayApartAsync(
        Func<string, string, ResentChat> chatOf, Func<ResentChat, string, Task<ResponseId>> say)
    {
        List<ResentChat> chats = [chatOf("acme", ""), .. Scopes.Select(scope => chatOf("default", scope))];
        var conversations = new List<List<ConversationId>>();
        foreach (var text in (string[])["one", "two"])
        {
            var round = new List<ConversationId>();
            foreach (var chat in chats)
            {
                round.Add((await say(chat, text)).Conversation);
            }

            conversations.Add(round);
        }

        Assert.Equal(chats.Count, conversations[0].Distinct().Count());
        Assert.Equal(conversations[0], conversations[1]);
    }

    /// <summary>A conversation that runs as many turns as it may gets no more from histories.</summary>
    /// <param name="host">The host.</param>
    /// <param name="chat">A client whose next create continues a turn.</param>
    /// <param name="first">That turn.</param>
    public static async Task AssertCrowdSpreadsAsync(ContractHost host, ResentChat chat, ResponseId first)
    {
        chat.Items.Add(ResentChat.User("all at once"));
        var running = new List<ResponseId>();
        for (var i = 0; i <= RunningMax; i++)
        {
            running.Add(await chat.StartAsync("gated"));
            await (await host.Model.CallAsync("all at once")).SayAsync(Speech.Message("wait"));
        }

        Assert.All(running[..RunningMax], id => Assert.Equal(first.Conversation, id.Conversation));
        Assert.NotEqual(first.Conversation, running[^1].Conversation);
        foreach (var id in running)
        {
            await chat.CancelAsync(id);
        }
    }

    /// <summary>Ends when the lasting index has the end of a turn, the newest with its key; gives that key.</summary>
    public static async Task<Digest> LastsAsync(this ContractHost host, ContractClient client, ResponseId id)
    {
        using var patience = new CancellationTokenSource(Waits.Patience);
        var digest = Convert.FromHexString(await client.DigestAsync(id));
        var key = RecognitionScope.Of("default", default, default, isStored: true).KeyOf(Digest.From(digest));
        while (await host.FindLastingAsync(key) != id)
        {
            host.Time.Advance(BatchPause);
            await Task.Delay(LookPause, TimeProvider.System, patience.Token);
        }

        return key;
    }

    /// <summary>The response that the lasting index has for a key; null: none.</summary>
    public static async Task<ResponseId?> FindLastingAsync(this ContractHost host, Digest key) =>
        (await host.Faults.FindAsync("default", [key], 0, CancellationToken.None))?.Response;
}
