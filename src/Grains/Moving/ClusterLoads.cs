using System.Collections.Concurrent;

namespace Evergrain.Grains.Moving;

/// <summary>
/// What this silo knows of itself and the others: who drains, and how many conversations each holds. A few seconds old;
/// a silo that never said anything, one without conversations among them, is not known.
/// </summary>
internal sealed class ClusterLoads(WarmConversations warm)
{
    private readonly ConcurrentDictionary<SiloAddress, SiloLoad> _others = new();

    // Not disposed: it lives as long as its silo.
    private readonly CancellationTokenSource _drains = new();

    /// <summary>Cancelled when this silo begins to drain. It never ceases to.</summary>
    public CancellationToken Drains => _drains.Token;

    /// <summary>Whether this silo drains.</summary>
    public bool IsDraining => _drains.IsCancellationRequested;

    /// <summary>What others are told.</summary>
    public SiloLoad Own => new(warm.Count, IsDraining);

    /// <summary>The known silos that take conversations, without this one.</summary>
    public IReadOnlyList<KeyValuePair<SiloAddress, SiloLoad>> Takers =>
        [.. _others.Where(static silo => !silo.Value.IsDraining)];

    /// <summary>The known silo with the fewest conversations that takes some; null: there is none.</summary>
    public SiloAddress? Emptiest =>
        Takers.OrderBy(static silo => silo.Value.Conversations).Select(static silo => silo.Key).FirstOrDefault();

    /// <summary>This silo drains from now on.</summary>
    public Task DrainAsync() => _drains.CancelAsync();

    /// <summary>A silo has told its load.</summary>
    public void Heard(SiloAddress silo, SiloLoad load)
    {
        // What was said before it began to drain may arrive after that.
        _others.AddOrUpdate(silo, load, (_, before) => load with { IsDraining = load.IsDraining || before.IsDraining });
        warm.Changed();
    }

    /// <summary>A conversation was sent to a silo: it has one more before it says so.</summary>
    public void Sent(SiloAddress silo)
    {
        if (_others.TryGetValue(silo, out var load))
        {
            _others.TryUpdate(silo, load with { Conversations = load.Conversations + 1 }, load);
        }
    }

    /// <summary>Forgets silos that are no longer there.</summary>
    public void KeepOnly(IReadOnlySet<SiloAddress> silos)
    {
        foreach (var silo in _others.Keys.Where(silo => !silos.Contains(silo)))
        {
            _others.TryRemove(silo, out _);
            warm.Changed();
        }
    }

    /// <summary>What is known of a silo; null: nothing.</summary>
    public SiloLoad? Of(SiloAddress silo) => _others.TryGetValue(silo, out var load) ? load : null;
}
