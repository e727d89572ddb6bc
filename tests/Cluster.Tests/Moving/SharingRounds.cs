using System.Collections.Concurrent;
using Evergrain.Grains.Moving;

namespace Evergrain.Cluster.Tests.Moving;

/// <summary>Counts how often each silo has told each other silo its load: once in every round of sharing.</summary>
internal sealed class SharingRounds : IIncomingGrainCallFilter
{
    private readonly ConcurrentDictionary<(SiloAddress Teller, SiloLoads Listener), int> _told = new();

    /// <summary>How often each silo has told each other silo so far.</summary>
    public IReadOnlyDictionary<(SiloAddress Teller, SiloLoads Listener), int> Told =>
        new Dictionary<(SiloAddress, SiloLoads), int>(_told);

    public Task Invoke(IIncomingGrainCallContext context)
    {
        if (context.Grain is SiloLoads listener && context.Request.GetArgument(0) is SiloAddress teller)
        {
            _told.AddOrUpdate((teller, listener), 1, static (_, count) => count + 1);
        }

        return context.Invoke();
    }
}
