using System.Net;
using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Admission;

/// <summary>What clients meet when there is too much, over real sockets; a test holds the host back.</summary>
public sealed class AdmissionSocketTests : IDisposable
{
    private const byte Text = 0x81;
    private const string Hello = """[{"say":"hello"}]""";
    private static readonly (string, string) OneTurn = ("Admission:RunningTurnsMax", "1");
    private static readonly (string, string) Impatient = ("Admission:QueueTimeout", "00:00:01");

    // One permit lets one turn be read to its end.
    private readonly SemaphoreSlim _read = new(0);
    private readonly ScriptedConversations _conversations;

    public AdmissionSocketTests() => _conversations = new ScriptedConversations
    {
        OnRead = async _ => Assert.True(await _read.WaitAsync(TestServer.Patience)),
    };

    public void Dispose() => _read.Dispose();

    [Theory]
    [InlineData("Admission:ConnectionsMax", 503, "server_is_overloaded")]
    [InlineData("Tenants:default:ConnectionsMax", 429, "rate_limit_exceeded")]
    public async Task Upgrade_OverTheBound_IsRefusedUntilASocketCloses(string setting, int status, string code)
    {
        await using var server = await TestServer.StartAsync(_conversations, (setting, "1"));
        using var client = await WireClient.ConnectAsync(server);
        using (var raw = await RawSocket.ConnectAsync(server))
        {
            var head = await raw.UpgradeAsync();
            Assert.StartsWith($"HTTP/1.1 {status} ", head, StringComparison.Ordinal);
            Assert.Contains("\r\nRetry-After: 1\r\n", head, StringComparison.Ordinal);
        }

        using var http = server.CreateHttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/responses");
        request.Headers.Add("Connection", "Upgrade");
        request.Headers.Add("Upgrade", "websocket");
        request.Headers.Add("Sec-WebSocket-Version", "13");
        request.Headers.Add("Sec-WebSocket-Key", "AAECAwQFBgcICQoLDA0ODw==");
        using var answer = await http.SendAsync(request);
        Assert.Equal(code, JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.CodeOf());
        await client.CloseAsync();
        while (!(await UpgradeAsync(server)).StartsWith("HTTP/1.1 101", StringComparison.Ordinal))
        {
            // The place is given back a moment after the close frame.
        }
    }

    [Theory]
    [InlineData("Admission:RunningTurnsMax", 503, "server_is_overloaded")]
    [InlineData("Tenants:default:RunningTurnsMax", 429, "rate_limit_exceeded")]
    public async Task Turn_ThatFoundNoPlaceInTime_IsAnErrorAndTheSocketStays(string setting, int status, string code)
    {
        await using var server = await TestServer.StartAsync(_conversations, (setting, "1"), Impatient);
        using var first = await WireClient.ConnectAsync(server);
        using var second = await WireClient.ConnectAsync(server);
        await first.SendAsync(WireClient.Create(Hello));
        await _conversations.HearAsync("read");

        var error = Assert.Single(await second.RunAsync(WireClient.Create(Hello)));

        Assert.Equal((status, code), (error.StatusOf(), error.CodeOf()));
        Assert.Equal("1", error.GetProperty("headers").GetProperty("retry-after").GetString());
        _read.Release(2);
        Assert.Equal("response.completed", (await first.ReadTurnAsync())[^1].TypeOf());
        Assert.Equal("response.completed", (await second.RunAsync(WireClient.Create(Hello)))[^1].TypeOf());
    }

