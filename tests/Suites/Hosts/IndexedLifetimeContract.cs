using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Recognition;

namespace Evergrain.Suites.Hosts;

/// <summary>The same, over a journal that has a lasting index of histories.</summary>
public abstract class IndexedLifetimeContract(IContractHosts hosts) : LifetimeContract(hosts)
{
    private static readonly TimeSpan BatchPause = TimeSpan.FromMilliseconds(200);

    [Fact]
    public async Task Expired_Turn_LeavesTheLastingIndex()
    {
        await BeginAsync();
        var chat = new ResentChat(Host);
        var old = await chat.SayAsync("one");
        Host.StandStill(Half);
        var fork = chat.Fork();
        var young = await chat.SayAsync("two");
        Assert.Equal(old.Conversation, young.Conversation);
        var key = await LastsAsync(old);
        Host.StandStill(Half);

        // Whoever sends the old history again begins anew.
        Assert.NotEqual(old.Conversation, (await fork.SayAsync("another two")).Conversation);
        using var patience = new CancellationTokenSource(Waits.Patience);
        while (await FindAsync(key) == old)
        {
            // The answer does not wait for the append that takes the row out.
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
        }

        Assert.Equal(young.Conversation, (await chat.SayAsync("three")).Conversation);
    }

    /// <summary>Ends when the lasting index has the end of a turn; gives its key.</summary>
    private async Task<Digest> LastsAsync(ResponseId id)
    {
        using var patience = new CancellationTokenSource(Waits.Patience);
        var digest = Convert.FromHexString(await Client.DigestAsync(id));
        var key = RecognitionScope.Of("default", default, default, isStored: true).KeyOf(Digest.From(digest));
        while (await FindAsync(key) != id)
        {
            Host.Time.Advance(BatchPause);
            await Task.Delay(LookPause, TimeProvider.System, patience.Token);
        }

        return key;
    }

    private async Task<ResponseId?> FindAsync(Digest key) =>
        (await Host.Faults.FindAsync("default", [key], 0, CancellationToken.None))?.Response;
}
