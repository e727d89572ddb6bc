using Evergrain.Conversations.Ids;
using Evergrain.Frontend.InProcess;

namespace Evergrain.Frontend.Tests.Hosts;

public sealed class InProcessPassivationTests
{
    // What a large conversation here counts as: its one large item, twice.
    private const int LargeBytes = 2 * TextChars;
    private const int TextChars = 300_000;
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    [Fact]
    public async Task Budget_Exceeded_PassivatesTheColdest()
    {
        await using var host = await InProcessHost.StartInMemoryAsync(Budget(3.5));
        var client = new ContractClient(host, "default", 1);
        var ids = new List<ResponseId>();
        for (var i = 0; i < 3; i++)
        {
            ids.Add(await TellLargeAsync(host, client));
        }

        host.Advance(Moment);
        await client.GetAsync(ids[0]);
        Assert.Equal(0, host.Counts.Passivated);
        ids.Add(await TellLargeAsync(host, client));
        await host.Counts.PassivatedAsync(1);
        foreach (var warm in (ResponseId[])[ids[0], ids[2], ids[3]])
        {
            await client.GetAsync(warm);
        }

        Assert.Equal((4, 1), (host.Counts.Activated, host.Counts.Passivated));
        Assert.Equal("completed", (await client.GetAsync(ids[1])).GetProperty("status").GetString());
        Assert.Equal(5, host.Counts.Activated);
    }

    [Fact]
    public async Task Budget_Exceeded_RunningAndUnstoredStay()
    {
        await using var host = await InProcessHost.StartInMemoryAsync(Budget(3.5));
        var client = new ContractClient(host, "default", 1);
        var running = await client.SayAsync(Large("running"));
        var call = await host.Model.CallAsync(Large("running"));
        host.Advance(Moment);
        var unstored = await TellLargeAsync(host, client, store: false);
        var idle = await TellLargeAsync(host, client);
        var last = await TellLargeAsync(host, client);
        await host.Counts.PassivatedAsync(1);
        await client.GetAsync(running);
        await client.GetAsync(unstored);
        await client.GetAsync(last);
        Assert.Equal((4, 1), (host.Counts.Activated, host.Counts.Passivated));
        await call.AnswerAsync();
        await client.ReadAsync(running);
        await client.ReadAsync(idle);
    }

    [Fact]
    public async Task WarmTime_Over_PassivatesWhatIsIdle()
    {
        var options = new InProcessOptions();
        await using var host = await InProcessHost.StartInMemoryAsync(options);
        var client = new ContractClient(host, "default", 1);
        var old = await client.TellAsync("old");
        host.Advance(options.WarmTime - TimeSpan.FromMinutes(1));
        var young = await client.TellAsync("young");
        var running = await client.SayAsync("running");
        var call = await host.Model.CallAsync("running");
        await using var reader = client.Open(running);
        await reader.NextAsync();
        Assert.Equal(0, host.Counts.Passivated);
        host.Advance(TimeSpan.FromMinutes(2));
        await host.Counts.PassivatedAsync(1);
        await client.GetAsync(young);
        Assert.Equal((3, 1), (host.Counts.Activated, host.Counts.Passivated));
        host.Advance(options.WarmTime + TimeSpan.FromMinutes(1));
        await host.Counts.PassivatedAsync(2);
        await call.AnswerAsync();
        Assert.NotEmpty(await reader.ReadToEndAsync());
        Assert.Equal(2, host.Counts.Passivated);
        Assert.NotEmpty(await client.ReadAsync(old));
    }

    [Fact]
    public async Task Passivate_WhileCallersCome_LosesNobody()
    {
        await using var host = await InProcessHost.StartInMemoryAsync();
        var client = new ContractClient(host, "default", 1);
        var root = await client.TellAsync("root");
        var callers = Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(async () =>
        {
            var last = root;
            for (var turn = 0; turn < 50; turn++)
            {
                last = await client.TellAsync($"{i} {turn}", last);
            }

            return last;
        })));
        while (!callers.IsCompleted)
        {
            await host.PassivateAsync();
            await Task.Yield();
        }

        foreach (var last in await callers)
        {
            Assert.Equal(101, await CountItemsAsync(client, last));
        }

        Assert.Equal(1, host.Counts.Warm);
    }

    private static InProcessOptions Budget(double conversations) =>
        new() { WarmBytesMax = (long)(conversations * LargeBytes) };

    private static string Large(string text) => text.PadRight(TextChars, '.');

    private static async Task<ResponseId> TellLargeAsync(InProcessHost host, ContractClient client, bool store = true)
    {
        host.Advance(Moment);
        return await client.TellAsync(Large("large"), store: store);
    }

    private static async Task<int> CountItemsAsync(ContractClient client, ResponseId id)
    {
        var (count, after) = (0, (string?)null);
        while (true)
        {
            var page = await client.ListItemsAsync(id, new Evergrain.Conversations.Ports.ItemPage(100, true, after));
            count += page.GetProperty("data").GetArrayLength();
            if (!page.GetProperty("has_more").GetBoolean())
            {
                return count;
            }

            after = page.GetProperty("last_id").GetString();
        }
    }
}
