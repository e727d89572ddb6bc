using Evergrain.Grains;
using Evergrain.Suites.Hosts;
using Orleans.TestingHost;

namespace Evergrain.Cluster.Tests.Moving;

/// <summary>A silo joins others that hold conversations.</summary>
public sealed class SharingTests
{
    // The shortest one. The clock moves on whenever a silo waits, and a turn that nobody reads ends by that clock too.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    [Fact]
    public async Task Silo_ThatJoins_GetsItsShareWarmAndThenNothingMoves()
    {
        const int conversations = 60, running = 6;
        using var counts = new SiloCounts();
        await using var host = await ClusterHost.StartAloneAsync(
            new TestWorld(), count: 3, options: new() { ShareInterval = Interval });
        var client = new ContractClient(host, "default", lease: 1);
        var ids = await Task.WhenAll(Enumerable.Range(0, conversations).Select(i => client.TellAsync($"hello {i}")));
        var turns = await Task.WhenAll(
            Enumerable.Range(0, running).Select(i => client.SayAsync($"running {i}", ids[i])));
        var silos = host.Silos.Cluster.Silos.ToList();
        var joined = await host.Silos.Cluster.StartAdditionalSiloAsync().WaitAsync(Waits.Patience);

        var rounds = 0;
        for (var quiet = 0; quiet < 5 || DrainTests.WarmIn(joined) < conversations * 0.15; rounds++)
        {
            var before = counts.Dehydrated;
            await RoundAsync(host, conversations);
            quiet = counts.Dehydrated == before ? quiet + 1 : 0;
            Assert.True(rounds < 20, "silos go on moving, or the new one gets nothing");
        }

        Assert.All([.. silos, joined], silo => Assert.InRange(DrainTests.WarmIn(silo), 9, 21));
        await SiloCounts.UntilAsync(() => counts.Dehydrated == counts.Rehydrated);
        for (var i = 0; i < running; i++)
        {
            await (await host.Model.CallAsync($"running {i}")).AnswerAsync();
            Assert.Equal("response.completed", ContractClient.TypeOf((await client.ReadAsync(turns[i]))[^1]));
        }

        await Task.WhenAll(ids.Select(id => client.TellAsync("next", id)));
        Assert.Equal(0, counts.Recovered);
    }

    /// <summary>
    /// Ends when every silo has looked at the shares once more, has moved what it wants to, and waits for the next
    /// round. A clock that moved before that would end a round halfway. A conversation on its way counts as warm on
    /// both silos.
    /// </summary>
    private static async Task RoundAsync(ClusterHost host, int conversations)
    {
        var silos = host.Silos.Cluster.Silos;
        var before = host.Silos.Rounds.Told;
        for (var now = before;
            now.Count < silos.Count * (silos.Count - 1) ||
                now.Any(pair => pair.Value == before.GetValueOrDefault(pair.Key));
            now = host.Silos.Rounds.Told)
        {
            await SiloCounts.UntilAsync(() => host.World.Time.CountArmed(Interval) == silos.Count);
            host.Advance(Interval);
        }

        await SiloCounts.UntilAsync(() => host.World.Time.CountArmed(Interval) == silos.Count);
        await SiloCounts.UntilAsync(() => silos.Sum(DrainTests.WarmIn) == conversations);
    }
}
