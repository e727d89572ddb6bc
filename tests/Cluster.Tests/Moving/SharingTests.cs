using Evergrain.Frontend.Tests.Hosts;
using Evergrain.Grains;
using Orleans.TestingHost;

namespace Evergrain.Cluster.Tests.Moving;

/// <summary>A silo joins others that hold conversations.</summary>
public sealed class SharingTests
{
    private static readonly TimeSpan Interval = new ConversationClusterOptions().ShareInterval;

    [Fact]
    public async Task Silo_ThatJoins_GetsItsShareWarmAndThenNothingMoves()
    {
        const int conversations = 60, running = 6;
        using var counts = new SiloCounts();
        await using var host = await ClusterHost.StartAloneAsync(
            new TestWorld(), count: 3, options: new() { DrainTimeout = TimeSpan.Zero });
        var client = new ContractClient(host, "default", lease: 1);
        var ids = await Task.WhenAll(Enumerable.Range(0, conversations).Select(i => client.TellAsync($"hello {i}")));
        var turns = await Task.WhenAll(
            Enumerable.Range(0, running).Select(i => client.SayAsync($"running {i}", ids[i])));
        var silos = host.Silos.Cluster.Silos.ToList();
        var joined = await host.Silos.Cluster.StartAdditionalSiloAsync().WaitAsync(Waits.Patience);

        await SiloCounts.UntilAsync(() =>
        {
            host.Advance(Interval);
            return DrainTests.WarmIn(joined) >= conversations * 0.15;
        });
        var rounds = 0;
        for (var quiet = 0; quiet < 5; rounds++)
        {
            var before = counts.Dehydrated;
            await RoundAsync(host);
            quiet = counts.Dehydrated == before ? quiet + 1 : 0;
            Assert.True(rounds < 30, "silos go on moving");
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

    private static async Task RoundAsync(ClusterHost host)
    {
        var next = host.World.Time.ArmedAsync(Interval);
        host.Advance(Interval);
        await next;
    }
}
