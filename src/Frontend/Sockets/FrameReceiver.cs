using System.Net.WebSockets;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Sockets;

/// <summary>
/// One connection's receive loop: queues creates, answers nothing itself, and acts at once on a cancel only.
/// </summary>
internal sealed class FrameReceiver(TurnServices services, FrameReader reader, TurnQueue queue,
    UnstoredLeases leases, CancellationToken closing)
{
    private const string CancelType = "response.cancel";

    // An acknowledgement nobody waits for.
    private const string ProcessedType = "response.processed";

    /// <summary>Counts the messages that are no create.</summary>
    public required FrameRate Frames { get; init; }

    /// <summary>How the handshake may be found again.</summary>
    public required TurnOrigin Origin { get; init; }

    /// <summary>Receives until the peer closes, is gone, or breaks a rule that ends the connection.</summary>
    public async Task<SocketEnd> RunAsync()
    {
        try
        {
            while (true)
            {
                var frame = await reader.ReadAsync(closing);
                switch (frame.Outcome)
                {
                    case FrameOutcome.Text:
                        await AcceptAsync(frame.Buffer!, frame.ReceivedAt);
                        break;
                    case FrameOutcome.Binary:
                        Frames.Count();
                        await RefuseAsync(new Refusal(RefusalKind.InvalidRequest,
                            "Binary frames are not understood: send JSON in text frames."));
                        break;
                    case FrameOutcome.Refused:
                        await RefuseAsync(frame.Refusal!, frame.Lane);
                        break;
                    case FrameOutcome.Stalled:
                        return SocketEnd.FrameStalled;
                    case FrameOutcome.OverLong:
                        return SocketEnd.FrameOverLong;
                    default:
                        return SocketEnd.PeerClosed;
                }
            }
        }
        catch (WebSocketException e)
        {
            return e.WebSocketErrorCode == WebSocketError.ConnectionClosedPrematurely
                ? SocketEnd.PeerGone
                : SocketEnd.ProtocolBroken;
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or IOException)
        {
            return SocketEnd.PeerGone;
        }
        catch (Exception e)
        {
            services.Instruments.Faults.Mask(e);
            return SocketEnd.Fault;
        }
    }

    private async ValueTask AcceptAsync(RentedBuffer buffer, long receivedAt)
    {
        var known = services.Turns.FindPrefix(leases.Tenant, buffer.Written);
        var refusal = RoutingFields.Read(buffer.Written.Span, ref known, out var fields) ?? Check(fields);
        if (refusal is not null || fields.Type != RoutingFields.CreateType)
        {
            Frames.Count();
        }

        if (refusal is null && fields.Type == RoutingFields.CreateType)
        {
            refusal = await ChargeAsync(buffer);
            if (refusal is null)
            {
                await QueueAsync(new QueuedFrame(
                    new ReceivedCreate(buffer, fields, receivedAt) { Origin = Origin, Known = known }));
                return;
            }
        }

        buffer.Dispose();
        if (refusal is not null)
        {
            await RefuseAsync(refusal, fields.Lane);
        }
        else if (fields.Type == CancelType)
        {
            await CancelAsync(fields.Response);
        }
    }

    private static Refusal? Check(RoutingFields fields) => fields.Type switch
    {
        RoutingFields.CreateType when fields.HasLane => new Refusal(RefusalKind.InvalidRequest,
            "Lanes are not supported yet: leave 'stream_id' out.", "stream_id"),
        RoutingFields.CreateType => fields.CheckCreate(),
        CancelType or ProcessedType => null,
        null => new Refusal(RefusalKind.MissingField, "'type' is missing: send 'response.create'.", "type"),
        _ => new Refusal(RefusalKind.InvalidRequest,
            $"The type '{RoutingFields.Shorten(fields.Type)}' is not known: send 'response.create'.", "type"),
    };

    /// <summary>
    /// A create that fitted into the first, free buffer is charged for it as well, now that it may wait for long.
    /// </summary>
    private async ValueTask<Refusal?> ChargeAsync(RentedBuffer buffer)
    {
        try
        {
            await buffer.ReserveAsync(buffer.Length, closing);
            return null;
        }
        catch (ConversationException e)
        {
            return e.Refusal;
        }
        catch (OperationCanceledException)
        {
            // Closing: it is dropped like everything that comes now.
            return null;
        }
    }

    private ValueTask RefuseAsync(Refusal refusal, string? lane = null) => QueueAsync(new QueuedFrame(refusal, lane));

    private async ValueTask QueueAsync(QueuedFrame frame)
    {
        // A connection that is closing reads on, so that the peer's close frame is met, but serves nothing more.
        if (closing.IsCancellationRequested)
        {
            frame.Create?.Dispose();
            return;
        }

        try
        {
            await queue.AddAsync(frame, closing);
        }
        catch (OperationCanceledException)
        {
            // The queue was full until the end: it never got in, so nobody else gives its bytes back.
            frame.Create?.Dispose();
            throw;
        }
    }

    private async ValueTask CancelAsync(string? named)
    {
        switch (queue.Cancel(named, out var running))
        {
            case CancelOutcome.Running:
                await CancelRunningAsync(running);
                break;
            case CancelOutcome.OtherResponse:
                await RefuseAsync(new Refusal(RefusalKind.InvalidRequest,
                    "This connection does not run that response: leave 'response_id' out to cancel the running one.",
                    "response_id"));
                break;
        }
    }

    private async ValueTask CancelRunningAsync(ResponseId running)
    {
        try
        {
            var turn = new TurnAddress(leases.Tenant, running, leases.Id);
            await services.Conversations.CancelAsync(turn, closing);
        }
        catch (ConversationException e) when (e.Refusal.Kind == RefusalKind.NotFound)
        {
            // It ended, and was forgotten, meanwhile.
        }
        catch (ConversationException e)
        {
            await RefuseAsync(e.Refusal);
        }
    }
}
