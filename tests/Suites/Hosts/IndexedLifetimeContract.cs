namespace Evergrain.Suites.Hosts;

/// <summary>The same, over a journal that has a lasting index of histories.</summary>
public abstract class IndexedLifetimeContract(IContractHosts hosts) : LifetimeContract(hosts)
{
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
        var key = await Host.LastsAsync(Client, old);
        Host.StandStill(Half);

        // Whoever sends the old history again begins anew.
        Assert.NotEqual(old.Conversation, (await fork.SayAsync("another two")).Conversation);
        using var patience = new CancellationTokenSource(Waits.Patience);
        while (await Host.FindLastingAsync(key) == old)
        {
            // The answer does not wait for the append that takes the row out.
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
        }

        Assert.Equal(young.Conversation, (await chat.SayAsync("three")).Conversation);
    }
}
