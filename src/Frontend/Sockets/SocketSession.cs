using System.Net.WebSockets;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;

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

    private readonly SocketServices _services;
    private readonly WebSocket _socket;
    private readonly Caller _caller;
    private readonly Action _abort;
    private readonly FrameReader _reader;
    private readonly FrameWriter _writer;
    private readonly TurnQueue _queue;
    private readonly UnstoredLeases _leases;
    private readonly TurnRunner _runner;

    // Asks the turn loop to end when the running turn has; and at once.
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _closing = new();
    private SocketEnd _stopReason = SocketEnd.Draining;

    public SocketSession(SocketServices services, WebSocket socket, Caller caller, bool wantsKeepalive, Action abort)
    {
        (_services, _socket, _caller, _abort) = (services, socket, caller, abort);
        _reader = new FrameReader(socket, services.Options, services.Time);
        _writer = new FrameWriter(socket, abort, services);
        _queue = new TurnQueue(services.Options);
        _leases = new UnstoredLeases(services, caller.Tenant, _closing.Token);
        _runner = new TurnRunner(services, _writer, _queue, _leases)
        {
            Caller = caller,
            WantsKeepalive = wantsKeepalive,
        };
    }

    /// <summary>Serves the connection until it is closed.</summary>
    public async Task RunAsync()
    {
        var lifetime = _services.Jitter(_services.Options.ConnectionLifetime, LifetimeJitter);
        await using var limit = _services.Time.CreateTimer(
            static session => ((SocketSession)session!).Stop(SocketEnd.LifetimeOver), this, lifetime,
            Timeout.InfiniteTimeSpan);
        var receiving = ReceiveAsync();
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

    private async Task<SocketEnd> ReceiveAsync()
    {
        try
        {
            while (true)
            {
                var frame = await _reader.ReadAsync();
                switch (frame.Outcome)
                {
                    case FrameOutcome.Text:
                        await AcceptAsync(frame.Buffer!);
                        break;
                    case FrameOutcome.Binary:
                        await RefuseAsync(new Refusal(RefusalKind.InvalidRequest,
                            "Binary frames are not understood: send JSON in text frames."));
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
            _services.Faults.Mask(e);
            return SocketEnd.Fault;
        }
    }

    private async ValueTask AcceptAsync(FrameBuffer buffer)
    {
        var refusal = FrameSkim.Read(buffer.Written.Span, out var skim);
        if (refusal is null && skim.Kind == FrameKind.Create)
        {
            await QueueAsync(new QueuedCreate(skim, buffer, _services.Time.GetTimestamp()));
            return;
        }

        buffer.Dispose();
        if (refusal is not null)
        {
            await RefuseAsync(refusal);
        }
        else if (skim.Kind == FrameKind.Cancel)
        {
            await CancelAsync(skim.ResponseId);
        }
    }

    private ValueTask RefuseAsync(Refusal refusal) => QueueAsync(new QueuedError(refusal));

    private async ValueTask QueueAsync(QueuedFrame frame)
    {
        // A connection that is closing reads on, so that the peer's close frame is met, but serves nothing more.
        if (_closing.IsCancellationRequested)
        {
            (frame as QueuedCreate)?.Dispose();
            return;
        }

        await _queue.AddAsync(frame, _closing.Token);
    }

    private async ValueTask CancelAsync(string? named)
    {
        switch (_queue.Cancel(named, out var running))
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
            var turn = new TurnAddress(_caller.Tenant, running, _leases.Id);
            await _services.Conversations.CancelAsync(turn, _closing.Token);
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
        catch (SocketGoneException)
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
                $"limit reached ({minutes:0.##} minutes). Create a new websocket connection to continue."), _closing.Token);
            return SocketEnd.LifetimeOver;
        }
        catch (SocketGoneException)
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
            await _runner.RunAsync(create, _closing.Token);
            return;
        }
        catch (ConversationException e)
        {
            refusal = e.Refusal;
        }
        catch (Exception e) when (e is not SocketGoneException && !_closing.IsCancellationRequested)
        {
            refusal = _services.Faults.Mask(e);
        }

        await _writer.SendErrorAsync(refusal, _closing.Token);
    }

    /// <summary>Turn loop to rest, close frame out, the peer's close frame in: each step within CloseTimeout.</summary>
    private async ValueTask CloseAsync(SocketEnd end, Task receiving, Task turning)
    {
        var patience = _services.Options.CloseTimeout;
        try
        {
            if (end is SocketEnd.PeerGone)
            {
                _abort();
                return;
            }

            await turning.WaitAsync(patience, _services.Time);
            if (end is not SocketEnd.ProtocolBroken)
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
            _abort();
        }
    }
}
