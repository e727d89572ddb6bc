using System.Net.WebSockets;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Telemetry;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Sockets;

/// <summary>
/// One connection: a loop that receives and a loop that runs turns, whichever ends first starts a timed close. A flood
/// of frames starts it as well.
/// </summary>
/// <remarks>
/// The receive loop never stops to wait for a turn, so pings are answered, a cancel is heard and a close is seen while
/// one runs. Only the turn loop sends text frames.
/// </remarks>
internal sealed class SocketSession : ITurnDelivery, IDisposable
{
    private const double LifetimeJitter = 0.1;

    private readonly TurnServices _services;
    private readonly WebSocket _socket;
    private readonly PeerConnection _peer;
    private readonly FrameReader _reader;
    private readonly FrameWriter _writer;
    private readonly TurnQueue _queue;
    private readonly UnstoredLeases _leases;
    private readonly SocketServices _sockets;
    private readonly FrameReceiver _receiver;

    // Asks the turn loop to end when the running turn has; and at once.
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _closing = new();
    private SocketEnd _stopReason = SocketEnd.Draining;
    private TurnMeter? _meter;
    private TurnConnection _brings = TurnConnection.NewSocket;
    private int _state = (int)ConnectionState.Idle;

    public SocketSession(
        TurnServices services, SocketServices sockets, WebSocket socket, Caller caller, PeerConnection peer)
    {
        (_services, _sockets, _socket, _peer) = (services, sockets, socket, peer);
        _reader = new FrameReader(socket, services.Options, services.Time, sockets.ReceivedBytes, caller.Tenant)
        {
            Thread = sockets.Thread,
        };
        _writer = new FrameWriter(socket, peer.Stream, peer.Abort, services);
        _queue = new TurnQueue(services.Options);
        _leases = sockets.Runner.NewLeases(caller.Tenant, _closing.Token);
        _receiver = new FrameReceiver(services, _reader, _queue, _leases, _closing.Token)
        {
            Frames = peer.Stream.Frames,
            Origin = peer.Origin,
        };
    }

    /// <summary>Whether the client asked for frames during a silent wait.</summary>
    public required bool WantsKeepalive { get; init; }

    /// <summary>What the client asked to be told of the time of its turns.</summary>
    public required TimingWishes Timing { get; init; }

    int ITurnDelivery.From => 0;

    private ConnectionStates States => _services.Instruments.Connections;

    /// <summary>Serves the connection until it is closed, and counts it meanwhile.</summary>
    public async Task RunAsync()
    {
        States.Open();
        try
        {
            await ServeAsync();
        }
        finally
        {
            States.End(_state);
        }
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

    bool ITurnDelivery.Started(ResponseId response, TurnMeter meter)
    {
        (_meter, _brings) = (meter, TurnConnection.Socket);
        return _queue.Started(response);
    }

    ValueTask ITurnDelivery.SendAsync(EventBatch batch, CancellationToken cancellationToken) =>
        _writer.SendAsync(Timing.IsCodex && batch.IsLast
            ? [.. batch.Events.SkipLast(1), TimingEvents.WriteForCodex(_meter!.Read()), batch.Events[^1]]
            : batch.Events, cancellationToken);

    ValueTask ITurnDelivery.EndedAsync(
        ResponseId response, TurnTiming timing, CancellationToken cancellationToken) => Timing.IsTurn
            ? _writer.SendAsync(TimingEvents.WriteTurn(response, timing), cancellationToken)
            : ValueTask.CompletedTask;

    ValueTask ITurnDelivery.KeepAliveAsync(CancellationToken cancellationToken) =>
        _writer.SendKeepaliveAsync(cancellationToken);

    private async Task ServeAsync()
    {
        var lifetime = _services.Options.ConnectionLifetime * (1 - LifetimeJitter + (2 * LifetimeJitter * Chance()));
        await using var limit = _services.Time.CreateTimer(
            static session => ((SocketSession)session!).Stop(SocketEnd.LifetimeOver), this, lifetime,
            Timeout.InfiniteTimeSpan);
        var receiving = _receiver.RunAsync();
        var turning = RunTurnsAsync();
        var end = await await Task.WhenAny(receiving, turning, _peer.Stream.Flooded);
        States.Close(ref _state);
        StopNow(end);
        await CloseAsync(end, receiving, turning);
        await Task.WhenAll(receiving, turning);
        await _leases.ReleaseAllAsync();
    }

    // Clients that came together do not leave together.
    private double Chance() => (_sockets.Ids.Next64() >> 11) * (1.0 / (1UL << 53));

    private async Task<SocketEnd> RunTurnsAsync()
    {
        try
        {
            while (!_stopping.IsCancellationRequested && !_closing.IsCancellationRequested)
            {
                var frame = await _queue.TakeAsync(_stopping.Token);
                States.Change(ref _state, ConnectionState.Idle, ConnectionState.Turn);
                await AnswerAsync(frame);
                States.Change(ref _state, ConnectionState.Turn, ConnectionState.Idle);
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
                _services.Instruments.Faults.Mask(e);
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
                null, _closing.Token);
            return SocketEnd.LifetimeOver;
        }
        catch (ClientGoneException)
        {
            return SocketEnd.PeerGone;
        }
    }

    private async ValueTask AnswerAsync(QueuedFrame frame)
    {
        using var create = frame.Create;
        var refusal = frame.Refusal!;
        try
        {
            if (create is not null)
            {
                create.Connection = _brings;
                await _sockets.Runner.RunAsync(create, _leases, this, _closing.Token);
                return;
            }
        }
        catch (ConversationException e)
        {
            refusal = e.Refusal;
        }
        catch (Exception e) when (e is not ClientGoneException && !_closing.IsCancellationRequested)
        {
            refusal = _services.Instruments.Faults.Mask(e);
        }

        await _writer.SendErrorAsync(refusal, frame.Lane, _closing.Token);
    }

    /// <summary>
    /// Turn loop to rest, close frame out, the peer's close frame in: each step within CloseTimeout. A message that is
    /// too long may still be on its way, so its end has FrameTimeout: a client that reads only when it has sent would
    /// lose the close frame to a reset.
    /// </summary>
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
                var (status, reason) = end.CloseFrame(_services.Options, _reader.BytesMax);
                await _socket.CloseOutputAsync(status, reason, CancellationToken.None)
                    .WaitAsync(patience, _services.Time);
            }

            if (end is not (SocketEnd.PeerClosed or SocketEnd.ProtocolBroken))
            {
                var silence = receiving.IsCompleted ? _reader.DrainAsync() : receiving;
                await silence.WaitAsync(
                    end is SocketEnd.FrameOverLong ? _services.Options.FrameTimeout : patience, _services.Time);
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
/// <param name="Stream">What its frames come from and are written to.</param>
/// <param name="Origin">How its handshake may be found again.</param>
internal sealed record PeerConnection(
    Action Abort, CancellationToken Gone, CorkedStream Stream, TurnOrigin Origin = default);

/// <summary>What every connection needs beside <see cref="TurnServices"/>.</summary>
/// <param name="Runner">Runs its turns.</param>
/// <param name="ReceivedBytes">Is charged for its frames.</param>
/// <param name="Thread">What its frames come on.</param>
/// <param name="Ids">Spreads lifetimes.</param>
internal sealed record SocketServices(TurnRunner Runner, ByteBudget ReceivedBytes, PollingThread Thread, IIdSource Ids);
