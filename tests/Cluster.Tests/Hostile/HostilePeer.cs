using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Evergrain.Cluster.Tests.Hostile;

/// <summary>One connection of an attacker: it speaks as much HTTP and RFC 6455 as it wants to.</summary>
internal sealed class HostilePeer : IDisposable
{
    // A whole head of an answer is shorter.
    private const int HeadBytesMax = 8 << 10;

    private readonly Socket _socket;
    private readonly byte[] _received = new byte[HeadBytesMax];

    private HostilePeer(Socket socket) => _socket = socket;

    /// <summary>Connects; null: nobody took the connection.</summary>
    /// <param name="port">A port of 127.0.0.1.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="reads">How many bytes it takes before the server has to wait; null: as usual.</param>
    public static async Task<HostilePeer?> TryConnectAsync(
        int port, CancellationToken cancellationToken, int? reads = null)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.ReceiveBufferSize = reads ?? socket.ReceiveBufferSize;
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
            return new HostilePeer(socket);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            socket.Dispose();
            return null;
        }
    }

    /// <summary>Connects and upgrades to a WebSocket; null: the server did not.</summary>
    public static async Task<HostilePeer?> TryUpgradeAsync(
        int port, string key, CancellationToken cancellationToken, int? reads = null)
    {
        var peer = await TryConnectAsync(port, cancellationToken, reads);
        if (peer is not null && await peer.TrySendAsync(Upgrade(key), cancellationToken) &&
            await peer.TryReadAsync(cancellationToken) is { } head && head.StartsWith(
                "HTTP/1.1 101", StringComparison.Ordinal))
        {
            return peer;
        }

        peer?.Dispose();
        return null;
    }

    /// <summary>A request that asks for a WebSocket.</summary>
    public static byte[] Upgrade(string key) => Encoding.ASCII.GetBytes(
        $"GET /v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n" +
        $"Authorization: Bearer {key}\r\n\r\n");

    /// <summary>A masked frame; the mask is zero, so the payload is sent as it is.</summary>
    public static byte[] Frame(byte first, ReadOnlySpan<byte> payload) =>
        [.. Header(first, payload.Length), .. payload];

    /// <summary>The beginning of a masked frame of that length.</summary>
    public static byte[] Header(byte first, long length)
    {
        if (length < 126)
        {
            return [first, (byte)(0x80 | length), 0, 0, 0, 0];
        }

        var header = new byte[14];
        header[0] = first;
        header[1] = 0x80 | 127;
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(2), length);
        return header;
    }

    /// <summary>Sends; false: the connection is over.</summary>
    public async Task<bool> TrySendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        try
        {
            while (!bytes.IsEmpty)
            {
                bytes = bytes[await _socket.SendAsync(bytes, cancellationToken)..];
            }

            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>What comes next, as text; null: the connection is over.</summary>
    public async Task<string?> TryReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            var length = await _socket.ReceiveAsync(_received, cancellationToken);
            return length == 0 ? null : Encoding.Latin1.GetString(_received, 0, length);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>Waits until the server closes the connection.</summary>
    public async Task UntilClosedAsync(CancellationToken cancellationToken)
    {
        while (await TryReadAsync(cancellationToken) is not null)
        {
        }
    }

    // A reset: the attacker's ports must not run out.
    public void Dispose()
    {
        _socket.LingerState = new LingerOption(enable: true, seconds: 0);
        _socket.Dispose();
    }
}
