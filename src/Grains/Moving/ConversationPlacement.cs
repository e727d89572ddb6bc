using Evergrain.Conversations.Ports;
using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace Evergrain.Grains.Moving;

/// <summary>Where a conversation is activated that is warm nowhere, or moves.</summary>
[GenerateSerializer]
[Immutable]
[SuppressReferenceTracking]
[Alias("evergrain.ConversationPlacement")]
internal sealed class ConversationPlacement : PlacementStrategy
{
}

/// <summary>Places a grain by <see cref="ConversationPlacement"/>.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class ConversationPlacementAttribute() : PlacementAttribute(new ConversationPlacement());

/// <summary>
/// Sends a moving conversation where it is told to go, and any other to the one of two silos, drawn by chance, that is
/// known to hold fewer: near the best of all of them, without everybody running to the same one. Nothing goes to a silo
/// that drains, this one included, while there is another.
/// </summary>
internal sealed class ConversationPlacementDirector(ClusterLoads loads, IIdSource chance) : IPlacementDirector
{
    /// <inheritdoc/>
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target,
        IPlacementContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var compatible = context.GetCompatibleSilos(target);
        var takers = Array.FindAll(compatible, silo => !IsDraining(silo, context.LocalSilo));
        if (takers.Length == 0)
        {
            takers = compatible;
        }

        // The one that moves it has counted it.
        if (IPlacementDirector.GetPlacementHint(target.RequestContextData, takers) is { } hint)
        {
            return Task.FromResult(hint);
        }

        var (one, other) = Draw(takers);
        var chosen = CountOf(other, context.LocalSilo) < CountOf(one, context.LocalSilo) ? other : one;
        loads.Sent(chosen);
        return Task.FromResult(chosen);
    }

    private bool IsDraining(SiloAddress silo, SiloAddress self) =>
        silo.Equals(self) ? loads.IsDraining : loads.Of(silo) is { IsDraining: true };

    private (SiloAddress One, SiloAddress Other) Draw(SiloAddress[] silos)
    {
        var drawn = chance.Next64();
        var one = (int)(drawn % (uint)silos.Length);
        if (silos.Length == 1)
        {
            return (silos[0], silos[0]);
        }

        var step = 1 + (int)((drawn >> 32) % (uint)(silos.Length - 1));
        return (silos[one], silos[(one + step) % silos.Length]);
    }

    // Of a silo that has said nothing yet, nothing is expected: it has just begun.
    private int CountOf(SiloAddress silo, SiloAddress self) =>
        silo.Equals(self) ? loads.Own.Conversations : loads.Of(silo)?.Conversations ?? 0;
}
