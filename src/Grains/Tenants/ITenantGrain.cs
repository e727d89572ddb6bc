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
    Task<TenantTotals> Get();
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

/// <summary>What one silo has counted since its last report.</summary>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.TenantReport")]
public sealed class TenantReport
{
    /// <summary>The silo's process, by 64 random bits of its own.</summary>
    [Id(0)]
    public ulong Silo { get; init; }

    /// <summary>Grows with each report of that process.</summary>
    [Id(1)]
    public long Sequence { get; init; }

    /// <summary>What was counted.</summary>
    [Id(2)]
    public TenantTotals Counts { get; init; } = new();
}

/// <summary>Turns by their ends, and tokens.</summary>
[GenerateSerializer]
[Alias("evergrain.TenantTotals")]
public sealed class TenantTotals
{
    /// <summary>Turns that completed.</summary>
    [Id(0)]
    public long Completed { get; set; }

    /// <summary>Turns that the model left incomplete.</summary>
    [Id(1)]
    public long Incomplete { get; set; }

    /// <summary>Turns that were cancelled.</summary>
    [Id(2)]
    public long Cancelled { get; set; }

    /// <summary>Turns that failed.</summary>
    [Id(3)]
    public long Failed { get; set; }

    /// <summary>Turns cut by the death of what ran them.</summary>
    [Id(4)]
    public long Interrupted { get; set; }

    /// <summary>Tokens that went to models.</summary>
    [Id(5)]
    public long InputTokens { get; set; }

    /// <summary>Those of them that a model server had in its cache.</summary>
    [Id(6)]
    public long CachedTokens { get; set; }

    /// <summary>Tokens that came from models.</summary>
    [Id(7)]
    public long OutputTokens { get; set; }

    internal void Add(TenantTotals more)
    {
        Completed += more.Completed;
        Incomplete += more.Incomplete;
        Cancelled += more.Cancelled;
        Failed += more.Failed;
        Interrupted += more.Interrupted;
        InputTokens += more.InputTokens;
        CachedTokens += more.CachedTokens;
        OutputTokens += more.OutputTokens;
    }
}
