using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Admission;
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

    public required TurnGate Turns { get; init; }

    public required ByteBudget ReceivedBytes { get; init; }

    public required PollingThread Thread { get; init; }

    /// <summary>A duration, give or take a share of it: clients that came together do not leave together.</summary>
    public TimeSpan Jitter(TimeSpan duration, double share)
    {
        var chance = (Ids.Next64() >> 11) * (1.0 / (1UL << 53));
        return duration * (1 - share + (2 * share * chance));
    }
}
