using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Evergrain.Load.Client;

/// <summary>
/// An HTTP client that costs next to nothing: one connection, blocking, <c>POST /v1/responses</c> only.
/// </summary>
internal sealed class WireHttp : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
    {
        NoDelay = true,
    };

    private readonly int _port;
    private byte[] _buffer = new byte[64 << 10];

    public WireHttp(int port)
    {
        _port = port;
        _socket.Connect(IPAddress.Loopback, port);
    }

    /// <summary>
    /// Posts a create and reads the answer to its end; gives the body as it came, chunk sizes included.
    /// </summary>
    /// <exception cref="IOException">The answer is not 200, or the connection was cut.</exception>
    public ReadOnlySpan<byte> Post(ReadOnlySpan<byte> create)
    {
        var head = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"POST /v1/responses HTTP/1.1\r\nHost: 127.0.0.1:{_port}\r\nContent-Type: application/json\r\n" +
            $"Content-Length: {create.Length}\r\n\r\n"));
        SendAll([.. head, .. create]);
        var (count, end) = (0, -1);
        while (end < 0)
        {
            count += Receive(count);
            end = _buffer.AsSpan(0, count).IndexOf("\r\n\r\n"u8);
        }

        var answer = Encoding.ASCII.GetString(_buffer, 0, end);
        if (!answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal))
        {
            throw new IOException("The server refused the create: " + Encoding.UTF8.GetString(_buffer, 0, count));
        }

        var start = end + 4;
        const string length = "Content-Length: ";
        var at = answer.IndexOf(length, StringComparison.OrdinalIgnoreCase);
        var whole = at < 0 ? -1
            : start + int.Parse(answer[(at + length.Length)..].Split('\r')[0], CultureInfo.InvariantCulture);
        while (whole < 0 ? !_buffer.AsSpan(start, count - start).EndsWith("\r\n0\r\n\r\n"u8) : count < whole)
        {
            count += Receive(count);
        }

        return _buffer.AsSpan(start, count - start);
    }

    public void Dispose() => _socket.Dispose();

    private void SendAll(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[_socket.Send(bytes)..];
        }
    }

    private int Receive(int count)
    {
        if (count == _buffer.Length)
        {
            Array.Resize(ref _buffer, 2 * count);
        }

        var received = _socket.Receive(_buffer.AsSpan(count));
        return received > 0 ? received : throw new IOException("The server cut the connection.");
    }
}
