using System.Buffers;
using System.Net.WebSockets;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;
using Evergrain.Frontend.Telemetry;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Sockets;

/// <summary>
/// Sends text frames, one at a time: only the turn loop calls it, and the close frame waits for that loop's end.
/// </summary>
internal sealed class FrameWriter(WebSocket socket, CorkedStream below, Action abort, TurnServices services)
{
    private static readonly byte[] Keepalive = """{"type":"evergrain:keepalive"}"""u8.ToArray();

    /// <summary>Sends one text frame; a peer that takes too long to read it loses its socket.</summary>
    /// <exception cref="ClientGoneException">The frame cannot be sent.</exception>
    public ValueTask SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        var sending = SendWholeAsync(frame);

        // Nearly always the bytes fit into the buffers below and there is nothing to wait for.
        return sending.IsCompletedSuccessfully ? sending : WaitAsync(sending.AsTask(), cancellationToken);
    }

    /// <summary>Sends frames that are there together, as few writes as they fit in.</summary>
    /// <exception cref="ClientGoneException">They cannot be sent.</exception>
    public async ValueTask SendAsync(IReadOnlyList<ReadOnlyMemory<byte>> frames, CancellationToken cancellationToken)
    {
        try
        {
            below.IsCorked = frames.Count > 1;
            for (var i = 0; i < frames.Count - 1; i++)
            {
                await SendAsync(frames[i], cancellationToken);
            }
        }
        finally
        {
            below.IsCorked = false;
        }

        await SendAsync(frames[^1], cancellationToken);
    }

    /// <summary>Sends an error; <paramref name="lane"/> is the <c>stream_id</c> of what it answers.</summary>
    /// <exception cref="ClientGoneException">It cannot be sent.</exception>
    public ValueTask SendErrorAsync(Refusal refusal, string? lane, CancellationToken cancellationToken)
    {
        var frame = new ArrayBufferWriter<byte>();
        ErrorWriter.WriteFrame(frame, refusal, lane);
        services.Instruments.ErrorSent(refusal);
        return SendAsync(frame.WrittenMemory, cancellationToken);
    }

    public ValueTask SendKeepaliveAsync(CancellationToken cancellationToken)
    {
        services.Instruments.KeepaliveSent();
        return SendAsync(Keepalive, cancellationToken);
    }

    // No token: cancelling a send aborts the socket, and a close frame may still have to follow.
    private async ValueTask SendWholeAsync(ReadOnlyMemory<byte> frame)
    {
        try
        {
            await socket.SendAsync(frame, WebSocketMessageType.Text, true, CancellationToken.None);
        }
        catch (Exception e)
        {
            throw new ClientGoneException("The connection is gone.", e);
        }
    }

    private async ValueTask WaitAsync(Task sending, CancellationToken cancellationToken)
    {
        try
        {
            await sending.WaitAsync(services.Options.SendTimeout, services.Time, cancellationToken);
        }
        catch (TimeoutException e)
        {
            abort();
            throw new ClientGoneException("The peer does not read.", e);
        }
    }
}
