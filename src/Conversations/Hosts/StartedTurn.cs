using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Turns;
using Orleans;

namespace Evergrain.Conversations.Hosts;

/// <summary>A turn that was started, or what is missing to start it.</summary>
/// <param name="Turn">The turn, once its id is durable.</param>
/// <param name="Missing">Items of other conversations to fetch first; null: the turn has started.</param>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.StartedTurn")]
public readonly record struct StartedTurn(
    [property: Id(0)] TurnId Turn, [property: Id(1)] IReadOnlyList<ForeignItem>? Missing = null);
