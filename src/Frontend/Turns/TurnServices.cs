using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Telemetry;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Turns;

/// <summary>What everything that runs turns shares, whatever the transport.</summary>
internal sealed class TurnServices(ITurns turns, IConversations conversations, TimeProvider time,
    IOptions<EvergrainOptions> options, FrontendInstruments instruments)
{
    public ITurns Turns { get; } = turns;

    public IConversations Conversations { get; } = conversations;

    public TimeProvider Time { get; } = time;

    public EvergrainOptions Options { get; } = options.Value;

    public FrontendInstruments Instruments { get; } = instruments;
}
