using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Telemetry;

namespace Evergrain.Frontend.Turns;

/// <summary>What everything that runs turns shares, whatever the transport.</summary>
internal sealed class TurnServices
{
    public required IConversations Conversations { get; init; }

    public required IIdSource Ids { get; init; }

    public required TimeProvider Time { get; init; }

    public required EvergrainOptions Options { get; init; }

    public required FrontendInstruments Instruments { get; init; }

    public required FaultReporter Faults { get; init; }

    /// <summary>
    /// Creates that are being started now. When thousands come at once the others wait here in line, and not as work
    /// of the thread pool, where they would keep everything else waiting: health checks, pings, running turns.
    /// </summary>
    public SemaphoreSlim Starting { get; } = new(StartsMax, StartsMax);

    // More than the processors can work on, so that one start's wait for the journal keeps none of them idle.
    private static int StartsMax => 4 * Environment.ProcessorCount;

    /// <summary>A duration, give or take a share of it: clients that came together do not leave together.</summary>
    public TimeSpan Jitter(TimeSpan duration, double share)
    {
        var chance = (Ids.Next64() >> 11) * (1.0 / (1UL << 53));
        return duration * (1 - share + (2 * share * chance));
    }
}
