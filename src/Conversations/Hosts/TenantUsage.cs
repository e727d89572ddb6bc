using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Hosts;

/// <summary>What this process has counted and not yet reported to <see cref="ITenantTotals"/>.</summary>
/// <param name="ids">Gives the process its id in reports.</param>
public sealed class TenantUsage(IIdSource ids)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, TurnCounts> _counted = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TenantReport> _untold = new(StringComparer.Ordinal);
    private readonly ulong _process = ids.Next64();
    private long _sequence;

    /// <summary>Is told at once of turns that ended; it must not wait.</summary>
    public Action<string, TurnCounts>? Counted { get; set; }

    /// <summary>Counts turns of a tenant that ended.</summary>
    public void Add(string tenant, in TurnCounts counts)
    {
        lock (_lock)
        {
            _counted[tenant] = _counted.GetValueOrDefault(tenant).Plus(counts);
        }

        Counted?.Invoke(tenant, counts);
    }

    /// <summary>
    /// What is to be reported, one report a tenant. A report without an answer stays as it is: whether it was added is
    /// unknown, and what was counted since goes into the next.
    /// </summary>
    public IReadOnlyList<(string Tenant, TenantReport Report)> Take()
    {
        lock (_lock)
        {
            foreach (var (tenant, counts) in _counted)
            {
                if (_untold.TryAdd(tenant, new TenantReport(_process, _sequence + 1, counts)))
                {
                    _sequence++;
                    _counted.Remove(tenant);
                }
            }

            return [.. _untold.Select(static report => (report.Key, report.Value))];
        }
    }

    /// <summary>A tenant's report was added.</summary>
    public void Told(string tenant)
    {
        lock (_lock)
        {
            _untold.Remove(tenant);
        }
    }
}
