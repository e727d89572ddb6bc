using Evergrain.Conversations;
using Evergrain.Conversations.Holding;

namespace Evergrain.Frontend.Admission;

/// <summary>
/// How much memory requests and conversations may take in this process, and the shares of it. All of them follow from
/// what the runtime may use: the machine's memory, or the limit of the container or of the heap.
/// </summary>
internal sealed class MemoryShares
{
    // The other half is for the garbage that a collection finds later, for answers on their way and for the program.
    private const int Part = 2;

    // Requests that arrive are read for a moment, and conversations stay.
    private const int ReceivedPart = 4, TurnPart = 4;

    // A create is held three times while it begins, and as much must be left for others.
    private const int CreatePart = 6;

    private const long ReceivedBytesDefault = 1L << 30;

    private MemoryShares(AdmissionOptions options, long available)
    {
        Available = available;
        BytesMax = options.MemoryBytesMax ?? (available / Part);
        ReceivedBytesMax = options.ReceivedBytesMax ?? Math.Min(ReceivedBytesDefault, BytesMax / ReceivedPart);
        Holding = new HoldingBounds(
            Math.Max(BytesMax / ReceivedPart, BytesMax - ReceivedBytesMax),
            Math.Min(Limits.EventBytesMax, BytesMax / TurnPart));
        CreateBytesMax = (int)Math.Min(Limits.AppendBytesMax, Holding.ConversationBytesMax / CreatePart);
    }

    /// <summary>Bytes that the runtime may use.</summary>
    public long Available { get; }

    /// <summary>Bytes of requests and conversations together.</summary>
    public long BytesMax { get; }

    /// <summary>Bytes of requests whose turn has not started.</summary>
    public long ReceivedBytesMax { get; }

    /// <summary>Bytes of conversations.</summary>
    public HoldingBounds Holding { get; }

    /// <summary>Bytes of one request.</summary>
    public int CreateBytesMax { get; }

    /// <summary>One sentence for the operator.</summary>
    public string Notice => $"Memory: the process may use {MiB(Available)}, of it {MiB(BytesMax)} for requests and " +
        $"conversations (MemoryBytesMax). Requests that arrive may hold {MiB(ReceivedBytesMax)}, conversations " +
        $"{MiB(Holding.ConversationBytesMax)}, the events of a turn {MiB(Holding.TurnBytesMax)}, and one request " +
        $"{MiB(CreateBytesMax)}.";

    /// <summary>The shares by the settings.</summary>
    public static MemoryShares Of(AdmissionOptions options) =>
        Of(options, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    /// <summary>The shares by the settings, where the runtime may use so many bytes.</summary>
    internal static MemoryShares Of(AdmissionOptions options, long available) => new(options, available);

    private static string MiB(long bytes) => $"{bytes >> 20} MiB";
}
