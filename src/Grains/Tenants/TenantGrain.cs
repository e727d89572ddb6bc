using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Orleans.Runtime;

namespace Evergrain.Grains.Tenants;

/// <summary>Adds up what silos report, and writes it down with each report.</summary>
[GrainType("evergrain.tenant")]
internal sealed class TenantGrain(
    [PersistentState("usage", ClusterStorage.Name)] IPersistentState<TenantState> stored) : Grain, ITenantGrain
{
    /// <inheritdoc/>
    public async Task Add(TenantReport report)
    {
        if (!stored.State.Take(report))
        {
            return;
        }

        try
        {
            await stored.WriteStateAsync();
        }
        catch
        {
            // What is stored may be another thing: the next activation reads it, and the report comes again.
            DeactivateOnIdle();
            throw;
        }
    }

    /// <inheritdoc/>
    public Task<TurnCounts> Get() => Task.FromResult(stored.State.Totals);
}

/// <summary>What is stored of a tenant: small, and written whole.</summary>
internal sealed class TenantState
{
    // A silo's place goes when so many others have reported since: it is long dead then, and reports no more.
    private const int SilosMax = 128;

    /// <summary>All that was added.</summary>
    public TurnCounts Totals { get; set; }

    /// <summary>The last report of each silo; who reported last is last.</summary>
    public List<LastReport> Silos { get; set; } = [];

    /// <summary>Adds a report, unless it was added before.</summary>
    public bool Take(TenantReport report)
    {
        var at = Silos.FindIndex(silo => silo.Silo == report.Process);
        if (at >= 0 && Silos[at].Sequence >= report.Sequence)
        {
            return false;
        }

        if (at >= 0)
        {
            Silos.RemoveAt(at);
        }
        else if (Silos.Count >= SilosMax)
        {
            Silos.RemoveAt(0);
        }

        Silos.Add(new LastReport { Silo = report.Process, Sequence = report.Sequence });
        Totals = Totals.Plus(report.Counts);
        return true;
    }
}

/// <summary>How far a silo's reports were added.</summary>
internal sealed class LastReport
{
    /// <summary>The silo's process.</summary>
    public ulong Silo { get; set; }

    /// <summary>Its last report.</summary>
    public long Sequence { get; set; }
}
