using System.Net;
using System.Net.Sockets;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Listening;

/// <summary>Ports that strangers fill with connections that say nothing.</summary>
public sealed class ProbePlacesTests : IDisposable
{
    private const int HttpConnectionsMax = 64;
    private const int Strangers = 200;

    private static readonly Uri Live = new("health/live", UriKind.Relative);
    private static readonly Uri Models = new("v1/models", UriKind.Relative);
    private readonly List<TcpClient> _strangers = [];
    private readonly CancellationTokenSource _patience = new(TestServer.Patience);

    public void Dispose()
    {
        _strangers.ForEach(static stranger => stranger.Dispose());
        _patience.Dispose();
    }

    [Fact]
    public async Task PublicPort_FullOfSilentConnections_AnswersProbesAndRefusesOthersWithATimeToComeBack()
    {
        await using var server = await StartAsync();
        await FillAsync(server.Address, left: HttpConnectionsMax);

        for (var i = 0; i < 10; i++)
        {
            using var http = server.CreateHttpClient();
            using var live = await http.GetAsync(Live, _patience.Token);
            Assert.Equal((HttpStatusCode.OK, true), (live.StatusCode, live.Headers.ConnectionClose));
        }

        using var client = server.CreateHttpClient();
        using var refused = await client.GetAsync(Models, _patience.Token);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Contains("HttpConnectionsMax", await refused.Content.ReadAsStringAsync(_patience.Token),
            StringComparison.Ordinal);
        Assert.Single(server.Warnings, static line => line.Contains("answer probes alone", StringComparison.Ordinal));
    }

    [Fact]
    public async Task PublicPort_WhenStrangersLeave_ServesAgain()
    {
        await using var server = await StartAsync();
        await FillAsync(server.Address, left: HttpConnectionsMax);
        _strangers.ForEach(static stranger => stranger.Dispose());

        HttpStatusCode status;
        do
        {
            using var http = server.CreateHttpClient();
            using var answer = await http.GetAsync(Models, _patience.Token);
            status = answer.StatusCode;
        }
        while (status == HttpStatusCode.ServiceUnavailable);
        Assert.Equal(HttpStatusCode.OK, status);
    }

    [Fact]
    public async Task OperationsPort_WhileThePublicOneIsFull_Answers()
    {
        await using var server = await StartAsync(("OperationsPort", "0"));
        await FillAsync(server.Address, left: HttpConnectionsMax);
        using var http = new HttpClient { BaseAddress = server.Operations, Timeout = TestServer.Patience };

        for (var i = 0; i < 10; i++)
        {
            using var live = await http.GetAsync(Live, _patience.Token);
            Assert.Equal((HttpStatusCode.OK, null), (live.StatusCode, live.Headers.ConnectionClose));
        }
    }

    [Fact]
    public async Task OperationsPort_FullOfSilentConnections_AnswersProbes()
    {
        await using var server = await StartAsync(("OperationsPort", "0"), ("HttpConnectionsMax", "1000"));
        await FillAsync(server.Operations, left: 64);

        foreach (var path in (string[])["health/live", "health/ready", "metrics"])
        {
            using var http = new HttpClient { BaseAddress = server.Operations, Timeout = TestServer.Patience };
            using var answer = await http.GetAsync(new Uri(path, UriKind.Relative), _patience.Token);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    [Fact]
    public async Task Sockets_ThatAreUpgraded_LeaveTheirPlaces()
    {
        await using var server = await StartAsync(("HttpConnectionsMax", "8"));
        var sockets = new List<WireClient>();
        try
        {
            for (var i = 0; i < 20; i++)
            {
                sockets.Add(await WireClient.ConnectAsync(server));
            }

            using var http = server.CreateHttpClient();
            using var answer = await http.GetAsync(Models, _patience.Token);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
        finally
        {
            sockets.ForEach(static socket => socket.Dispose());
        }
    }

    private static Task<TestServer> StartAsync(params (string, string)[] settings) => TestServer.StartAsync(
        new ScriptedConversations(), [("HttpConnectionsMax", $"{HttpConnectionsMax}"), .. settings]);

    /// <summary>Connects strangers, and waits until the server has closed those that it has no place for.</summary>
    private async Task FillAsync(Uri address, int left)
    {
        var closed = 0;
        var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        for (var i = 0; i < Strangers; i++)
        {
            var stranger = new TcpClient();
            _strangers.Add(stranger);
            await stranger.ConnectAsync(address.Host, address.Port, _patience.Token);
            _ = WatchAsync(stranger.GetStream());
        }

        await enough.Task.WaitAsync(_patience.Token);

        async Task WatchAsync(NetworkStream stream)
        {
            try
            {
                _ = await stream.ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false, _patience.Token);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
            {
                // Closed with a reset, or by the test.
            }

            if (Interlocked.Increment(ref closed) == Strangers - left)
            {
                enough.TrySetResult();
            }
        }
    }
}
