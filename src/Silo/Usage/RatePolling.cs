using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Frontend.Admission;
using Microsoft.Extensions.Hosting;

namespace Evergrain.Silo.Usage;

/// <summary>
/// Tells a process of a cluster what tenants with a bound per minute have used in all processes, as often as silos
/// report it. So a burst may pass through several frontends, and what it took is owed after that.
/// </summary>
internal sealed class RatePolling(RateGate rates, ITenantTotals totals, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private readonly Dictionary<string, Seen> _seen = new(StringComparer.Ordinal);

    /// <summary>Asks once for every tenant.</summary>
    internal async Task PollAsync(CancellationToken cancellationToken)
    {
        foreach (var tenant in rates.Bounded.ToList())
        {
            try
            {
                Count(tenant, await totals.GetAsync(tenant, cancellationToken));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // It is asked again, and what was used meanwhile is in the next answer.
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await PollAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process stops.
        }
    }

    private void Count(string tenant, in TurnCounts now)
    {
        var turns = now.Completed + now.Incomplete + now.Cancelled + now.Failed;
        var begun = rates.BegunBy(tenant);
        if (!_seen.TryGetValue(tenant, out var seen))
        {
            // What was used before is not known by the minute.
            _seen[tenant] = new Seen { Turns = turns, Begun = begun, Tokens = Tokens(now) };
            return;
        }

        // Turns count here when they begin, and in the totals when they end.
        var elsewhere = Math.Max(seen.Elsewhere, turns - seen.Turns - (begun - seen.Begun));
        rates.Take(tenant, elsewhere - seen.Elsewhere, Tokens(now) - seen.Tokens);
        (seen.Elsewhere, seen.Tokens) = (elsewhere, Tokens(now));
    }

    private static long Tokens(in TurnCounts counts) => counts.InputTokens + counts.OutputTokens;

    /// <summary>What was known of a tenant: at first, and last.</summary>
    private sealed class Seen
    {
        public required long Turns { get; init; }

        public required long Begun { get; init; }

        public required long Tokens { get; set; }

        public long Elsewhere { get; set; }
    }
}
