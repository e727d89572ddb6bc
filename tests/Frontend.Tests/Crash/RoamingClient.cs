using System.Net.WebSockets;
using Evergrain.Suites.Crash;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>
/// A client that runs one turn after the other, whatever breaks: what has no answer it sends again, with the same key.
/// </summary>
internal abstract class RoamingClient(TurnChooser chooser) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    // From the first try to the terminal event: clients that hang fail the test.
    private static readonly TimeSpan TurnPatience = TimeSpan.FromMinutes(3);

    private SentTurn? _last;

    public int Turns { get; private set; }

    /// <summary>Turns that ended as interrupted.</summary>
    public int Interrupted { get; private set; }

    /// <summary>Connections that broke under a turn, or could not be made.</summary>
    public int Breaks { get; private set; }

    /// <summary>Answers that said to come back.</summary>
    public int Refusals { get; private set; }

    /// <summary>From the first try of a turn to its end, at most.</summary>
    public TimeSpan Longest { get; private set; }

    /// <summary>From sending a turn to its end, or to being told that it cannot go on, at most.</summary>
    public TimeSpan LongestTry { get; private set; }

    /// <summary>Runs so many turns, or until it is over.</summary>
    public async Task RunAsync(int turns, Func<bool> isOver, Action onFrame, CancellationToken cancellationToken)
    {
        while (Turns < turns && !isOver())
        {
            var turn = chooser.Next(_last);
            var begun = TimeProvider.System.GetTimestamp();
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(TurnPatience);
            await InsistAsync(turn, onFrame, patience.Token);
            Longest = Longer(Longest, begun);
            Interrupted += turn.Response!.IsInterrupted ? 1 : 0;
            Assert.True(turn.Response.IsInterrupted || turn.Response.Status == "completed", turn.Response.Raw);
            _last = turn;
            Turns++;
        }
    }

    public abstract void Dispose();

    /// <summary>Sends a turn and sees it to its end; false: it was told to come back.</summary>
    protected abstract Task<bool> TryAsync(SentTurn turn, Action onFrame, CancellationToken cancellationToken);

    /// <summary>The connection broke: the next try makes another one.</summary>
    protected abstract void Disconnect();

    private static TimeSpan Longer(TimeSpan longest, long begun) =>
        TimeSpan.FromTicks(Math.Max(longest.Ticks, TimeProvider.System.GetElapsedTime(begun).Ticks));

    private async Task InsistAsync(SentTurn turn, Action onFrame, CancellationToken cancellationToken)
    {
        while (!turn.IsAcknowledged)
        {
            var begun = TimeProvider.System.GetTimestamp();
            try
            {
                turn.Again();
                if (await TryAsync(turn, onFrame, cancellationToken))
                {
                    return;
                }

                Refusals++;
            }
            catch (Exception e) when (e is WebSocketException or IOException or HttpRequestException)
            {
                Breaks++;
                Disconnect();
            }
            finally
            {
                LongestTry = Longer(LongestTry, begun);
            }

            await Task.Delay(Pause, TimeProvider.System, cancellationToken);
        }
    }
}

/// <summary>Over WebSocket, with a new connection after so many turns.</summary>
internal sealed class SocketClient(TurnChooser chooser, Uri address, string session, int turnsPerConnection)
    : RoamingClient(chooser)
{
    private TurnSocket? _socket;
    private int _left;

    public override void Dispose() => Disconnect();

    protected override async Task<bool> TryAsync(SentTurn turn, Action onFrame, CancellationToken cancellationToken)
    {
        if (_left-- <= 0)
        {
            Disconnect();
            _left = turnsPerConnection - 1;
        }

        _socket ??= await TurnSocket.ConnectAsync(address, session, cancellationToken);
        await _socket.SendAsync(turn.Create(isKeyed: true), cancellationToken);
        while (!turn.IsAcknowledged)
        {
            var frame = await _socket.ReceiveAsync(cancellationToken);
            onFrame();
            if (frame.TypeOf() == "error")
            {
                Assert.True(frame.GetProperty("status").GetInt32() == 503, $"{turn.Nonce}: {frame}");
                return false;
            }

            turn.See(frame);
        }

        return true;
    }

    protected override void Disconnect()
    {
        _socket?.Dispose();
        _socket = null;
    }
}
