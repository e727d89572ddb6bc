using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.RegularExpressions;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Suites.Hosting;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Proxies;

/// <summary>A proxy before two servers, for the tests that leave it as it is.</summary>
public abstract class EdgeFixture : IAsyncLifetime
{
    private EdgeSite? _site;

    internal EdgeSite Site => _site!;

    public async Task InitializeAsync() => _site = await StartSiteAsync(CancellationToken.None);

    public async Task DisposeAsync() => await Site.DisposeAsync();

    /// <summary>One of the caller's own.</summary>
    internal Task<EdgeSite> StartSiteAsync(CancellationToken cancellationToken, bool hasKeys = true) =>
        EdgeSite.StartAsync(StartProxyAsync, cancellationToken, hasKeys);

    private protected abstract Task<IEdgeProxy> StartProxyAsync(IReadOnlyList<int> servers,
        CancellationToken cancellationToken);
}

/// <summary>What a proxy must let through, with exactly the configuration that users get.</summary>
public abstract partial class EdgeSuite(EdgeFixture fixture, ITestOutputHelper output) : IDisposable
{
    private const int Leaves = 5;
    private const int BodyItems = 4;
    private const int ItemBytes = 15 << 20;
    private const int Streams = 8;

    private protected const int NewCreates = 20;

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    // In ./test other tests keep the machine busy: there an event is there before the next one is sent.
    private static readonly TimeSpan LateMax = IsLong ? TimeSpan.FromMilliseconds(20) : Interval;
    private static readonly TimeSpan NoticeMax = TimeSpan.FromSeconds(IsLong ? 1 : 30);

