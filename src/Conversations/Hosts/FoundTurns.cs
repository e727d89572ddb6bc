using Evergrain.Conversations.Ids;
using Orleans;

namespace Evergrain.Conversations.Hosts;

/// <summary>Turns of one conversation that a list asked for.</summary>
/// <param name="Found">The turns, in the order of the list.</param>
/// <param name="LookedAt">The last turn that was looked at; the default: there was none.</param>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.FoundTurns")]
public readonly record struct FoundTurns(
    [property: Id(0)] TurnId[] Found, [property: Id(1)] TurnId LookedAt);
