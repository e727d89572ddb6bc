using System.Net.WebSockets;
using Evergrain.Suites.Crash;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>A client with one socket at a time that runs one turn after the other.</summary>
internal sealed class CrashClient(TurnChooser chooser) : IDisposable
{
    private TurnSocket? _socket;
    private SentTurn? _last;

    public async Task ConnectAsync(Uri address, CancellationToken cancellationToken)
    {
        _socket?.Dispose();
        _socket = await TurnSocket.ConnectAsync(address, session: null, cancellationToken);
    }

    /// <summary>Runs one turn that continues an ended one; it must complete.</summary>
    public async Task ContinueAsync(SentTurn parent, CancellationToken cancellationToken)
    {
        var turn = chooser.Continue(parent);
        await RunAsync(turn, static () => { }, cancellationToken);
        Assert.True(turn.Response!.Status == "completed", turn.Response.Raw);
        _last = turn;
    }

    /// <summary>Runs turns until the connection breaks or is closed; gives the close status, if any.</summary>
    public async Task<int?> RunUntilCutAsync(Action onFrame, CancellationToken cancellationToken)
    {
        while (true)
        {
            var turn = chooser.Next(_last);
            try
            {
                await RunAsync(turn, onFrame, cancellationToken);
                _last = turn;
            }
            catch (Exception e) when (e is WebSocketException or IOException)
            {
                turn.IsAmbiguous = true;
                return _socket!.CloseStatus;
            }
        }
    }

    public void Dispose() => _socket?.Dispose();

    private async Task RunAsync(SentTurn turn, Action onFrame, CancellationToken cancellationToken)
    {
        await _socket!.SendAsync(turn.Create(), cancellationToken);
        while (!turn.IsAcknowledged)
        {
            var frame = await _socket.ReceiveAsync(cancellationToken);
            onFrame();
            Assert.True(frame.TypeOf() != "error", $"{turn.Nonce}: {frame}");
            turn.See(frame);
        }
    }
}
