using System.Net.WebSockets;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Sockets;

/// <summary>
/// One connection: a loop that receives and a loop that runs turns, whichever ends first starts a timed close.
/// </summary>
/// <remarks>
/// The receive loop never stops to wait for a turn, so pings are answered, a cancel is heard and a close is seen while
/// one runs. Only the turn loop sends text frames.
/// </remarks>
internal sealed class SocketSession : IDisposable
{
    private const double LifetimeJitter = 0.1;

    private readonly TurnServices _services;
    private readonly WebSocket _socket;
    private readonly PeerConnection _peer;
    private readonly string _tenant;
    private readonly FrameReader _reader;
    private readonly FrameWriter _writer;
    private readonly TurnQueue _queue;
    private readonly UnstoredLeases _leases;
    private readonly TurnRunner _runner;
    private readonly FrameReceiver _receiver;

    // Asks the turn loop to end when the running turn has; and at once.
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _closing = new();
    private SocketEnd _stopReason = SocketEnd.Draining;

    public SocketSession(
        TurnServices services, TurnRunner runner, WebSocket socket, Caller caller, PeerConnection peer)
    {
        (_services, _runner, _socket, _tenant, _peer) = (services, runner, socket, caller.Tenant, peer);
        _reader = new FrameReader(socket, services.Options, services.Time, services.ReceivedBytes, caller.Tenant)
        {
            Thread = services.Thread,
        };
        _writer = new FrameWriter(socket, peer.Stream, peer.Abort, services);
        _queue = new TurnQueue(services.Options);
        _leases = new UnstoredLeases(services, caller.Tenant, _closing.Token);
        _receiver = new FrameReceiver(services, _reader, _queue, _closing.Token)
        {
            Tenant = caller.Tenant,
            Lease = _leases.Id,
        };
    }

    /// <summary>Whether the client asked for frames during a silent wait.</summary>
    public required bool WantsKeepalive { get; init; }

    /// <summary>Serves the connection until it is closed.</summary>
    public async Task RunAsync()
    {
        var lifetime = _services.Jitter(_services.Options.ConnectionLifetime, LifetimeJitter);
        await using var limit = _services.Time.CreateTimer(
            static session => ((SocketSession)session!).Stop(SocketEnd.LifetimeOver), this, lifetime,
            Timeout.InfiniteTimeSpan);
        var receiving = _receiver.RunAsync();
        var turning = RunTurnsAsync();
        var end = await await Task.WhenAny(receiving, turning);
        StopNow(end);
        await CloseAsync(end, receiving, turning);
        await Task.WhenAll(receiving, turning);
        await _leases.ReleaseAllAsync();
    }

    /// <summary>Ends the connection after the running turn, or at once if none runs.</summary>
    public void Stop(SocketEnd reason)
    {
        lock (_stopping)
        {
            if (_stopping.IsCancellationRequested)
            {
                return;
            }

            _stopReason = reason;
            _stopping.Cancel();
        }
    }

    /// <summary>Ends the connection now, in the middle of a turn if one runs.</summary>
    public void StopNow(SocketEnd reason)
    {
        _closing.Cancel();
        Stop(reason);
    }

    public void Dispose()
    {
        _queue.Dispose();
        _socket.Dispose();
    }

    private async Task<SocketEnd> RunTurnsAsync()
    {
        try
        {
            while (!_stopping.IsCancellationRequested && !_closing.IsCancellationRequested)
            {
                var frame = await _queue.TakeAsync(_stopping.Token);
                await AnswerAsync(frame);
                _queue.Finished();
            }

            return await SayWhyAsync();
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            return _stopReason;
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            return await SayWhyAsync();
        }
        catch (ClientGoneException)
        {
            return SocketEnd.PeerGone;
        }
        catch (Exception e)
        {
            // What breaks because it was told to stop is no fault.
            if (!_closing.IsCancellationRequested)
            {
                _services.Faults.Mask(e);
            }

            return SocketEnd.Fault;
        }
    }

    private async ValueTask<SocketEnd> SayWhyAsync()
    {
        if (_stopReason != SocketEnd.LifetimeOver || _closing.IsCancellationRequested)
        {
            return _stopReason;
        }

        try
        {
            var minutes = _services.Options.ConnectionLifetime.TotalMinutes;
            await _writer.SendErrorAsync(new Refusal(RefusalKind.ConnectionLimit, "Responses websocket connection " +
                $"limit reached ({minutes:0.##} minutes). Create a new websocket connection to continue."),
                _closing.Token);
            return SocketEnd.LifetimeOver;
        }
        catch (ClientGoneException)
        {
            return SocketEnd.PeerGone;
        }
    }

    private async ValueTask AnswerAsync(QueuedFrame frame)
    {
        if (frame is QueuedError error)
        {
            await _writer.SendErrorAsync(error.Refusal, _closing.Token);
            return;
        }

        using var create = (QueuedCreate)frame;
        Refusal refusal;
        try
        {
            await RunAsync(create);
            return;
        }
        catch (ConversationException e)
        {
            refusal = e.Refusal;
        }
        catch (Exception e) when (e is not ClientGoneException && !_closing.IsCancellationRequested)
        {
            refusal = _services.Faults.Mask(e);
        }

        await _writer.SendErrorAsync(refusal, _closing.Token);
    }

    private async ValueTask RunAsync(QueuedCreate create)
    {
        var delivery = new SocketDelivery(_writer, _queue, create) { WantsKeepalive = WantsKeepalive };
        await _runner.RunAsync(new TurnRequest
        {
            Tenant = _tenant,
            Skim = create.Skim,
            Body = create.Body,
            Leases = _leases,
            ReceivedAt = create.QueuedAt,
            Cancelled = create.Cancelled,
        }, delivery, _closing.Token);
    }

    /// <summary>Turn loop to rest, close frame out, the peer's close frame in: each step within CloseTimeout.</summary>
    private async ValueTask CloseAsync(SocketEnd end, Task receiving, Task turning)
    {
        var patience = _services.Options.CloseTimeout;
        try
        {
            if (end is SocketEnd.PeerGone)
            {
                _peer.Abort();
                return;
            }

            await turning.WaitAsync(patience, _services.Time);
            if (end is SocketEnd.ProtocolBroken)
            {
                // The close frame is on its way already; a connection cut right behind it could take it along.
                await Task.Delay(patience, _services.Time, _peer.Gone);
            }
            else
            {
                var (status, reason) = end.CloseFrame();
                await _socket.CloseOutputAsync(status, reason, CancellationToken.None)
                    .WaitAsync(patience, _services.Time);
            }

            if (end is not (SocketEnd.PeerClosed or SocketEnd.ProtocolBroken))
            {
                var silence = receiving.IsCompleted ? _reader.DrainAsync() : receiving;
                await silence.WaitAsync(patience, _services.Time);
            }
        }
        catch (Exception e) when (e is TimeoutException or WebSocketException or OperationCanceledException
            or ObjectDisposedException or IOException)
        {
            _peer.Abort();
        }
    }
}

/// <summary>The connection below a socket.</summary>
/// <param name="Abort">Cuts it.</param>
/// <param name="Gone">Cancelled when the peer has left it.</param>
/// <param name="Stream">What its frames are written to, where it can gather them.</param>
internal sealed record PeerConnection(Action Abort, CancellationToken Gone, CorkedStream? Stream);
