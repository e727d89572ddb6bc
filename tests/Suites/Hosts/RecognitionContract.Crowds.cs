using Evergrain.Conversations;
using Evergrain.Conversations.Ids;

namespace Evergrain.Suites.Hosts;

/// <content>Many creates with one history at once.</content>
public abstract partial class RecognitionContract
{
    private const int CrowdItems = 20;

    private static readonly int Crowd =
        Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 } ? 1_000 : 200;

    [Fact]
    public async Task Creates_WithOneUnknownHistoryAtOnce_AreConversationsOfTheirOwn()
    {
        var chat = Chat;
        for (var i = 0; i < CrowdItems; i += 2)
        {
            chat.Items.Add(ResentChat.User($"{i}"));
            chat.Items.Add("""{"role":"assistant","content":"yes"}""");
        }

        var ids = await RunAtOnceAsync(chat);
        Assert.Equal(Crowd, ids.Select(static id => id.Conversation).Distinct().Count());
        Assert.Equal(Crowd, Host.Counts.Histories("unknown"));
    }

    [Fact]
    public async Task Creates_WithOneKnownHistoryAtOnce_AreNoMoreThanItsConversationRuns()
    {
        var chat = Chat;
        for (var i = 0; i < CrowdItems; i += 2)
        {
            await chat.SayAsync($"{i}");
        }

        var known = Assert.Single(await Client.ListAsync());
        var ids = await RunAtOnceAsync(chat);
        var there = ids.Count(id => id.Conversation == known);
        Assert.InRange(there, 1, Limits.RunningTurnsMax);
        Assert.Equal(Crowd - there, ids.Where(id => id.Conversation != known)
            .Select(static id => id.Conversation).Distinct().Count());
    }

    /// <summary>Sends a history and a message as many times. All turns run before the first of them ends.</summary>
    private async Task<IReadOnlyList<ResponseId>> RunAtOnceAsync(ResentChat chat)
    {
        chat.Items.Add(ResentChat.User("crowd"));
        var starts = Enumerable.Range(0, Crowd).Select(_ => chat.Fork().StartAsync("gated")).ToArray();
        var calls = new List<GatedCall>();
        for (var i = 0; i < Crowd; i++)
        {
            calls.Add(await Model.CallAsync("crowd"));
        }

        var ids = await Task.WhenAll(starts);
        await Task.WhenAll(calls.Select(static call => call.AnswerAsync()));
        await Task.WhenAll(ids.Select(id => Client.ReadAsync(id)));
        Assert.Single((await Task.WhenAll(ids.Select(id => Client.DigestAsync(id)))).Distinct());
        return ids;
    }
}
