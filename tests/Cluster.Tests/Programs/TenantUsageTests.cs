using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Grains.Tenants;
using Evergrain.Silo.Usage;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.Logging;

namespace Evergrain.Cluster.Tests.Programs;

/// <summary>Counting across silos: each report once, whatever became of the call that brought it.</summary>
public sealed class TenantUsageTests
{
    private static readonly TurnCounts One = new(1, 0, 0, 0, 0, 10, 4, 2);
    private static readonly TurnCounts Two = One.Plus(One);

    [Fact]
    public void Report_NotHeard_ComesAgainAsItWas()
    {
        var usage = new TenantUsage(new RandomIdSource());
        usage.Add("a", One);
        var first = Assert.Single(usage.Take()).Report;
        usage.Add("a", One);

        var again = Assert.Single(usage.Take()).Report;
        usage.Told("a");
        var next = Assert.Single(usage.Take()).Report;
        usage.Told("a");

        Assert.Same(first, again);
        Assert.True(next.Sequence > first.Sequence);
        Assert.Equal((1, 10), (next.Counts.Completed, next.Counts.InputTokens));
        Assert.Empty(usage.Take());
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(2, 1)]
    public async Task Stop_WhileAReportIsOnItsWay_TellsWhatWasCountedSince_OrLogsThatItCouldNot(int silent, int added)
    {
        var (time, totals, usage) = (new ManualTime(), new LateTotals(silent), new TenantUsage(new RandomIdSource()));
        using var log = new LogText();
        using var loggers = new LoggerFactory([log]);
        using var reporting = new TenantReporting(usage, totals, time, loggers.CreateLogger<TenantReporting>());
        await reporting.StartAsync(CancellationToken.None);
        usage.Add("a", One);
        time.Advance(TimeSpan.FromSeconds(10));
        await totals.Asked.WaitAsync(Waits.Patience);
        usage.Add("a", Two);

        var stopping = reporting.StopAsync(CancellationToken.None);
        await (silent == 1 ? stopping : totals.Asked).WaitAsync(Waits.Patience);
        time.Advance(TimeSpan.FromSeconds(5));
        await stopping.WaitAsync(Waits.Patience);

        Assert.Equal(added, (await totals.GetAsync("a", CancellationToken.None)).Completed);
        Assert.Equal(silent - 1, log.Lines.Count(static line => line.StartsWith(
            "Warning The process stops, and what 1 tenants used", StringComparison.Ordinal)));
    }

    [Fact]
    public void Report_TakenTwice_IsAddedOnce()
    {
        var state = new TenantState();
        var report = new TenantReport(1, 5, Two);

        Assert.True(state.Take(report));
        Assert.False(state.Take(report));
        Assert.True(state.Take(new TenantReport(2, 1, Two)));

        Assert.Equal(4, state.Totals.Completed);
    }

    [Fact]
    public void Silos_ThatCameAndWent_AreForgottenInTheEnd()
    {
        var state = new TenantState();
        for (var silo = 0UL; silo < 1_000; silo++)
        {
            Assert.True(state.Take(new TenantReport(silo, 1, One)));
        }

        Assert.Equal(1_000, state.Totals.Completed);
        Assert.InRange(state.Silos.Count, 1, 200);
    }

    /// <summary>Adds each report, and does not answer the first ones.</summary>
    private sealed class LateTotals(int silent) : ITenantTotals
    {
        private readonly SemaphoreSlim _asked = new(0);
        private readonly TenantState _state = new();
        private int _calls;

        /// <summary>Ends with the next report that is not answered.</summary>
        public Task Asked => _asked.WaitAsync();

        public async ValueTask AddAsync(string tenant, TenantReport report, CancellationToken cancellationToken)
        {
            _state.Take(report);
            if (++_calls <= silent)
            {
                _asked.Release();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
            }
        }

        public ValueTask<TurnCounts> GetAsync(string tenant, CancellationToken cancellationToken) => new(_state.Totals);
    }
}
