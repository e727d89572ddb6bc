using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Upstream;

namespace Evergrain.Cluster.Tests.Proxies;

/// <summary>A proxy before two servers, whose model server does what a test says.</summary>
internal sealed class EdgeSite : IAsyncDisposable
{
    private const int WarmingCreates = 8;

    private readonly string _folder = ProxyProcess.NewFolder("edge");
    private readonly List<ClusterProcess> _servers = [];
    private IEdgeProxy? _proxy;

    private EdgeSite(ScriptedUpstream model) => Model = model;

    public ScriptedUpstream Model { get; }

    public IReadOnlyList<ClusterProcess> Servers => _servers;

    public IEdgeProxy Proxy => _proxy!;

    public Uri Http => new($"http://127.0.0.1:{Proxy.Port}/v1/responses");

    public Uri Socket => new($"ws://127.0.0.1:{Proxy.Port}/v1/responses");

    /// <summary>Starts one; each server has made turns then.</summary>
    public static async Task<EdgeSite> StartAsync(
        Func<IReadOnlyList<int>, CancellationToken, Task<IEdgeProxy>> startProxy, CancellationToken cancellationToken,
        bool hasKeys = true)
    {
        var site = new EdgeSite(await ScriptedUpstream.StartAsync());
        try
        {
            int[] ports = [FreePorts.Next(), FreePorts.Next()];
            foreach (var port in ports)
            {
                site._servers.Add(await site.StartServerAsync(port, hasKeys, cancellationToken));
            }

            site._proxy = await startProxy(ports, cancellationToken);
            for (var create = 0; hasKeys && create < WarmingCreates; create++)
            {
                await site.CreateAsync(cancellationToken);
            }

            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    /// <summary>A create over HTTP; an unstored turn ends when its client leaves.</summary>
    public static HttpContent Create(bool isStream = false) => new StringContent(
        $$"""{"model":"m","store":false,"stream":{{(isStream ? "true" : "false")}},"input":"go"}""",
        Encoding.UTF8, "application/json");

    /// <summary>A create over WebSocket.</summary>
    public static async Task SendCreateAsync(ClientWebSocket socket, CancellationToken cancellationToken) =>
        await socket.SendAsync(
            """{"type":"response.create","model":"m","store":false,"input":"go"}"""u8.ToArray(),
            WebSocketMessageType.Text, endOfMessage: true, cancellationToken);

    /// <summary>
    /// A client of its own, with connections of its own and no bound on its waits. When it leaves an answer, it closes
    /// the connection at once; the runtime's default reads on for 2 s first.
    /// </summary>
    public static HttpClient NewClient() =>
        new(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero })
        {
            Timeout = Timeout.InfiniteTimeSpan,
            DefaultRequestHeaders = { { "Authorization", $"Bearer {ClusterProcess.ClientKey}" } },
        };

    /// <summary>A socket that brings the key.</summary>
    public static ClientWebSocket NewSocket()
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {ClusterProcess.ClientKey}");
        return socket;
    }

    /// <summary>A short turn over HTTP, over a connection of its own.</summary>
    public async Task CreateAsync(CancellationToken cancellationToken)
    {
        Model.Play(Chat.Answer());
        using var http = NewClient();
        using var content = Create();
        using var answer = await http.PostAsync(Http, content, cancellationToken);
        Assert.True(answer.IsSuccessStatusCode,
            $"{answer.StatusCode}: {await answer.Content.ReadAsStringAsync(cancellationToken)}");
    }

    /// <summary>Reads frames up to the end of a turn, and gives the last event's type.</summary>
    public static async Task<string> ReadTurnAsync(ClientWebSocket socket, CancellationToken cancellationToken)
    {
        var buffer = new byte[1 << 16];
        while (true)
        {
            var length = 0;
            ValueWebSocketReceiveResult result;
            do
            {
                result = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
                length += result.Count;
            }
            while (!result.EndOfMessage);

            Assert.True(result.MessageType == WebSocketMessageType.Text, $"closed: {socket.CloseStatus}");
            using var frame = JsonDocument.Parse(buffer.AsMemory(0, length));
            var type = frame.RootElement.TypeOf();
            if (type is "response.completed" or "response.failed" or "error")
            {
                return type;
            }
        }
    }

