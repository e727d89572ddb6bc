using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Holding;

/// <summary>
/// What one tenant's conversations hold in a process. The tenant may hold as much as is still free there. So the more
/// tenants hold much, the less each of them may, and one that holds little always finds room.
/// </summary>
/// <param name="process">What all conversations of the process hold.</param>
/// <param name="bytesMax">Gives the tenant's own bound.</param>
public sealed class TenantHolding(ProcessHolding process, Func<long> bytesMax)
{
    /// <summary>The wire's code of a create that is refused, and of a turn that fails, for its bytes.</summary>
    public const string Code = "memory_limit_exceeded";

    // A turn that runs may go beyond what a create may begin with: it is better to take no create than to cut a turn.
    private const int GrowthFactor = 2;

    // Long enough for a turn to end, which is what gives bytes back.
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(2);

    private long _bytes;

    /// <summary>Bytes that are held now, estimated.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>The bounds of the process.</summary>
    public HoldingBounds Bounds => process.Bounds;

    /// <summary>Lets a create begin that needs so many bytes.</summary>
    /// <exception cref="ConversationException">There is no room for it.</exception>
    public void Enter(long bytes)
    {
        var (held, free, own) = (Bytes, process.Free, bytesMax());
        if (held + bytes <= Math.Min(own, free - bytes))
        {
            return;
        }

        var max = Math.Max(0, Math.Min(own, free));
        throw new ConversationException(held > 0
            ? new Refusal(RefusalKind.MemoryExceeded, $"Your running and unstored turns hold {held} bytes of memory. " +
                $"With this create they would hold more than they may, {max}: end turns, close connections, or try " +
                "again later.") { RetryAfter = RetryAfter }
            : new Refusal(RefusalKind.Overloaded, $"The server has {max} bytes of memory left for turns, too few for " +
                "this create: try again later.") { RetryAfter = RetryAfter });
    }

    /// <summary>Why a running turn may not grow; null: it may.</summary>
    public string? WhyNoGrowth()
    {
        var (held, free, own) = (Bytes, process.Free, bytesMax());
        return held <= Math.Min(own, GrowthFactor * free)
            ? null
            : $"The turn was ended: your running and unstored turns hold {held} bytes of memory, more than they may.";
    }

    /// <summary>The tenant's conversations hold more, or less.</summary>
    public void Change(long difference)
    {
        Interlocked.Add(ref _bytes, difference);
        process.Change(difference);
    }
}
