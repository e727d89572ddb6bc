using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <summary>
/// Which conversations leave memory, and that nobody notices. The budget is three large ones and a large create, which
/// counts its input, the rendering and the append.
/// </summary>
public abstract class PassivationContract(IContractHosts hosts) : HostContract(hosts)
{
    // What a large conversation here counts as: its one large item, twice.
    private const int LargeBytes = 2 * TextChars;
    private const int TextChars = 300_000;
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    // Every host looks at its budget within this time.
    private static readonly TimeSpan Sweep = TimeSpan.FromSeconds(1);

    protected override HostSetup Setup { get; } = new() { WarmBytesMax = 4 * LargeBytes };

    [Fact]
    public async Task Budget_Exceeded_PassivatesTheColdest()
    {
        var ids = new List<ResponseId>();
        for (var i = 0; i < 3; i++)
        {
            ids.Add(await TellLargeAsync());
        }

        Host.Advance(Moment);
        await Client.GetAsync(ids[0]);
        Host.Advance(Sweep);
        Assert.Equal(0, Host.Counts.Passivated);
        ids.Add(await TellLargeAsync());
        Host.Advance(Sweep);
        await Host.Counts.PassivatedAsync(1);
        foreach (var warm in (ResponseId[])[ids[0], ids[2], ids[3]])
        {
            await Client.GetAsync(warm);
        }

        Assert.Equal((4, 1), (Host.Counts.Activated, Host.Counts.Passivated));
        Assert.Equal("completed", (await Client.GetAsync(ids[1])).GetProperty("status").GetString());
        Assert.Equal(5, Host.Counts.Activated);
    }

    [Fact]
    public async Task Budget_Exceeded_RunningAndUnstoredStay()
    {
        var running = await Client.SayAsync(Large("running"));
        var call = await Model.CallAsync(Large("running"));
        Host.Advance(Moment);
        var unstored = await TellLargeAsync(store: false);
        var idle = await TellLargeAsync();
        var last = await TellLargeAsync();
        Host.Advance(Sweep);
        await Host.Counts.PassivatedAsync(1);
        await Client.GetAsync(running);
        await Client.GetAsync(unstored);
        await Client.GetAsync(last);
        Assert.Equal((4, 1), (Host.Counts.Activated, Host.Counts.Passivated));
        await call.AnswerAsync();
        await Client.ReadAsync(running);
        await Client.ReadAsync(idle);
    }

    [Fact]
    public async Task UnknownId_AskedForAgainAndAgain_LeavesMemoryBetween()
    {
        var unknown = new ResponseId(ContractClient.NewConversation(), TurnId.Stored(1));
        for (var second = 0; second < 20; second++)
        {
            await ContractClient.RefusedAsync(() => Client.GetTextAsync(unknown));
            Host.Advance(TimeSpan.FromSeconds(1));
        }

        await Host.Counts.PassivatedAsync(2);
    }

    [Fact]
    public async Task Passivate_WhileCallersCome_LosesNobody()
    {
        var root = await Client.TellAsync("root");
        var callers = Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(async () =>
        {
            var last = root;
            for (var turn = 0; turn < 50; turn++)
            {
                last = await Client.TellAsync($"{i} {turn}", last);
            }

            return last;
        })));
        while (!callers.IsCompleted)
        {
            await Host.PassivateAsync();
            await Task.Yield();
        }

        foreach (var last in await callers)
        {
            Assert.Equal(101, await CountItemsAsync(last));
        }

        Assert.Equal(1, Host.Counts.Warm);
    }

    private static string Large(string text) => text.PadRight(TextChars, '.');

    private async Task<ResponseId> TellLargeAsync(bool store = true)
    {
        Host.Advance(Moment);
        return await Client.TellAsync(Large("large"), store: store);
    }

    private async Task<int> CountItemsAsync(ResponseId id)
    {
        var (count, after) = (0, (string?)null);
        while (true)
        {
            var page = await Client.ListItemsAsync(id, new ItemPage(100, true, after));
            count += page.GetProperty("data").GetArrayLength();
            if (!page.GetProperty("has_more").GetBoolean())
            {
                return count;
            }

            after = page.GetProperty("last_id").GetString();
        }
    }
}