    // Longer than the minute after which nginx, HAProxy's examples and many load balancers cut.
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(IsLong ? 300 : 65);

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(IsLong ? 12 : 5));

    private protected EdgeFixture Fixture => fixture;

    private protected CancellationToken Token => _patience.Token;

    private EdgeSite Site => fixture.Site;

    public void Dispose()
    {
        // A test that failed may have left some, and the next one plays its own.
        Site.Model.Forget();
        _patience.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Events_ComeAtIntervals_EachIsThereAtOnce()
    {
        var pulses = IsLong ? 300 : 40;
        Site.Model.Play(Chat.Pulses(pulses, Interval));

        var late = (await Site.StreamAsync(Token)).SelectMany(static line => DeltaPattern().Matches(line.Data)
            .Select(match => TimeProvider.System.GetElapsedTime(
                long.Parse(match.Groups["sent"].Value, CultureInfo.InvariantCulture), line.Came))).Order().ToList();

        Assert.Equal(pulses, late.Count);
        Note($"events were late by {Spread(late)}");
        Assert.InRange(late[(int)(late.Count * (IsLong ? 0.98 : 0.5))], TimeSpan.Zero, LateMax);
    }

    [Fact]
    public async Task Wait_LongerThanAMinute_IsNotCut()
    {
        Site.Model.Play(Chat.Late(Quiet), Chat.Late(Quiet));
        using var http = EdgeSite.NewClient();
        using var content = EdgeSite.Create();
        using var socket = EdgeSite.NewSocket();
        await socket.ConnectAsync(Site.Socket, Token);
        var turn = EdgeSite.ReadTurnAsync(socket, Token);

        var stream = Site.StreamAsync(Token);
        using var json = await http.PostAsync(Site.Http, content, Token);

        Assert.Equal(HttpStatusCode.OK, json.StatusCode);
        Assert.Contains("late", await json.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        Assert.Equal("[DONE]", (await stream)[^1].Data);
        Site.Model.Play(Chat.Answer());
        await EdgeSite.SendCreateAsync(socket, Token);
        Assert.Equal("response.completed", await turn);
    }

    [Fact]
    public async Task Body_Of60Megabytes_Passes()
    {
        var item = $$"""{"role":"user","content":"{{new string('x', ItemBytes)}}"}""";
        using var content = new StringContent(
            $$"""{"model":"m","store":false,"input":[{{string.Join(',', Enumerable.Repeat(item, BodyItems))}}]}""",
            Encoding.UTF8, "application/json");
        var calls = Site.Model.Calls.Count;
        Site.Model.Play(Chat.Answer());
        using var http = EdgeSite.NewClient();

        using var answer = await http.PostAsync(Site.Http, content, Token);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.InRange((await Site.CallAsync(calls + 1, Token)).Body.Length, BodyItems * ItemBytes, int.MaxValue);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public Task Client_LeavesSilentAnswer_ServerNoticesAtOnce(bool isStream) => LeaveAsync(async leave =>
    {
        using var http = EdgeSite.NewClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, Site.Http) { Content = EdgeSite.Create(isStream) };
        try
        {
            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leave);
            Assert.True(isStream);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, leave);
        }
        catch (OperationCanceledException) when (leave.IsCancellationRequested)
        {
            // It left.
        }
    });

    [Fact]
    public Task Client_LeavesSocket_ServerNoticesAtOnce() => LeaveAsync(async leave =>
    {
        using var socket = EdgeSite.NewSocket();
        await socket.ConnectAsync(Site.Socket, Token);
        await EdgeSite.SendCreateAsync(socket, Token);
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, leave)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        socket.Abort();
    });

    [Theory]
    [InlineData("/metrics")]
    [InlineData("/%6detrics")]
    [InlineData("//metrics")]
    [InlineData("/health/../metrics")]
    [InlineData("/METRICS")]
    [InlineData("/Metrics/")]
    [InlineData("/%4Detrics")]
    [InlineData("/./metrics")]
    [InlineData("/v1/%2e%2e/metrics")]
    [InlineData("/metrics?a=b")]
    public async Task Metrics_AskedForThroughTheProxy_AreRefused(string path)
    {
        // As raw bytes, since clients write such paths anew.
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Site.Proxy.Port, Token);
        await using var stream = client.GetStream();

        // The servers would answer this key, so that the proxy alone can refuse it.
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: localhost\r\n" +
            $"Authorization: Bearer {ClusterProcess.OperatorKey}\r\nConnection: close\r\n\r\n"), Token);
        using var reader = new StreamReader(stream);
        var answer = await reader.ReadToEndAsync(Token);

        Assert.Equal("403", answer.Split(' ')[1]);
        Assert.DoesNotContain("evergrain_", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_WithoutKeysBehindTheProxy_AnswersNobodyAndSaysTheWayOut()
    {
        await using var site = await fixture.StartSiteAsync(Token, hasKeys: false);
        using var http = EdgeSite.NewClient();

        using var answer = await http.GetAsync(new Uri(site.Http, "/v1/models"), Token);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        var text = await answer.Content.ReadAsStringAsync(Token);
        Assert.Contains("X-Forwarded-For", text, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("--api-keys", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_TakenOutAndStopped_CutsNothingAndNothingIsRefused()
    {
        await using var site = await fixture.StartSiteAsync(Token);
        var before = await StartedAsync(site, 0);
        var running = await StartStreamsAsync(site);
        Assert.InRange(await StartedAsync(site, 0), before + 1, before + Streams - 1);

        await site.Proxy.TakeFirstOutAsync(Token);
        await site.Servers[0].SignalAsync("TERM", Token);
        for (var create = 0; create < NewCreates; create++)
        {
            await site.CreateAsync(Token);
        }

        foreach (var stream in await Task.WhenAll(running))
        {
            Assert.Equal("[DONE]", stream[^1].Data);
            Assert.Contains("\"response.completed\"", stream[^2].Data, StringComparison.Ordinal);
        }

        Assert.Equal(0, await site.Servers[0].ExitAsync(Token));
    }

    [Fact]
    public async Task Proxy_Reloaded_OpenSocketsAndStreamsGoOn()
    {
        await using var site = await fixture.StartSiteAsync(Token);
        using var socket = EdgeSite.NewSocket();
        await socket.ConnectAsync(site.Socket, Token);
        var running = await StartStreamsAsync(site);

        await site.Proxy.ReloadAsync(Token);

        site.Model.Play(Chat.Answer());
        await EdgeSite.SendCreateAsync(socket, Token);
        Assert.Equal("response.completed", await EdgeSite.ReadTurnAsync(socket, Token));
        await site.CreateAsync(Token);
        Assert.All(await Task.WhenAll(running), static stream => Assert.Equal("[DONE]", stream[^1].Data));
    }

    /// <summary>Streams that run for some seconds, on both servers.</summary>
    private protected async Task<List<Task<List<(string Data, long Came)>>>> StartStreamsAsync(EdgeSite site)
    {
        var calls = site.Model.Calls.Count;
        var running = new List<Task<List<(string Data, long Came)>>>();
        for (var stream = 0; stream < Streams; stream++)
        {
            site.Model.Play(Chat.Pulses(25, Interval));
            running.Add(site.StreamAsync(Token));
        }

        await site.CallAsync(calls + Streams, Token);
        return running;
    }

    /// <summary>The turns that a server has begun so far.</summary>
    private protected async Task<int> StartedAsync(EdgeSite site, int server) =>
        (int)(await site.Servers[server].ReadMetricsAsync(Token))["evergrain.turns.started"];

    private async Task LeaveAsync(Func<CancellationToken, Task> client)
    {
        var noticed = new List<TimeSpan>();
        for (var round = 0; round < Leaves; round++)
        {
            var calls = Site.Model.Calls.Count;
            Site.Model.Play(Chat.Silence());
            using var leave = CancellationTokenSource.CreateLinkedTokenSource(Token);
            var asking = client(leave.Token);
            var calling = Site.CallAsync(calls + 1, Token);
            await await Task.WhenAny(calling, asking);
            Assert.False(asking.IsCompleted, "The client ended by itself.");
            var call = await calling;

            // The answer's beginning is on its way, and then nothing is.
            await Task.Delay(Interval, TimeProvider.System, Token);
            var left = TimeProvider.System.GetTimestamp();
            await leave.CancelAsync();
            await asking;
            await call.Left.WaitAsync(Token);
            noticed.Add(TimeProvider.System.GetElapsedTime(left));
        }

        noticed.Sort();
        Note($"a client that left was noticed after {Spread(noticed)}");
        Assert.InRange(noticed[IsLong ? ^1 : Leaves / 2], TimeSpan.Zero, NoticeMax);
    }

    private void Note(string text) => output.WriteLine($"[note] {GetType().Name}: {text}");

    private static string Spread(List<TimeSpan> sorted) => string.Create(CultureInfo.InvariantCulture,
        $"p50 {sorted[sorted.Count / 2].TotalMilliseconds:F1} ms, p90 " +
        $"{sorted[sorted.Count * 9 / 10].TotalMilliseconds:F1} ms, at most {sorted[^1].TotalMilliseconds:F1} ms");

    [GeneratedRegex("\"delta\":\"@(?<sent>[0-9]+)@\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex DeltaPattern();
}
