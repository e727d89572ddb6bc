using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Evergrain.Suites.Crash;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>What clients, balancers and operators see of a server that was told to stop while a turn runs.</summary>
[Collection(nameof(ProcessTests))]
public sealed class StopTests : IDisposable
{
    private const int ServiceRestart = 1012;
    private static readonly Uri Responses = new("v1/responses", UriKind.Relative);
    private static readonly Uri Ready = new("health/ready", UriKind.Relative);
    private static readonly Uri Live = new("health/live", UriKind.Relative);

    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-stop-");
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(10));

    private CancellationToken Token => _patience.Token;

    public void Dispose()
    {
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Fact]
    public async Task WhileATurnRuns_NewConnectionsGet503_AndTheSocketClosesBehindTheTurn()
    {
        await using var server = await StartAsync();
        using var socket = await TurnSocket.ConnectAsync(server.Socket, session: null, Token);
        await socket.SendAsync(Create(delay: 10_000), Token);
        Assert.Equal("response.created", TypeOf(await socket.ReceiveAsync(Token)));

        await server.TerminateAsync(Token);
        await UntilNotReadyAsync(server);

        // Each of these is a new connection: the server goes on listening.
        var upgrade = await Assert.ThrowsAsync<WebSocketException>(
            () => TurnSocket.ConnectAsync(server.Socket, session: null, Token));
        Assert.Contains("503", upgrade.Message, StringComparison.Ordinal);
        using var http = server.CreateHttpClient();
        using var refused = await http.PostAsJsonAsync(Responses, new { model = "demo", input = "hello" }, Token);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter?.Delta);
        Assert.True(refused.Headers.ConnectionClose);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(server, Live));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(server, new Uri("Health/LIVE", UriKind.Relative)));

        Assert.Equal("response.completed", await ReadTerminalAsync(socket));
        await AssertClosedAsync(socket);
        Assert.Equal((0, ""), await server.ExitAsync(Token));
    }

    [Fact]
    public async Task AtTheDeadline_ClientsHearThatTheirTurnWasInterrupted_ThenTheSocketCloses()
    {
        await using var server = await StartAsync(("DrainTimeout", "00:00:01"));
        using var socket = await TurnSocket.ConnectAsync(server.Socket, session: null, Token);
        await socket.SendAsync(Create(delay: 600_000), Token);
        Assert.Equal("response.created", TypeOf(await socket.ReceiveAsync(Token)));

        await server.TerminateAsync(Token);

        Assert.Equal("response.failed", await ReadTerminalAsync(socket));
        await AssertClosedAsync(socket);
        Assert.Equal((0, ""), await server.ExitAsync(Token));
    }

    [Fact]
    public async Task ATurnWhoseClientLeft_HasItsTimeToo()
    {
        string id;
        await using (var server = await StartAsync())
        {
            using (var socket = await TurnSocket.ConnectAsync(server.Socket, session: null, Token))
            {
                await socket.SendAsync(Create(delay: 3000), Token);
                id = (await socket.ReceiveAsync(Token)).GetProperty("response").GetProperty("id").GetString()!;
            }

            await server.TerminateAsync(Token);
            Assert.Equal((0, ""), await server.ExitAsync(Token));
        }

        await using var next = await StartAsync();
        using var http = next.CreateHttpClient();
        var response = await http.GetStringAsync(new Uri($"v1/responses/{id}", UriKind.Relative), Token);
        Assert.Equal("completed", JsonNode.Parse(response)!["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task WithADelay_NewWorkIsTakenWhileTheServerIsNotReady()
    {
        await using var server = await StartAsync(("DrainDelay", "00:00:15"));
        using var idle = await TurnSocket.ConnectAsync(server.Socket, session: null, Token);
        await server.TerminateAsync(Token);
        await UntilNotReadyAsync(server);

        using var http = server.CreateHttpClient();
        using var taken = await http.PostAsJsonAsync(Responses, new { model = "demo", input = "hello" }, Token);
        Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
        Assert.True(taken.Headers.ConnectionClose);
        using (var late = await TurnSocket.ConnectAsync(server.Socket, session: null, Token))
        {
            await late.SendAsync(Create(delay: 1), Token);
            Assert.Equal("response.completed", await ReadTerminalAsync(late));
        }

        await AssertClosedAsync(idle);
        Assert.Equal((0, ""), await server.ExitAsync(Token));
    }

    [Fact]
    public async Task WithRecognition_TheEndsOfTheLastTurnsAreIndexedBeforeTheJournalCloses()
    {
        const int clients = 8;
        await using var server = await StartAsync(("Recognition", "stored"), ("DrainDelay", "00:00:00"));
        using var http = server.CreateHttpClient();
        var answered = new TaskCompletionSource();
        var loops = Enumerable.Range(0, clients).Select(async _ =>
        {
            // The index takes a batch each 200 ms, so some wait when the last turn has ended.
            var turns = 0;
            while (await IsAnsweredAsync())
            {
                turns++;
                answered.TrySetResult();
            }

            return turns;
        }).ToList();
        await answered.Task.WaitAsync(Token);
        await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System, Token);

        await server.TerminateAsync(Token);

        Assert.NotEqual(0, (await Task.WhenAll(loops)).Sum());
        Assert.Equal((0, ""), await server.ExitAsync(Token));

        async Task<bool> IsAnsweredAsync()
        {
            try
            {
                using var answer = await http.PostAsJsonAsync(
                    Responses, new { model = "demo", input = "hello" }, Token);
                return answer.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }
    }

    [Theory]
    [InlineData("TERM", "TERM", 143)]
    [InlineData("INT", "INT", 130)]
    [InlineData("TERM", "INT", 130)]
    public async Task ToldTwice_ItEndsAtOnceAndItsTurnIsInterrupted(string first, string second, int exitCode)
    {
        string id;
        await using (var server = await StartAsync(("DrainTimeout", "00:15:00")))
        {
            using var socket = await TurnSocket.ConnectAsync(server.Socket, session: null, Token);
            await socket.SendAsync(Create(delay: 600_000), Token);
            id = (await socket.ReceiveAsync(Token)).GetProperty("response").GetProperty("id").GetString()!;
            await server.SignalAsync(first, Token);
            await UntilNotReadyAsync(server);

            // What comes within a second of the first is the same wish.
            await Task.Delay(TimeSpan.FromSeconds(1.2), TimeProvider.System, Token);
            await server.SignalAsync(second, Token);

            var (code, error) = await server.ExitAsync(Token);
            Assert.Equal(exitCode, code);
            Assert.Equal("evergrain: told to stop again, so it ends now; running turns end as interrupted.\n", error);
        }

        await using var next = await StartAsync();
        using var http = next.CreateHttpClient();
        var response = await http.GetStringAsync(new Uri($"v1/responses/{id}", UriKind.Relative), Token);
        Assert.Contains("interrupted:", response, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ToldTwiceAtOnce_IsToldOnce_AndItsTurnEnds()
    {
        await using var server = await StartAsync();
        using var socket = await TurnSocket.ConnectAsync(server.Socket, session: null, Token);
        await socket.SendAsync(Create(delay: 3000), Token);
        Assert.Equal("response.created", TypeOf(await socket.ReceiveAsync(Token)));

        await server.SignalAsync("TERM", Token, andAtOnce: "INT");

        Assert.Equal("response.completed", await ReadTerminalAsync(socket));
        await AssertClosedAsync(socket);
        Assert.Equal((0, ""), await server.ExitAsync(Token));
    }

    [Theory]
    [InlineData("Content-Length: 10000\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 503 ")]
    [InlineData("X-Long: ", "", "")]
    public async Task ARequestThatNeverEnds_IsCutSoonAfterTheDeadline(string head, string begun, string answer)
    {
        await using var server = await StartAsync(("DrainTimeout", "00:00:01"), ("CloseTimeout", "00:00:03"));
        using var client = new TcpClient();
        await client.ConnectAsync(server.Address.Host, server.Address.Port, Token);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes("POST /v1/responses HTTP/1.1\r\nHost: localhost\r\n" +
            "Content-Type: application/json\r\n" + head), Token);

        // The server has read the head, however slow it is: a connection without a request is closed without an answer.
        var start = new byte[begun.Length];
        await stream.ReadExactlyAsync(start, Token);
        Assert.Equal(begun, Encoding.ASCII.GetString(start));
        var trickle = TrickleAsync(stream);
        var answered = ReadToEndAsync(stream);
        await server.TerminateAsync(Token);
        var told = TimeProvider.System.GetTimestamp();

        Assert.Equal((0, ""), await server.ExitAsync(Token));

        // The time to drain, and twice the time to close; without the cut the host gives up after 18 s and more.
        Assert.InRange(TimeProvider.System.GetElapsedTime(told), TimeSpan.Zero, TimeSpan.FromSeconds(15));
        await trickle;
        Assert.StartsWith(answer, await answered, StringComparison.Ordinal);
    }

    /// <summary>Sends a byte now and then until the connection ends.</summary>
    private async Task TrickleAsync(NetworkStream stream)
    {
        try
        {
            while (true)
            {
                await stream.WriteAsync("a"u8.ToArray(), Token);
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Token);
            }
        }
        catch (IOException)
        {
            // It was cut.
        }
    }

    private async Task<string> ReadToEndAsync(NetworkStream stream)
    {
        var (text, buffer) = (new StringBuilder(), new byte[4096]);
        try
        {
            while (await stream.ReadAsync(buffer, Token) is > 0 and var read)
            {
                text.Append(Encoding.ASCII.GetString(buffer, 0, read));
            }
        }
        catch (IOException)
        {
            // It was cut.
        }

        return text.ToString();
    }

    private static byte[] Create(int delay)
    {
        var text = JsonSerializer.Serialize(FormattableString.Invariant(
            $"@@script [{{\"say\":\"late\",\"delay_ms\":{delay}}}]"));
        return Encoding.UTF8.GetBytes($$"""{"type":"response.create","model":"demo","input":{{text}}}""");
    }

    private static string TypeOf(JsonElement frame) => frame.GetProperty("type").GetString()!;

    private Task<ServerProcess> StartAsync(params (string Name, string Value)[] settings) =>
        ServerProcess.StartAsync(settings.Aggregate(ServerSettings.OnSqlite(_data.FullName),
            static (all, one) => all.With(one.Name, one.Value)), Token);

    private async Task<string> ReadTerminalAsync(TurnSocket socket)
    {
        while (true)
        {
            var type = TypeOf(await socket.ReceiveAsync(Token));
            if (type is "response.completed" or "response.failed" or "response.incomplete" or "error")
            {
                return type;
            }
        }
    }

    private async Task AssertClosedAsync(TurnSocket socket)
    {
        await Assert.ThrowsAsync<WebSocketException>(() => socket.ReceiveAsync(Token));
        Assert.Equal(ServiceRestart, socket.CloseStatus);
    }

    private async Task UntilNotReadyAsync(ServerProcess server)
    {
        while (await StatusAsync(server, Ready) != HttpStatusCode.ServiceUnavailable)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Token);
        }
    }

    private async Task<HttpStatusCode> StatusAsync(ServerProcess server, Uri path)
    {
        using var http = server.CreateHttpClient();
        using var answer = await http.GetAsync(path, Token);
        return answer.StatusCode;
    }
}
