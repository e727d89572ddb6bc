using System.Net.WebSockets;
using System.Text.Json;

namespace Evergrain.Suites.Crash;

/// <summary>One WebSocket of a client that runs turns.</summary>
internal sealed class TurnSocket : IDisposable
{
    private readonly byte[] _buffer = new byte[1 << 18];
    private readonly ClientWebSocket _socket = new();

    private TurnSocket()
    {
    }

    public int? CloseStatus => (int?)_socket.CloseStatus;

    /// <summary>Connects; a session is named by the header that balancers know it by.</summary>
    public static async Task<TurnSocket> ConnectAsync(
        Uri address, string? session, CancellationToken cancellationToken, string? key = null)
    {
        var socket = new TurnSocket();
        try
        {
            if (key is not null)
            {
                socket._socket.Options.SetRequestHeader("Authorization", $"Bearer {key}");
            }

            if (session is not null)
            {
                socket._socket.Options.SetRequestHeader("session-id", session);
            }

            await socket._socket.ConnectAsync(address, cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public Task SendAsync(byte[] create, CancellationToken cancellationToken) =>
        _socket.SendAsync(create, WebSocketMessageType.Text, endOfMessage: true, cancellationToken);

    /// <summary>The next frame.</summary>
    /// <exception cref="WebSocketException">The connection broke, or the server closed it.</exception>
    public async Task<JsonElement> ReceiveAsync(CancellationToken cancellationToken)
    {
        var length = 0;
        while (true)
        {
            var result = await _socket.ReceiveAsync(_buffer.AsMemory(length), cancellationToken);
            if (result.MessageType == WebSocketMessageType.Close)
            {
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", cancellationToken);
                throw new WebSocketException(WebSocketError.ConnectionClosedPrematurely);
            }

            length += result.Count;
            if (result.EndOfMessage)
            {
                using var document = JsonDocument.Parse(_buffer.AsMemory(0, length));
                return document.RootElement.Clone();
            }
        }
    }

    public void Dispose() => _socket.Dispose();
}
