using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Listening;

/// <summary>Opens a <see cref="PatientListener"/> for each address of the server.</summary>
internal sealed class PatientTransport(
    IMemoryPoolFactory<byte> pools, TimeProvider time, ILoggerFactory loggers) : IConnectionListenerFactory
{
    private const int BacklogMax = 512;

    // Bytes of one connection that wait to be handled. It also bounds how long one peer is read at a time.
    private const long ReadBytesMax = 256 << 10;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var connections = new SocketConnectionContextFactory(Options(), loggers.CreateLogger<PatientTransport>());
        return ValueTask.FromResult<IConnectionListener>(new PatientListener(
            Listen(endpoint), connections, time, loggers.CreateLogger<PatientListener>()));
    }

    private static Socket Listen(EndPoint endpoint)
    {
        Socket? socket = null;
        try
        {
            socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.Listen(BacklogMax);
            return socket;
        }
        catch (SocketException e)
        {
            socket?.Dispose();
            throw e.SocketErrorCode == SocketError.AddressAlreadyInUse ? new AddressInUseException(e.Message, e) : e;
        }
    }

    private SocketConnectionFactoryOptions Options()
    {
        var options = new SocketConnectionFactoryOptions
        {
            // The thread on which a socket's bytes arrive handles them; decision 0009 says which one that is.
            UnsafePreferInlineScheduling = true,
            MaxReadBufferSize = ReadBytesMax,
        };
        try
        {
            SetPools(options, pools);
        }
        catch (MissingMethodException)
        {
            // Another build of the framework: its buffers are then kept for the next connections.
        }

        return options;
    }

    // The server's own pools give memory back that is idle. The framework has no public way to choose them here.
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_MemoryPoolFactory")]
    private static extern void SetPools(SocketConnectionFactoryOptions options, IMemoryPoolFactory<byte> pools);
}
