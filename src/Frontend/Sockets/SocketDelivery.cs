using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Sockets;

/// <summary>Delivers the events of one create as frames of its connection.</summary>
internal sealed class SocketDelivery(FrameWriter writer, TurnQueue queue, QueuedCreate create) : ITurnDelivery
{
    public int From => 0;

    public bool HasBegun { get; private set; }

    /// <summary>Whether the client asked for frames during a silent wait.</summary>
    public required bool WantsKeepalive { get; init; }

    public bool Started(ResponseId response) => queue.Started(create, response);

    public async ValueTask SendAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        HasBegun = true;
        await writer.SendAsync(batch.Events, cancellationToken);
    }

    public ValueTask KeepAliveAsync(CancellationToken cancellationToken) =>
        writer.SendKeepaliveAsync(cancellationToken);
}