    [Fact]
    public async Task Turns_InLineWhenTheServerStops_AreToldAtOnce()
    {
        await using var server = await TestServer.StartAsync(_conversations, OneTurn);
        using var first = await WireClient.ConnectAsync(server);
        using var second = await WireClient.ConnectAsync(server);
        using var http = server.CreateHttpClient();
        await first.SendAsync(WireClient.Create(Hello));
        await _conversations.HearAsync("read");
        await second.SendAsync(WireClient.Create(Hello));
        var posting = Task.WhenAll(
            http.PostAsync("/v1/responses", Json(WireClient.Create(Hello))),
            http.PostAsync("/v1/responses", Json(WireClient.Create(Hello, ",\"stream\":true"))),
            http.PostAsync("/v1/responses", Json(WireClient.Create(Hello, ",\"background\":true"))));
        await UntilAsync(server, 4);

        var stopping = server.StopAsync();

        Assert.Equal(503, Assert.Single(await second.ReadTurnAsync()).StatusOf());
        Assert.Equal(1012, await second.ReadCloseAsync());
        Assert.All(await posting, static answer => Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode));
        _read.Release();
        Assert.Equal("response.completed", (await first.ReadTurnAsync())[^1].TypeOf());
        await stopping;
    }

    [Fact]
    public async Task BackgroundTurn_WhoseReaderLeft_KeepsItsPlace()
    {
        var ending = new TaskCompletionSource();
        _conversations.OnRead = static _ => ValueTask.CompletedTask;
        _conversations.OnEnd = _ => new ValueTask(ending.Task);
        await using var server = await TestServer.StartAsync(_conversations, OneTurn, Impatient);
        using (var leaving = server.CreateHttpClient())
        using (var request = new HttpRequestMessage(HttpMethod.Post, "/v1/responses"))
        {
            request.Content = Json(WireClient.Create(Hello, ",\"background\":true,\"stream\":true"));
            using var stream = await leaving.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal(HttpStatusCode.OK, stream.StatusCode);
        }

        using var http = server.CreateHttpClient();
        using var refused = await http.PostAsync("/v1/responses", Json(WireClient.Create(Hello)));
        ending.SetResult();

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
    }

    [Fact]
    public async Task Turn_OfASmallTenant_IsNextWhateverWaitsOfABigOne()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("Admission:RunningTurnsMax", "2"),
            ("ApiKeys:0", "big=big"), ("ApiKeys:1", "small=small"));
        using var clients = new ClientSet();
        for (var i = 0; i < 20; i++)
        {
            await (await clients.ConnectAsync(server, "big")).SendAsync(WireClient.Create(Hello));
        }

        await UntilAsync(server, 18);
        await _conversations.HearAsync("read");
        await _conversations.HearAsync("read");
        var small = await clients.ConnectAsync(server, "small");
        await small.SendAsync(WireClient.Create(Hello));
        await UntilAsync(server, 19);
        _read.Release();

        await _conversations.HearAsync("read");
        Assert.Equal("small", _conversations.Calls.Last(static call => call.Verb == "start").Key.Tenant);
        _read.Release(20);
        Assert.Equal("response.completed", (await small.ReadTurnAsync())[^1].TypeOf());
        foreach (var client in clients.All[..20])
        {
            Assert.Equal("response.completed", (await client.ReadTurnAsync())[^1].TypeOf());
        }

        Assert.Equal(0, server.Get<TurnGate>().Waiting);
    }

    [Fact]
    public async Task Turn_CancelledWhileItWaits_EndsAtOnceWithoutAPlace()
    {
        var starts = new List<StartTurn>();
        _conversations.OnStart = start =>
        {
            starts.Add(start);
            return ValueTask.CompletedTask;
        };
        await using var server = await TestServer.StartAsync(_conversations, OneTurn);
        using var first = await WireClient.ConnectAsync(server);
        using var second = await WireClient.ConnectAsync(server);
        await first.SendAsync(WireClient.Create(Hello));
        await _conversations.HearAsync("read");
        await second.SendAsync(WireClient.Create(Hello));
        await UntilAsync(server, 1);

        await second.SendAsync("""{"type":"response.cancel"}""");
        await _conversations.HearAsync("read");
        _read.Release(2);

        Assert.Equal("response.incomplete", (await second.ReadTurnAsync())[^1].TypeOf());
        Assert.Equal("response.completed", (await first.ReadTurnAsync())[^1].TypeOf());
        Assert.Equal([false, true], starts.Select(static start => start.IsCancelled));
        Assert.Equal(0, server.Get<TurnGate>().Waiting);
    }

    [Fact]
    public async Task Turn_WhoseConnectionEndsWhileItWaits_IsForgotten()
    {
        await using var server = await TestServer.StartAsync(_conversations, OneTurn);
        using var first = await WireClient.ConnectAsync(server);
        using var second = await WireClient.ConnectAsync(server);
        await first.SendAsync(WireClient.Create(Hello));
        await _conversations.HearAsync("read");
        await second.SendAsync(WireClient.Create(Hello));
        await UntilAsync(server, 1);

        await second.CloseAsync();

        Assert.Equal(0, server.Get<TurnGate>().Waiting);
        _read.Release(2);
        Assert.Equal("response.completed", (await first.ReadTurnAsync())[^1].TypeOf());
        Assert.Equal("response.completed", (await first.RunAsync(WireClient.Create(Hello)))[^1].TypeOf());
        Assert.Equal(2, _conversations.Calls.Count(static call => call.Verb == "start"));
        Assert.Equal(0, server.Get<ByteBudget>().Held);
    }

    [Fact]
    public async Task Turn_ThatWaits_LetsPingsBeAnswered()
    {
        await using var server = await TestServer.StartAsync(_conversations, OneTurn);
        using var first = await WireClient.ConnectAsync(server);
        using var raw = await RawSocket.ConnectAsync(server);
        await raw.UpgradeAsync();
        await first.SendAsync(WireClient.Create(Hello));
        await _conversations.HearAsync("read");
        var create = Encoding.UTF8.GetBytes(WireClient.Create(Hello));
        await raw.SendHeaderAsync(Text, create.Length);
        await raw.SendAsync(create);
        await UntilAsync(server, 1);

        await raw.SendHeaderAsync(0x89, 0);

        Assert.Equal(0xA, (await raw.ReadFrameAsync())?.Opcode);
        _read.Release(2);
    }

    [Fact]
    public async Task Metrics_WhileATurnWaits_ShowItAndItsBytes()
    {
        await using var server = await TestServer.StartAsync(_conversations, OneTurn,
            ("Admission:WaitingTurnsMax", "1"));
        using var http = server.CreateHttpClient();
        using var first = await WireClient.ConnectAsync(server);
        using var second = await WireClient.ConnectAsync(server);
        using var third = await WireClient.ConnectAsync(server);
        await first.SendAsync(WireClient.Create(Hello));
        await _conversations.HearAsync("read");
        await second.SendAsync(WireClient.Create(Hello));
        await UntilAsync(server, 1);
        await third.RunAsync(WireClient.Create(Hello));

        var metrics = await http.GetStringAsyncOf("/metrics", HttpStatusCode.OK);

        Assert.Contains("\nevergrain_turns_waiting{} 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("\nevergrain_turns_refused_total{reason=\"tenant_waiting\"} 1\n", metrics,
            StringComparison.Ordinal);
        Assert.Contains("\nevergrain_bytes_receiving{} ", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("\nevergrain_bytes_receiving{} 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("\nevergrain_turns_started_total{} 1\n", metrics, StringComparison.Ordinal);
        _read.Release(2);
        await second.ReadTurnAsync();
        metrics = await http.GetStringAsyncOf("/metrics", HttpStatusCode.OK);
        Assert.Contains("\nevergrain_turns_waiting{} 0\n", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Phase_Queue_HoldsTheWaitAtTheGate()
    {
        await using var server = await TestServer.StartAsync(_conversations, OneTurn);
        using var http = server.CreateHttpClient();
        using var first = await WireClient.ConnectAsync(server);
        using var second = await WireClient.ConnectAsync(server);
        await first.SendAsync(WireClient.Create(Hello));
        await _conversations.HearAsync("read");
        await second.SendAsync(WireClient.Create(Hello));
        await UntilAsync(server, 1);
        var begun = TimeProvider.System.GetTimestamp();
        await http.GetStringAsyncOf("/metrics", HttpStatusCode.OK);
        var waited = TimeProvider.System.GetElapsedTime(begun);

        _read.Release(2);

        await second.ReadTurnAsync();
        await second.RunAsync("{}");
        var metrics = await http.GetStringAsyncOf("/metrics", HttpStatusCode.OK);
        const string name = "evergrain_phases_ended_seconds_sum{phase=\"queue\"} ";
        var line = metrics.Split('\n').Single(line => line.StartsWith(name, StringComparison.Ordinal));
        Assert.True(double.Parse(line[name.Length..]) >= waited.TotalSeconds, line);
    }

    private static async Task<string> UpgradeAsync(TestServer server)
    {
        using var raw = await RawSocket.ConnectAsync(server);
        return await raw.UpgradeAsync();
    }

    /// <summary>Waits until so many turns wait; asks over HTTP, so that the server is not kept from it.</summary>
    private static async Task UntilAsync(TestServer server, int waiting)
    {
        using var http = server.CreateHttpClient();
        using var patience = new CancellationTokenSource(TestServer.Patience);
        while (server.Get<TurnGate>().Waiting < waiting)
        {
            await http.GetAsync("/health/ready", patience.Token);
        }
    }

    private static StringContent Json(string create) => new(create, Encoding.UTF8, "application/json");

    private sealed class ClientSet : IDisposable
    {
        public List<WireClient> All { get; } = [];

        public async Task<WireClient> ConnectAsync(TestServer server, string key)
        {
            var client = await WireClient.ConnectAsync(server, ("Authorization", $"Bearer {key}"));
            All.Add(client);
            return client;
        }

        public void Dispose() => All.ForEach(static client => client.Dispose());
    }
}
