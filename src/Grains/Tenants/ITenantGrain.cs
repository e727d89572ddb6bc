using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Grains.Tenants;

/// <summary>What is counted of one tenant across the cluster. Its key is <see cref="TenantGrainKey"/>.</summary>
[Alias("evergrain.ITenantGrain")]
public interface ITenantGrain : IGrainWithStringKey
{
    /// <summary>Adds what a silo has counted. The same report again adds nothing.</summary>
    [Alias("Add")]
    Task Add(TenantReport report);

    /// <summary>All that was added.</summary>
    [Alias("Get")]
    Task<TurnCounts> Get();
}

/// <summary>The key of a tenant's grain: <c>tenant/name</c>.</summary>
/// <remarks>
/// Never the bare name: Orleans' ADO.NET storage keeps a key of hexadecimal digits as a number, and two tenants would
/// be one.
/// </remarks>
public static class TenantGrainKey
{
    /// <summary>Writes the key.</summary>
    public static string Format(string tenant) => $"tenant/{tenant}";
}
