using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
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
}
