using System.Net.WebSockets;
using System.Text.Json;
using Evergrain.Frontend.Tests.Hosting;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>A client with one socket at a time that runs one turn after the other.</summary>
internal sealed class CrashClient(TurnChooser chooser) : IDisposable
{
    private static readonly JsonElement Tools = JsonSerializer.SerializeToElement(new object[]
    {
        new { type = "function", name = "lookup", parameters = new { type = "object" }, strict = false },
        new { type = "custom", name = "run" },
    });

    private readonly byte[] _buffer = new byte[1 << 18];
    private ClientWebSocket? _socket;
    private SentTurn? _last;

    public async Task ConnectAsync(Uri address, CancellationToken cancellationToken)
    {
        _socket?.Dispose();
        _socket = new ClientWebSocket();
        await _socket.ConnectAsync(address, cancellationToken);
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
                return (int?)_socket!.CloseStatus;
            }
        }
    }

    public void Dispose() => _socket?.Dispose();

    private async Task RunAsync(SentTurn turn, Action onFrame, CancellationToken cancellationToken)
    {
        await _socket!.SendAsync(Create(turn), WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
        for (var number = 0; !turn.IsAcknowledged; number++)
        {
            var frame = await ReceiveAsync(cancellationToken);
            onFrame();
            Assert.True(frame.TypeOf() != "error", $"{turn.Nonce}: {frame}");
            Assert.Equal(number, frame.GetProperty("sequence_number").GetInt32());
            See(turn, frame);
        }
    }

    private static byte[] Create(SentTurn turn) => JsonSerializer.SerializeToUtf8Bytes(new
    {
        type = "response.create",
        model = "demo",
        previous_response_id = turn.Parent?.Id,
        input = turn.Input,
        tools = Tools,
        metadata = new { nonce = turn.Nonce },
    });

    private static void See(SentTurn turn, JsonElement frame)
    {
        switch (frame.TypeOf())
        {
            case "response.created":
                turn.Id = frame.IdOf();
                Assert.Equal(turn.Nonce, ResponseView.NonceOf(frame.GetProperty("response")));
                break;
            case "response.output_item.done":
                turn.Done.Add(frame.GetProperty("item"));
                break;
            case "response.completed" or "response.failed" or "response.incomplete":
                var response = new ResponseView(frame.GetProperty("response").GetRawText());
                Assert.Equal(turn.Id, response.Id);
                Assert.Equal(
                    turn.Done.Select(item => item.GetRawText()), response.Output.Select(item => item.GetRawText()));
                (turn.Response, turn.IsAcknowledged) = (response, true);
                break;
        }
    }

    private async Task<JsonElement> ReceiveAsync(CancellationToken cancellationToken)
    {
        var length = 0;
        while (true)
        {
            var result = await _socket!.ReceiveAsync(_buffer.AsMemory(length), cancellationToken);
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
}
