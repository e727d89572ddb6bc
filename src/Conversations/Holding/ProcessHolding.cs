using System.Collections.Concurrent;

namespace Evergrain.Conversations.Holding;

/// <summary>
/// Adds up what the conversations of a process hold that cannot be given back at once: running turns and their events,
/// unstored turns, events that somebody reads. What the journal has too is not in it, since it may go at any time.
/// </summary>
/// <param name="bounds">Gives the bounds in force.</param>
/// <param name="tenantBytesMax">Gives the bound of one tenant.</param>
public sealed class ProcessHolding(Func<HoldingBounds> bounds, Func<string, long> tenantBytesMax)
{
    // Kept for good: API keys name all that there can be.
    private readonly ConcurrentDictionary<string, TenantHolding> _tenants = new(StringComparer.Ordinal);
    private long _bytes;

    /// <summary>The bounds in force.</summary>
    public HoldingBounds Bounds => bounds();

    /// <summary>Bytes that are held now, estimated.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Bytes that may still be held; negative: too many are.</summary>
    internal long Free => Bounds.ConversationBytesMax - Bytes;

    /// <summary>Bytes that warm conversations may hold, where a setting allows so many.</summary>
    public long WarmBytesMax(long set) => Math.Min(set, Bounds.ConversationBytesMax);

    /// <summary>What one tenant's conversations hold.</summary>
    public TenantHolding Of(string tenant) => _tenants.GetOrAdd(
        tenant, static (name, process) => new TenantHolding(process, () => process.MaxOf(name)), this);

    internal void Change(long difference) => Interlocked.Add(ref _bytes, difference);

    private long MaxOf(string tenant) => tenantBytesMax(tenant);
}
