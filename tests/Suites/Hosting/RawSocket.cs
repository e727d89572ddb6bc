using System.Net.Sockets;
using System.Text;

namespace Evergrain.Suites.Hosting;

/// <summary>A TCP client that speaks just enough HTTP and RFC 6455 to break both.</summary>
public sealed class RawSocket : IDisposable
{
    private readonly CancellationTokenSource _patience = new(TestServer.Patience);
    private readonly TcpClient _client = new();
    private NetworkStream? _stream;

    public Socket Transport => _client.Client;

    public static async Task<RawSocket> ConnectAsync(TestServer server)
    {
        var raw = new RawSocket();
        await raw._client.ConnectAsync(server.Address.Host, server.Address.Port, raw._patience.Token);
        raw._stream = raw._client.GetStream();
        return raw;
    }

    /// <summary>Upgrades; returns the answer's head.</summary>
    public async Task<string> UpgradeAsync(string host = "localhost", string path = "/v1/responses",
        string headers = "")
    {
        await SendAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n" +
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n" +
            $"{headers}\r\n"));
        return await ReadHeadAsync();
    }

    public async Task SendAsync(params byte[] bytes) => await _stream!.WriteAsync(bytes, _patience.Token);

    /// <summary>A masked client frame's header with an all-zero mask, so that the payload is sent as it is.</summary>
    public Task SendHeaderAsync(byte first, long length)
    {
        var header = new List<byte> { first };
        if (length < 126)
        {
            header.Add((byte)(0x80 | length));
        }
        else
        {
            header.Add(0x80 | 127);
            for (var shift = 56; shift >= 0; shift -= 8)
            {
                header.Add((byte)(length >> shift));
            }
        }

        header.AddRange([0, 0, 0, 0]);
        return SendAsync([.. header]);
    }

    /// <summary>The next frame of the server: opcode and payload; null when the connection ended.</summary>
    public async Task<(int Opcode, byte[] Payload)?> ReadFrameAsync()
    {
        if (await ReadAsync(2) is not { } head)
        {
            return null;
        }

        long length = head[1] & 0x7f;
        if (length >= 126)
        {
            var bytes = (await ReadAsync(length == 126 ? 2 : 8))!;
            length = bytes.Aggregate(0L, static (sum, b) => (sum << 8) | b);
        }

        return (head[0] & 0x0f, (await ReadAsync((int)length))!);
    }

    /// <summary>Reads until a close frame and returns its status; -1 if the connection ends without one.</summary>
    public async Task<int> ReadCloseAsync()
    {
        while (await ReadFrameAsync() is { } frame)
        {
            if (frame.Opcode == 8)
            {
                return (frame.Payload[0] << 8) | frame.Payload[1];
            }
        }

        return -1;
    }

    /// <summary>Posts to <c>/v1/responses</c>; <paramref name="length"/> of a body of which more may follow.</summary>
    public Task PostAsync(string body, string headers = "", long? length = null) => SendAsync(Encoding.UTF8.GetBytes(
        $"POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}" +
        $"Content-Length: {length ?? Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"));

    /// <summary>The head of the next HTTP answer.</summary>
    public Task<string> ReadHeadAsync() => ReadThroughAsync("\r\n\r\n");

    /// <summary>The next chunk of an HTTP answer; empty: it is the last.</summary>
    public async Task<string> ReadChunkAsync()
    {
        var size = Convert.ToInt32((await ReadThroughAsync("\r\n")).Trim(), 16);
        var chunk = await ReadAsync(size + 2);
        return Encoding.UTF8.GetString(chunk!.AsSpan(0, size));
    }

    public void Dispose()
    {
        _client.Dispose();
        _patience.Dispose();
    }

    private async Task<string> ReadThroughAsync(string end)
    {
        var text = new StringBuilder();
        while (!text.ToString().EndsWith(end, StringComparison.Ordinal) && await ReadAsync(1) is [var next])
        {
            text.Append((char)next);
        }

        return text.ToString();
    }

    private async Task<byte[]?> ReadAsync(int count)
    {
        var bytes = new byte[count];
        try
        {
            await _stream!.ReadExactlyAsync(bytes, _patience.Token);
            return bytes;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