    /// <summary>Streams a turn over HTTP and gives its lines of data, with the moment each came.</summary>
    public async Task<List<(string Data, long Came)>> StreamAsync(CancellationToken cancellationToken)
    {
        using var http = NewClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, Http) { Content = Create(isStream: true) };
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}");
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(cancellationToken));
        var seen = new List<(string, long)>();
        while (await lines.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                seen.Add((line[6..], TimeProvider.System.GetTimestamp()));
            }
        }

        return seen;
    }

    /// <summary>Waits until the model server has received so many calls in all.</summary>
    public async Task<ReceivedCall> CallAsync(int count, CancellationToken cancellationToken)
    {
        while (Model.Calls.Count < count)
        {
            await Task.Delay(ProxyProcess.Look, TimeProvider.System, cancellationToken);
        }

        return Model.Calls[count - 1];
    }

    public async ValueTask DisposeAsync()
    {
        if (_proxy is not null)
        {
            await _proxy.DisposeAsync();
        }

        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        await Model.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private Task<ClusterProcess> StartServerAsync(int port, bool hasKeys, CancellationToken cancellationToken)
    {
        var number = port.ToString(CultureInfo.InvariantCulture);
        string[] options = ["--port", number, "--data", Path.Combine(_folder, number),
            "--model-url", Model.Url, "--model-api", "chat", "--model-idle-timeout", "00:20:00"];
        var start = new ProcessStartInfo("dotnet", [ClusterProcesses.Program, .. options]);
        if (hasKeys)
        {
            ClusterProcess.SetKeys(start);
        }

        return ClusterProcess.StartAsync("server " + number, start, cancellationToken);
    }
}

/// <summary>What a chat-completions server says.</summary>
internal static class Chat
{
    private const string Done = "[DONE]";

    /// <summary>A whole answer, at once.</summary>
    public static UpstreamScript Answer() => UpstreamScript.Stream(Delta("ok"), Finish(), Done);

    /// <summary>A call of the tool <c>look</c>.</summary>
    public static UpstreamScript Call(string id) => UpstreamScript.Stream(
        Chunk("{\"tool_calls\":[{\"index\":0,\"id\":\"" + id + "\",\"type\":\"function\"," +
            "\"function\":{\"name\":\"look\",\"arguments\":\"{}\"}}]}", "null"),
        Chunk("{}", "\"tool_calls\""), Done);

    /// <summary>The beginning of an answer, and nothing more.</summary>
    public static UpstreamScript Silence() => UpstreamScript.Stream(Delta("ok")).Stall();

    /// <summary>An answer with a silence in it.</summary>
    public static UpstreamScript Late(TimeSpan silence) =>
        UpstreamScript.Stream(Delta("ok")).Pause(silence).Events(Delta("late"), Finish(), Done);

    /// <summary>Deltas at intervals, each of which says when it was sent.</summary>
    public static UpstreamScript Pulses(int count, TimeSpan interval)
    {
        var script = UpstreamScript.Stream(Delta("begin"));
        for (var pulse = 0; pulse < count; pulse++)
        {
            script.Pause(interval).Event(static () => Delta($"@{TimeProvider.System.GetTimestamp()}@"));
        }

        return script.Events(Finish(), Done);
    }

    private static string Delta(string text) => Chunk($$"""{"content":"{{text}}"}""", "null");

    private static string Finish() => Chunk("{}", "\"stop\"");

    private static string Chunk(string delta, string reason) =>
        """{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":""" +
        $"{delta},\"finish_reason\":{reason}}}]}}";
}
