using System.Threading.Channels;
using Evergrain.Conversations;
using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <summary>
/// What the conversations of a process may hold, by turn, tenant and process, and what happens over it.
/// </summary>
public abstract class HoldingContract(IContractHosts hosts) : HostContract(hosts)
{
    private const long ProcessBytesMax = 8 << 20, TurnBytesMax = 1 << 20, LimitedBytesMax = 2 << 20;
    private const int TextChars = 100_000;
    private const string Limited = "limited";

    private readonly ProcessHolding _holding = new(
        static () => new HoldingBounds(ProcessBytesMax, TurnBytesMax),
        static tenant => tenant == Limited ? LimitedBytesMax : long.MaxValue);

    protected override HostSetup Setup => new() { Holding = _holding };

    [Fact]
    public async Task Unstored_TurnsOfOneTenant_LeaveRoomForOthers()
    {
        var (last, refusal) = await FillAsync(Client);

        Assert.Equal(RefusalKind.MemoryExceeded, refusal.Kind);
        Assert.NotNull(refusal.RetryAfter);
        Assert.InRange(_holding.Bytes, ProcessBytesMax / 4, ProcessBytesMax);

        // What was there goes on, and others find room.
        await Client.GetAsync(last);
        var other = new ContractClient(Host, "other", lease: 2);
        await other.TellAsync(Large("other"), store: false);
        await other.TellAsync("stored");

        await Client.ReleaseAsync(last.Conversation);
        await Client.TellAsync(Large("again"), store: false);
    }

    [Fact]
    public async Task Unstored_TurnsOfALimitedTenant_EndAtItsBound()
    {
        var (last, refusal) = await FillAsync(new ContractClient(Host, Limited, lease: 2));

        Assert.Equal(RefusalKind.MemoryExceeded, refusal.Kind);
        Assert.InRange(_holding.Of(Limited).Bytes, LimitedBytesMax / 2, LimitedBytesMax);
        Assert.NotEqual(default, last);
    }

    [Fact]
    public async Task Stored_TurnsWithoutEnd_AreNeverRefused()
    {
        ResponseId? last = null;
        for (var i = 0; i < 2 * ProcessBytesMax / TextChars / 3; i++)
        {
            last = await Client.TellAsync(Large("stored"), i % 8 == 0 ? null : last);
        }

        await UntilNothingIsHeldAsync();
    }

    [Fact]
    public async Task Events_OfOneTurn_AreBoundedAndTheTurnFailsByName()
    {
        var id = await Client.SayAsync("flood");
        var call = await Model.CallAsync("flood");
        await call.SayAsync([.. Speech.Message("").Take(2)]);
        for (var i = 0; i < 4000; i++)
        {
            await TrySayAsync(call, new string('x', 200));
        }

        await call.Cancelled;
        var events = await Client.ReadAsync(id);
        var error = ContractClient.Parse(ContractClient.ResponseIn(events[^1])).GetProperty("error");
        Assert.Equal(TenantHolding.Code, error.GetProperty("code").GetString());
        Assert.Contains($"{TurnBytesMax}", error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.InRange(events.Sum(static json => (long)json.Length), TurnBytesMax / 2, TurnBytesMax);
        await UntilNothingIsHeldAsync();
    }

    [Fact]
    public async Task Events_OfManyTurns_AreBoundedByTheirTenant()
    {
        var client = new ContractClient(Host, Limited, lease: 2);
        var calls = new List<GatedCall>();
        for (var i = 0; i < 6; i++)
        {
            await client.SayAsync($"flood {i}");
            calls.Add(await Model.CallAsync($"flood {i}"));
            await calls[i].SayAsync([.. Speech.Message("").Take(2)]);
        }

        // No turn alone has more than it may.
        for (var i = 0; i < 90; i++)
        {
            foreach (var call in calls)
            {
                await TrySayAsync(call, new string('x', 9_000));
            }
        }

        await Task.WhenAny(calls.Select(static call => call.Cancelled));
        Assert.InRange(_holding.Of(Limited).Bytes, 0, LimitedBytesMax + (calls.Count * Limits.BatchBytesMax));
        foreach (var call in calls)
        {
            call.End();
        }

        await UntilNothingIsHeldAsync();
    }

    /// <summary>Says something, unless the call is over.</summary>
    private static async Task TrySayAsync(GatedCall call, string text)
    {
        try
        {
            await call.SayAsync(Speech.Delta(text));
        }
        catch (Exception e) when (e is ChannelClosedException or OperationCanceledException)
        {
            // The turn was ended.
        }
    }

    private static string Large(string text) => text.PadRight(TextChars, '.');

    /// <summary>Continues unstored turns until one is refused; gives the last that was not, and why.</summary>
    private static async Task<(ResponseId Last, Refusal Refusal)> FillAsync(ContractClient client)
    {
        ResponseId? last = null;
        for (var i = 0; i < 2 * ProcessBytesMax / TextChars; i++)
        {
            try
            {
                last = await client.TellAsync(Large("unstored"), last, store: false);
            }
            catch (ConversationException e)
            {
                return (last ?? default, e.Refusal);
            }
        }

        throw new InvalidOperationException("no create was refused");
    }

    private async Task UntilNothingIsHeldAsync()
    {
        using var patience = new CancellationTokenSource(Waits.Patience);
        while (_holding.Bytes > 0)
        {
            // Readers detach, and silos hear of it, a moment after the last event.
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
        }
    }
}
