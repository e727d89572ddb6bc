using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Grains.Tenants;

/// <summary>What this silo has counted and not yet told the tenants' grains.</summary>
internal sealed class TenantUsage(IIdSource ids)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, TenantTotals> _counted = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TenantReport> _untold = new(StringComparer.Ordinal);
    private readonly ulong _silo = ids.Next64();
    private long _sequence;

    /// <summary>Counts turns of a tenant that ended.</summary>
    public void Add(string tenant, in TurnCounts counts)
    {
        lock (_lock)
        {
            if (!_counted.TryGetValue(tenant, out var totals))
            {
                _counted.Add(tenant, totals = new TenantTotals());
            }

            totals.Add(new TenantTotals
            {
                Completed = counts.Completed,
                Incomplete = counts.Incomplete,
                Cancelled = counts.Cancelled,
                Failed = counts.Failed,
                Interrupted = counts.Interrupted,
                InputTokens = counts.InputTokens,
                CachedTokens = counts.CachedTokens,
                OutputTokens = counts.OutputTokens,
            });
        }
    }

    /// <summary>
    /// What is to be told, one report a tenant. One that was not heard stays as it is: whether it was added is unknown,
    /// and what was counted since goes into the next.
    /// </summary>
    public IReadOnlyList<(string Tenant, TenantReport Report)> Take()
    {
        lock (_lock)
        {
            foreach (var (tenant, totals) in _counted)
            {
                if (_untold.TryAdd(tenant, new TenantReport
                {
                    Silo = _silo,
                    Sequence = _sequence + 1,
                    Counts = totals,
                }))
                {
                    _sequence++;
                    _counted.Remove(tenant);
                }
            }

            return [.. _untold.Select(static report => (report.Key, report.Value))];
        }
    }

    /// <summary>A report was added.</summary>
    public void Told(string tenant)
    {
        lock (_lock)
        {
            _untold.Remove(tenant);
        }
    }
}
