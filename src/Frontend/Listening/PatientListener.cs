using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Listening;

/// <summary>
/// Accepts connections. When the process or the machine has no file descriptor left for one, it waits and tries again,
/// while the connections that are open go on. The listener of the framework tries again at once and without end, on a
/// thread that polls sockets.
/// </summary>
internal sealed partial class PatientListener(
    Socket socket, SocketConnectionContextFactory connections, TimeProvider time, ILogger logger) : IConnectionListener
{
    // Connections that come meanwhile wait in the kernel.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private bool _isShort;

    public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                var accepted = await socket.AcceptAsync(cancellationToken);
                accepted.NoDelay = true;
                if (_isShort)
                {
                    _isShort = false;
                    LogGoesOn(logger, EndPoint);
                }

                return connections.Create(accepted);
            }
            catch (ObjectDisposedException)
            {
                return null;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.OperationAborted)
            {
                return null;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset
                or SocketError.ConnectionAborted)
            {
                // That peer left before its turn came.
            }
            catch (SocketException e)
            {
                await WaitAsync(e, cancellationToken);
            }
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        socket.Dispose();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        connections.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task WaitAsync(SocketException e, CancellationToken cancellationToken)
    {
        if (!_isShort)
        {
            _isShort = true;
            LogCannotAccept(logger, EndPoint, e.Message);
        }

        await Task.Delay(Pause, time, cancellationToken);
    }

    [LoggerMessage(EventId = 1601, Level = LogLevel.Warning, Message = "{Address} cannot accept a connection: {Why}. " +
        "It tries again until it can; open connections go on. Raise ulimit -n, or lower ConnectionsMax.")]
    private static partial void LogCannotAccept(ILogger logger, EndPoint address, string why);

    [LoggerMessage(EventId = 1602, Level = LogLevel.Warning, Message = "{Address} accepts connections again.")]
    private static partial void LogGoesOn(ILogger logger, EndPoint address);
}
