using Evergrain.Conversations.Ids;
using Orleans;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// A create refers to output items of other conversations. The host fetches them and starts the turn again.
/// </summary>
public sealed class ForeignItemsException(IReadOnlyList<ForeignItem> items)
    : Exception($"The create refers to {items.Count} items of other conversations.")
{
    /// <summary>The items, each once.</summary>
    public IReadOnlyList<ForeignItem> Items { get; } = items;
}

/// <summary>An output item of another conversation.</summary>
/// <param name="Id">Its id, as the create has it.</param>
/// <param name="Response">The response it belongs to.</param>
/// <param name="Index">Its output index.</param>
[Alias("evergrain.ForeignItemReference")]
public readonly record struct ForeignItem(string Id, ResponseId Response, int Index);
