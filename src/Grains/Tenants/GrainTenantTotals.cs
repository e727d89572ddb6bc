using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Orleans.Runtime;

namespace Evergrain.Grains.Tenants;

/// <summary>Totals in a cluster: one grain a tenant adds them up.</summary>
internal sealed class GrainTenantTotals(IGrainFactory grains) : ITenantTotals
{
    /// <inheritdoc/>
    public async ValueTask AddAsync(string tenant, TenantReport report, CancellationToken cancellationToken) =>
        await GrainOf(tenant).Add(report).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<TurnCounts> GetAsync(string tenant, CancellationToken cancellationToken)
    {
        try
        {
            return await GrainOf(tenant).Get().WaitAsync(cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OrleansException)
        {
            throw new JournalUnavailableException("The tenant's grain does not answer.", e);
        }
    }

    private ITenantGrain GrainOf(string tenant) => grains.GetGrain<ITenantGrain>(TenantGrainKey.Format(tenant));
}
