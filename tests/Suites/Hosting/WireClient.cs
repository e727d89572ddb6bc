using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace Evergrain.Suites.Hosting;

/// <summary>A WebSocket client that reads frame by frame.</summary>
public sealed class WireClient : IDisposable
{
    private static readonly string[] TerminalTypes =
        ["response.completed", "response.failed", "response.incomplete", "error"];

    private readonly ClientWebSocket _socket = new();
    private readonly CancellationTokenSource _patience = new(TestServer.Patience);
    private readonly byte[] _buffer = new byte[1 << 20];

    private WireClient()
    {
    }

    public ClientWebSocket Socket => _socket;

    public static async Task<WireClient> ConnectAsync(TestServer server, params (string Name, string Value)[] headers)
    {
        var client = new WireClient();
        foreach (var (name, value) in headers)
        {
            client._socket.Options.SetRequestHeader(name, value);
        }

        await client._socket.ConnectAsync(server.Socket, client._patience.Token);
        return client;
    }

    /// <summary>A create whose model output is scripted, as the demo model reads it.</summary>
    public static string Create(string script, string more = "")
    {
        var text = JsonSerializer.Serialize($"go\n@@script {script}");
        return $$"""{"type":"response.create","model":"demo","input":[{"role":"user","content":{{text}}}]{{more}}}""";
    }

    public Task SendAsync(string frame, WebSocketMessageType type = WebSocketMessageType.Text) =>
        SendAsync(Encoding.UTF8.GetBytes(frame), type);

    public Task SendAsync(byte[] frame, WebSocketMessageType type = WebSocketMessageType.Text, bool isEnd = true) =>
        _socket.SendAsync(frame, type, isEnd, _patience.Token);

    /// <summary>The next text frame; fails if the socket closes instead.</summary>
    public async Task<JsonElement> ReceiveAsync()
    {
        var length = 0;
        while (true)
        {
            var result = await _socket.ReceiveAsync(_buffer.AsMemory(length), _patience.Token);
            Assert.Equal(WebSocketMessageType.Text, result.MessageType);
            length += result.Count;
            if (result.EndOfMessage)
            {
                return JsonDocument.Parse(_buffer.AsMemory(0, length).ToArray()).RootElement;
            }
        }
    }

    /// <summary>The frames up to and with the next terminal event or error frame.</summary>
    public async Task<List<JsonElement>> ReadTurnAsync()
    {
        var frames = new List<JsonElement>();
        do
        {
            frames.Add(await ReceiveAsync());
        }
        while (!TerminalTypes.Contains(frames[^1].TypeOf()));

        return frames;
    }

    public async Task<List<JsonElement>> RunAsync(string create)
    {
        await SendAsync(create);
        return await ReadTurnAsync();
    }

    /// <summary>Reads on until the close frame and returns its status.</summary>
    public async Task<int> ReadCloseAsync()
    {
        ValueWebSocketReceiveResult result;
        do
        {
            result = await _socket.ReceiveAsync(_buffer.AsMemory(), _patience.Token);
        }
        while (result.MessageType != WebSocketMessageType.Close);

        return (int)_socket.CloseStatus!;
    }

    public Task CloseAsync() => _socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", _patience.Token);

    public void Dispose()
    {
        _socket.Dispose();
        _patience.Dispose();
    }
}

/// <summary>Short names for what tests read of a frame.</summary>
public static class Frames
{
    public static string TypeOf(this JsonElement frame) => frame.GetProperty("type").GetString()!;

    public static string IdOf(this JsonElement frame) => frame.GetProperty("response").GetProperty("id").GetString()!;

    public static string CodeOf(this JsonElement frame) => frame.GetProperty("error").GetProperty("code").GetString()!;

    public static string? ParamOf(this JsonElement frame) =>
        frame.GetProperty("error").GetProperty("param").GetString();

    public static int StatusOf(this JsonElement frame) => frame.GetProperty("status").GetInt32();
}
