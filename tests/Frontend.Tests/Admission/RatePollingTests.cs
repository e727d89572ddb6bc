using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Silo.Usage;

namespace Evergrain.Frontend.Tests.Admission;

/// <summary>What a process of a cluster hears of a tenant's turns in the others.</summary>
public sealed class RatePollingTests
{
    private static readonly string Bounds = AdmissionHost.Json(
        "{}", """{"a":{"TurnsPerMinute":10,"TokensPerMinute":1000}}""");

    [Fact]
    public async Task Use_InOtherProcesses_IsTakenOnce()
    {
        using var host = new AdmissionHost(Bounds);
        var totals = new Totals { Counts = new TurnCounts { Completed = 500, InputTokens = 9_000 } };
        using var polling = new RatePolling(host.Gate.Rates, totals, host.Time);
        host.Gate.Rates.Enter("a");
        host.Gate.Rates.Enter("b");

        // What was used before the first answer is not known by the minute.
        await polling.PollAsync(CancellationToken.None);
        Assert.Equal((9, 1000), Left(host));

        // Three ended, one of them was begun here.
        host.Gate.Rates.Enter("a");
        totals.Counts = totals.Counts.Plus(new TurnCounts { Completed = 2, Failed = 1, OutputTokens = 300 });
        await polling.PollAsync(CancellationToken.None);
        await polling.PollAsync(CancellationToken.None);
        Assert.Equal((6, 700), Left(host));
        Assert.All(totals.Asked, static tenant => Assert.Equal("a", tenant));
    }

    [Fact]
    public async Task Totals_ThatCannotBeRead_AreAskedForAgain()
    {
        using var host = new AdmissionHost(Bounds);
        var totals = new Totals();
        using var polling = new RatePolling(host.Gate.Rates, totals, host.Time);
        host.Gate.Rates.Enter("a");
        await polling.PollAsync(CancellationToken.None);
        totals.Fault = new JournalUnavailableException("away");
        await polling.PollAsync(CancellationToken.None);

        totals.Fault = null;
        totals.Counts = new TurnCounts { InputTokens = 400 };
        await polling.PollAsync(CancellationToken.None);

        Assert.Equal((9, 600), Left(host));
    }

    private static (long Turns, long Tokens) Left(AdmissionHost host)
    {
        var (turns, tokens) = host.Gate.Rates.StandingOf("a");
        return (turns!.Value.Left, tokens!.Value.Left);
    }

    private sealed class Totals : ITenantTotals
    {
        public TurnCounts Counts { get; set; }

        public Exception? Fault { get; set; }

        public List<string> Asked { get; } = [];

        public ValueTask AddAsync(string tenant, TenantReport report, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask<TurnCounts> GetAsync(string tenant, CancellationToken cancellationToken)
        {
            Asked.Add(tenant);
            return Fault is null ? ValueTask.FromResult(Counts) : ValueTask.FromException<TurnCounts>(Fault);
        }
    }
}
