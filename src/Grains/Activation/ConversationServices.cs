using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Grains.Moving;
using Microsoft.Extensions.Logging;

namespace Evergrain.Grains.Activation;

/// <summary>What every conversation of a silo shares.</summary>
internal sealed record ConversationServices
{
    public required IJournal Journal { get; init; }

    public required ModelCatalog Models { get; init; }

    public required IIdSource Ids { get; init; }

    /// <summary>The clock of grains, by which their timers go as well.</summary>
    public required TimeProvider Time { get; init; }

    public required ILogger Logger { get; init; }

    public required ConversationClusterOptions Options { get; init; }

    public required ConversationInstruments Instruments { get; init; }

    /// <summary>The check on new input; null: there is none.</summary>
    public InputGate? InputGate { get; init; }

    public required WarmConversations Warm { get; init; }

    public required ConversationMoves Moves { get; init; }
}
