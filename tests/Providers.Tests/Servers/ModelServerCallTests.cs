using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Providers.Servers;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Upstream;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>One call to one URL: what is sent, what comes back, what ends it.</summary>
public sealed class ModelServerCallTests
{
    private static readonly TraceContext Client =
        new("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=1");

    [Fact]
    public async Task Call_Answered_GivesTheEventsInOrder()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream("a", "quiet", "b", "end"));
        using var fixture = ServerFixture.Over(upstream.Url);

        var events = await fixture.AskAsync();

        Assert.Equal("a b Completed", Words(events));
        Assert.Equal(1, fixture.Count("evergrain.calls.ended", "test completed"));
        Assert.Empty(fixture.Log.Lines);
    }

    [Fact]
    public async Task Call_Sent_IsOneHttp11PostWithKeyAndExactLength()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream("end"));
        var options = ServerFixture.At(upstream.Url + "/");
        options.Key = "sk-secret";
        using var fixture = new ServerFixture(options);

        await fixture.AskAsync(ServerFixture.Call(0, "1", "\"ä\""));
        var call = await upstream.ReceivedAsync();

        Assert.Equal("""{"model":"m","items":[1,"ä"]}""", call.Text);
        Assert.Equal("/v1/test/calls", call.Path);
        Assert.Equal("Bearer sk-secret", call.Headers["Authorization"]);
        Assert.Equal("text/event-stream", call.Headers["Accept"]);
        Assert.Equal("application/json", call.Headers["Content-Type"]);
        Assert.Equal($"{call.Body.Length}", call.Headers["Content-Length"]);
        Assert.False(call.Headers.ContainsKey("Transfer-Encoding"));
        Assert.False(call.Headers.ContainsKey("Accept-Encoding"));
        Assert.False(call.Headers.ContainsKey("Expect"));
    }

    [Fact]
    public async Task Call_WithinItsSpan_NamesThatSpanToTheServer()
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == GenAi.SourceName,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) =>
                ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream("end"));
        using var fixture = ServerFixture.Over(upstream.Url);
        using var span = GenAi.Source.StartActivity("chat", ActivityKind.Client, Client.Read());

        await fixture.AskAsync();
        var call = await upstream.ReceivedAsync();

        Assert.Equal(span!.Id, call.Headers["traceparent"]);
        Assert.Equal("vendor=1", call.Headers["tracestate"]);
    }

    [Fact]
    public async Task Call_WithoutASpan_PassesTheClientsTraceOn()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(
            UpstreamScript.Stream("end"), UpstreamScript.Stream("end"));
        using var fixture = ServerFixture.Over(upstream.Url);
        using var others = new Activity("a request of HTTP").Start();

        await fixture.AskAsync(ServerFixture.Call(Client));
        await fixture.AskAsync(ServerFixture.Call(new TraceContext("00-no-trace", "vendor=1")));
        var calls = new[] { await upstream.ReceivedAsync(), await upstream.ReceivedAsync() };

        Assert.Equal((Client.Parent, Client.State), (calls[0].Headers["traceparent"], calls[0].Headers["tracestate"]));
        Assert.False(calls[1].Headers.ContainsKey("traceparent"));
        Assert.False(calls[1].Headers.ContainsKey("tracestate"));
    }

    [Fact]
    public async Task Call_WithoutKey_SendsNone()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream("end"));
        using var fixture = ServerFixture.Over(upstream.Url);

        await fixture.AskAsync();

        Assert.False((await upstream.ReceivedAsync()).Headers.ContainsKey("Authorization"));
    }

    [Theory]
    [InlineData("data: a\n\ndata: last\n\ndata: [DONE]\n\n")]
    [InlineData("data: a\n\ndata: last\n\ndata:[DONE] \n\ndata: bad\n\n")]
    [InlineData("data: a\n\ndata: last\n\n")]
    [InlineData("\ufeff: hi\r\nevent: x\r\nid:1\r\ndata: a\r\n\r\n: wait\r\n\r\ndata:last\r\n\r\ndata: [DONE]\r\n\r\n")]
    [InlineData("data: a\n\ndata:\n\nevent: ping\n\ndata: last\n\ndata: [DONE]\n\ndata: bad\n\n")]
    public async Task Stream_InEachSpelling_IsReadTheSame(string text)
    {
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream().Text(text));
        using var fixture = ServerFixture.Over(upstream.Url);

        Assert.Equal("a Completed", Words(await fixture.AskAsync()));
    }

    [Theory]
    [InlineData("my own words\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nmy own words\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmy own words\r\n")]
    public async Task Answer_ThatIsNoHttp_IsNotLogged(string answer)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = Task.Run(async () =>
        {
            // The request is sent again, once: the connection might have been an old one.
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync();
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(answer));
                await client.GetStream().CopyToAsync(Stream.Null);
            }
        });
        using var fixture = ServerFixture.Over($"http://{listener.LocalEndpoint}/v1");

        var events = await fixture.AskAsync().WaitAsync(Waits.Patience);
        listener.Stop();

        await Assert.ThrowsAnyAsync<Exception>(() => serving.WaitAsync(Waits.Patience));
        Assert.Equal(ModelEventKind.Failed, Assert.Single(events).Kind);
        Assert.NotEmpty(fixture.Log.Lines);
        Assert.DoesNotContain("words", string.Concat(fixture.Log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_CutAnywhere_IsReadTheSame()
    {
        const string text = "data: ä\n\ndata: b\r\n\r\ndata: last\n\ndata: [DONE]\n\n";
        var script = UpstreamScript.Stream();
        foreach (var letter in text)
        {
            script.Text(letter.ToString());
        }

        await using var upstream = await ScriptedUpstream.StartAsync(script);
        using var fixture = ServerFixture.Over(upstream.Url);

        Assert.Equal("ä b Completed", Words(await fixture.AskAsync()));
    }

    [Fact]
    public async Task Connection_AfterAWholeAnswer_IsUsedAgain()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(
            UpstreamScript.Stream("end", "[DONE]"), UpstreamScript.Stream("last", "[DONE]"),
            UpstreamScript.Stream("end"));
        using var fixture = ServerFixture.Over(upstream.Url);

        await fixture.AskAsync();
        await fixture.AskAsync();
        await fixture.AskAsync();

        Assert.Single(upstream.Calls.Select(call => call.Connection).Distinct());
    }

    [Fact]
    public async Task Call_ThatTheApiCannotCarry_FailsAsTheClientsMistake()
    {
        await using var upstream = await ScriptedUpstream.StartAsync();
        using var fixture = new ServerFixture(
            ServerFixture.At(upstream.Url), new TestApi { Refusal = "top_k cannot be carried." });

        var failed = Assert.Single(await fixture.AskAsync());

        Assert.Equal(("invalid_prompt", "top_k cannot be carried."), (failed.Code, failed.Message));
        Assert.Empty(upstream.Calls);
    }

    [Fact]
    public async Task Stream_ThatBreaksOff_FailsOnceAfterItsEvents()
    {
        var gate = new Gate();
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream("a").Wait(gate).Abort());
        using var fixture = ServerFixture.Over(upstream.Url);

        var events = new List<ModelEvent>();
        await foreach (var modelEvent in fixture.Backend.StreamAsync(ServerFixture.Call(), CancellationToken.None))
        {
            events.Add(modelEvent);
            gate.Open();
        }

        Assert.Equal("a server_error", Words(events));
        Assert.Equal(1, fixture.Count("evergrain.calls.ended", "test broken"));
        Assert.Single(upstream.Calls);
    }

    [Theory]
    [InlineData("a|bad|b", "a server_error")]
    [InlineData("a", "a server_error")]
    [InlineData("a|[DONE]", "a server_error")]
    public async Task Stream_ThatMakesNoSense_FailsOnceAfterItsEvents(string data, string expected)
    {
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream(data.Split('|')));
        using var fixture = ServerFixture.Over(upstream.Url);

        Assert.Equal(expected, Words(await fixture.AskAsync()));
    }

    [Fact]
    public async Task Event_LongerThanTheBound_EndsTheCall()
    {
        var megabyte = new string('x', 1 << 20);
        var script = UpstreamScript.Stream("a").Text("data: ");
        for (var i = 0; i < 20; i++)
        {
            script.Text(megabyte);
        }

        await using var upstream = await ScriptedUpstream.StartAsync(script.Stall());
        using var fixture = ServerFixture.Over(upstream.Url);

        var events = await fixture.AskAsync();

        Assert.Equal("a server_error", Words(events));
        Assert.Contains("16777216", events[^1].Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancel_WhileStreaming_IsSeenByTheServer()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream("a").Stall());
        using var fixture = ServerFixture.Over(upstream.Url);
        using var cancel = new CancellationTokenSource();

        await using var events = fixture.Backend.StreamAsync(ServerFixture.Call(), cancel.Token).GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());
        var next = events.MoveNextAsync();
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next.AsTask());
        var call = await upstream.ReceivedAsync();
        await call.Left.WaitAsync(Waits.Patience);
        await events.DisposeAsync();
        Assert.Equal(1, fixture.Count("evergrain.calls.ended", "test cancelled"));
        Assert.Empty(fixture.Log.Lines);
    }

    [Fact]
    public async Task Cancel_BeforeAnAnswer_IsSeenByTheServer()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(new UpstreamScript().Silence());
        using var fixture = ServerFixture.Over(upstream.Url);
        using var cancel = new CancellationTokenSource();

        await using var events = fixture.Backend.StreamAsync(ServerFixture.Call(), cancel.Token).GetAsyncEnumerator();
        var next = events.MoveNextAsync();
        var call = await upstream.ReceivedAsync();
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next.AsTask());
        await call.Left.WaitAsync(Waits.Patience);
    }

    [Fact]
    public async Task Caller_ThatLeavesBetweenEvents_IsSeenByTheServer()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream("a").Stall());
        using var fixture = ServerFixture.Over(upstream.Url);

        var events = fixture.Backend.StreamAsync(ServerFixture.Call(), CancellationToken.None).GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());
        await events.DisposeAsync();

        await (await upstream.ReceivedAsync()).Left.WaitAsync(Waits.Patience);
    }

    [Fact]
    public async Task Server_ThatIsNotThere_FailsAndIsLogged()
    {
        string url;
        await using (var gone = await ScriptedUpstream.StartAsync())
        {
            url = gone.Url;
        }

        using var fixture = ServerFixture.Over(url);

        var failed = Assert.Single(await fixture.AskAsync());

        Assert.Equal(("server_error", "The model server could not be reached."), (failed.Code, failed.Message));
        Assert.Equal(1, fixture.Count("evergrain.calls.ended", "test unreachable"));
        Assert.Contains(url, Assert.Single(fixture.Log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redirect_FromTheServer_IsNotFollowed()
    {
        await using var other = await ScriptedUpstream.StartAsync(UpstreamScript.Stream("end"));
        await using var upstream = await ScriptedUpstream.StartAsync(
            new UpstreamScript().Status(307).Header("Location", other.Url + "/test/calls"));
        using var fixture = ServerFixture.Over(upstream.Url);

        Assert.Equal("server_error", Words(await fixture.AskAsync()));
        Assert.Empty(other.Calls);
    }

    internal static string Words(IEnumerable<ModelEvent> events) => string.Join(' ', events.Select(static e =>
        e.Kind == ModelEventKind.Delta ? Encoding.UTF8.GetString(e.Text.Span) : e.Code ?? e.Kind.ToString()));
}
