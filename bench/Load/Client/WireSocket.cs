using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Evergrain.Load.Client;

/// <summary>
/// A WebSocket client that costs next to nothing, so that what is measured is the server: text frames only, no
/// fragments, a mask of zeros. Blocking calls and asynchronous ones share one buffer; use one kind at a time.
/// </summary>
/// <remarks>Source: RFC 6455. The mask protects proxies from scripts in browsers; here is neither.</remarks>
internal sealed class WireSocket : IDisposable
{
    private const int FirstBytes = 2048;
    private const byte FinalText = 0x81;
    private const byte FinalPong = 0x8A;
    private const byte Masked = 0x80;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
    {
        NoDelay = true,
    };

    private byte[] _buffer = new byte[FirstBytes];
    private byte[] _outgoing = [];
    private int _start;
    private int _end;

    /// <summary>Connects and upgrades, with a key if the server asks for one.</summary>
    /// <param name="port">The server's port.</param>
    /// <param name="key">The key.</param>
    /// <param name="isTimed">Whether each turn's timing is to follow it.</param>
    public static WireSocket Open(int port, string? key = null, bool isTimed = false)
    {
        var wire = new WireSocket();
        wire._socket.Connect(IPAddress.Loopback, port);
        wire._socket.Send(Handshake(port, key, isTimed));
        while (!wire.TakeHandshake())
        {
            wire.Received(wire._socket.Receive(wire.Free().Span));
        }

        return wire;
    }

    /// <summary>Sends one text frame.</summary>
    public void Send(ReadOnlySpan<byte> text)
    {
        var frame = Frame(text);
        for (var sent = 0; sent < frame.Length;)
        {
            sent += _socket.Send(frame[sent..].Span);
        }
    }

    /// <summary>Sends one text frame.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> text, CancellationToken cancellationToken)
    {
        var frame = Frame(text.Span);
        for (var sent = 0; sent < frame.Length;)
        {
            sent += await _socket.SendAsync(frame[sent..], cancellationToken);
        }
    }

    /// <summary>The next text frame, valid until the next call. Blocks.</summary>
    public ReadOnlySpan<byte> Read()
    {
        while (true)
        {
            if (TryTake(out var text))
            {
                return text.Span;
            }

            Received(_socket.Receive(Free().Span));
        }
    }

    /// <summary>The next text frame, valid until the next call.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (TryTake(out var text))
            {
                return text;
            }

            Received(await _socket.ReceiveAsync(Free(), cancellationToken));
        }
    }

    public void Dispose() => _socket.Dispose();

    private static byte[] Handshake(int port, string? key, bool isTimed)
    {
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        var access = key is null ? "" : $"Authorization: Bearer {key}\r\n";
        var timing = isTimed ? "evergrain-timing: 1\r\n" : "";
        return Encoding.ASCII.GetBytes(
            $"GET /v1/responses HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
            $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {nonce}\r\n{access}{timing}\r\n");
    }

    private bool TakeHandshake()
    {
        var answer = _buffer.AsSpan(_start, _end - _start);
        var end = answer.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return false;
        }

        if (!answer.StartsWith("HTTP/1.1 101"u8))
        {
            throw new IOException("The server refused the socket: " + Encoding.UTF8.GetString(answer));
        }

        _start += end + 4;
        return true;
    }

    private bool TryTake(out ReadOnlyMemory<byte> text)
    {
        while (TryTakeFrame(out var opcode, out text))
        {
            switch (opcode)
            {
                case 1:
                    return true;
                case 8:
                    throw new IOException("The server closed the socket: " + Encoding.UTF8.GetString(text.Span[2..]));
                case 9:
                    _socket.Send([FinalPong, (byte)(Masked | text.Length), 0, 0, 0, 0, .. text.Span]);
                    break;
            }
        }

        return false;
    }

    private bool TryTakeFrame(out int opcode, out ReadOnlyMemory<byte> payload)
    {
        (opcode, payload) = (0, default);
        var bytes = _buffer.AsSpan(_start, _end - _start);
        if (bytes.Length < 2 || bytes.Length < HeaderLength(bytes[1]))
        {
            return false;
        }

        var header = HeaderLength(bytes[1]);
        var length = header switch
        {
            2 => bytes[1],
            4 => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            _ => checked((int)BinaryPrimitives.ReadUInt64BigEndian(bytes[2..])),
        };
        if (bytes.Length < header + length)
        {
            return false;
        }

        opcode = bytes[0] & 0xF;
        payload = _buffer.AsMemory(_start + header, length);
        _start += header + length;
        return true;
    }

    private static int HeaderLength(byte length) => length switch { 126 => 4, 127 => 10, _ => 2 };

    private Memory<byte> Free()
    {
        if (_start == _end)
        {
            (_start, _end) = (0, 0);
        }
        else if (_end == _buffer.Length)
        {
            var larger = _start > 0 ? _buffer : new byte[_buffer.Length * 2];
            _buffer.AsSpan(_start, _end - _start).CopyTo(larger);
            (_buffer, _start, _end) = (larger, 0, _end - _start);
        }

        return _buffer.AsMemory(_end);
    }

    private void Received(int count) =>
        _end += count > 0 ? count : throw new IOException("The server cut the connection.");

    private ReadOnlyMemory<byte> Frame(ReadOnlySpan<byte> text)
    {
        const int headerMax = 14;
        if (_outgoing.Length < text.Length + headerMax)
        {
            _outgoing = new byte[text.Length + headerMax];
        }

        var header = 2;
        _outgoing[0] = FinalText;
        if (text.Length < 126)
        {
            _outgoing[1] = (byte)(Masked | text.Length);
        }
        else if (text.Length <= ushort.MaxValue)
        {
            _outgoing[1] = Masked | 126;
            BinaryPrimitives.WriteUInt16BigEndian(_outgoing.AsSpan(2), (ushort)text.Length);
            header = 4;
        }
        else
        {
            _outgoing[1] = Masked | 127;
            BinaryPrimitives.WriteUInt64BigEndian(_outgoing.AsSpan(2), (ulong)text.Length);
            header = 10;
        }

        _outgoing.AsSpan(header, 4).Clear();
        text.CopyTo(_outgoing.AsSpan(header + 4));
        return _outgoing.AsMemory(0, header + 4 + text.Length);
    }
}
