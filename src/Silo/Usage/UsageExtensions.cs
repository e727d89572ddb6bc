using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Admission;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Evergrain.Silo.Usage;

/// <summary>Registers the counting of what tenants use.</summary>
internal static class UsageExtensions
{
    /// <summary>
    /// Has <see cref="TenantUsage"/> reported to the <see cref="ITenantTotals"/> that a role registers. What is
    /// registered later stops before, so that the last report holds its turns.
    /// </summary>
    public static IServiceCollection AddUsage(this IServiceCollection services)
    {
        services.TryAddSingleton<TenantUsage>();
        return services.AddHostedService<TenantReporting>();
    }

    /// <summary>Tells the bounds per minute of turns that ended in this process, which runs all of them.</summary>
    public static void FollowUsage(this IServiceProvider services)
    {
        var rates = services.GetRequiredService<RateGate>();
        services.GetRequiredService<TenantUsage>().Counted = (tenant, counts) => rates.Ended(tenant, counts);
    }
}
