using System.Buffers;
using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ports;

namespace Evergrain.Grains.Routing;

/// <summary>
/// Puts together what comes in pieces from another process. Its tenant's bound on memory counts it until the reader has
/// used it, since a reader that is slow keeps it here.
/// </summary>
/// <param name="holding">What the tenant holds in this process; null: nobody counts.</param>
internal sealed class ArrivingPieces(TenantHolding? holding) : IDisposable
{
    private long _held;

    /// <summary>What has come; null: nothing.</summary>
    public ArrayBufferWriter<byte>? Bytes { get; private set; }

    /// <summary>Adds a piece.</summary>
    /// <returns>Why there is no room for it; null: it was added.</returns>
    public Refusal? Add(ReadOnlyMemory<byte> piece)
    {
        try
        {
            holding?.Enter(piece.Length);
        }
        catch (ConversationException e)
        {
            return e.Refusal;
        }

        holding?.Change(piece.Length);
        _held += piece.Length;
        Bytes ??= new ArrayBufferWriter<byte>();
        Bytes.Write(piece.Span);
        return null;
    }

    /// <summary>The reader has used it.</summary>
    public void Clear()
    {
        if (_held > 0)
        {
            holding?.Change(-_held);
            (_held, Bytes) = (0, null);
        }
    }

    public void Dispose() => Clear();
}
