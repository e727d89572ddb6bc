using Evergrain.Providers.Servers;
using Evergrain.Suites.Upstream;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>Servers that close connections which they said they keep: no call fails, and nothing is said.</summary>
public sealed class ConnectionTests
{
    private const int CallsAtATime = 24;

    private static readonly bool IsLong =
        Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };

    [Theory]
    [InlineData(Ending.Close)]
    [InlineData(Ending.Reset)]
    [InlineData(Ending.CloseLater)]
    [InlineData(Ending.CloseAtNextRequest)]
    [InlineData(Ending.ResetAtNextRequest)]
    public async Task Server_ThatClosesAfterEachAnswer_FailsNoCallAndGivesNoWarning(Ending ending)
    {
        var calls = IsLong ? 20_000 : 1_000;
        await using var server = new ClosingServer(ending);
        using var fixture = ServerFixture.Over(server.Url);
        var options = new ParallelOptions { MaxDegreeOfParallelism = CallsAtATime };

        await Parallel.ForAsync(0, calls, options, async (i, _) =>
            Assert.Equal("a Completed", ModelServerCallTests.Words(await fixture.AskAsync(
                ServerFixture.Call((UInt128)i, "1")))));

        Assert.All(fixture.Log.Lines, static line => Assert.StartsWith("Debug 124 ", line, StringComparison.Ordinal));
        Assert.Equal(calls, fixture.Count("evergrain.calls.ended", "test completed"));
        Assert.Equal(0, fixture.Count("evergrain.calls.moved", "test"));
        Assert.Equal(0, fixture.Backend.Server.Upstreams.All[0].Failures);
        if (ending is Ending.CloseAtNextRequest or Ending.ResetAtNextRequest)
        {
            // Each connection that was kept has met one call, and that call has taken a new one.
            Assert.NotEmpty(fixture.Log.Lines);
            Assert.Equal(calls + fixture.Log.Lines.Count, server.Requests);
        }
    }

    [Theory]
    [InlineData(Ending.CloseAtNextRequest)]
    [InlineData(Ending.ResetAtNextRequest)]
    public async Task Connection_ThatHadDied_IsFollowedByANewOneThoughOthersAreKept(Ending ending)
    {
        const int kept = 4;
        await using var server = new ClosingServer(ending) { TogetherMin = kept };
        using var fixture = ServerFixture.Over(server.Url);
        await Task.WhenAll(Enumerable.Range(0, kept).Select(_ => fixture.AskAsync()));
        Assert.Equal((kept, kept), (server.Requests, server.Connections));

        Assert.Equal("a Completed", ModelServerCallTests.Words(await fixture.AskAsync()));

        Assert.Equal((kept + 2, kept + 1), (server.Requests, server.Connections));
        Assert.StartsWith("Debug 124 ", Assert.Single(fixture.Log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connection_ThatHadListedModels_IsAKeptOne()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(
            UpstreamScript.HangUp(), UpstreamScript.Stream("end"));
        upstream.Listings.Enqueue(UpstreamScript.Answer(200, "{}"));
        using var fixture = ServerFixture.Over(upstream.Url);
        using (var request = new HttpRequestMessage(HttpMethod.Get, upstream.Url + "/models"))
        {
            using var listing = await fixture.Backend.Server.Connections
                .SendAsync(request, isNew: false, CancellationToken.None);
            await listing.Content.ReadAsStringAsync();
        }

        Assert.Equal("Completed", ModelServerCallTests.Words(await fixture.AskAsync()));

        Assert.StartsWith("Debug 124 ", Assert.Single(fixture.Log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connection_ThatDiesWithinTheHeadOfAnAnswer_IsNoDeadOne()
    {
        await using var server = new ClosingServer(Ending.CutNextAnswer);
        using var fixture = ServerFixture.Over(server.Url);
        await fixture.AskAsync();

        Assert.Equal("server_error", ModelServerCallTests.Words(await fixture.AskAsync()));

        Assert.Equal(2, server.Requests);
        Assert.StartsWith("Warning 121 ", Assert.Single(fixture.Log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connection_ThatHadDiedAtASecondUrl_IsReplacedThereToo()
    {
        await using var closing = new ClosingServer(Ending.CloseAtNextRequest);
        await using var failing = await ScriptedUpstream.StartAsync();
        using var fixture = ServerFixture.Over(closing.Url, failing.Url);
        var upstreams = fixture.Backend.Server.Upstreams.All;
        var affinity = Enumerable.Range(0, 1_000).Select(static i => (UInt128)i)
            .First(one => upstreams[1].Score(one) > upstreams[0].Score(one));
        failing.Play(UpstreamScript.Answer(500, "{}"), UpstreamScript.Answer(500, "{}"));
        await fixture.AskAsync(ServerFixture.Call(affinity));
        fixture.Backend.Server.Upstreams.Succeeded(upstreams[1]);

        Assert.Equal("a Completed",
            ModelServerCallTests.Words(await fixture.AskAsync(ServerFixture.Call(affinity))));

        Assert.Equal((3, 2), (closing.Requests, failing.Calls.Count));
        Assert.Equal(2, fixture.Log.Lines.Count(static line => line.StartsWith("Warning", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task NewConnection_ThatFails_IsARealFailure()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(
            UpstreamScript.HangUp(), UpstreamScript.HangUp(), UpstreamScript.Stream("end"));
        using var fixture = ServerFixture.Over(upstream.Url);

        var failed = Assert.Single(await fixture.AskAsync());

        Assert.Equal("The model server closed the connection without an answer.", failed.Message);
        Assert.Equal(2, upstream.Calls.Count);
        Assert.Equal(2, fixture.Log.Lines.Count(static line => line.StartsWith("Warning", StringComparison.Ordinal)));
        Assert.Equal(1, fixture.Backend.Server.Upstreams.All[0].Failures);
    }

    [Fact]
    public async Task Request_ToAServer_SaysWhoSendsIt()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream("end"));
        using var fixture = ServerFixture.Over(upstream.Url);

        await fixture.AskAsync();

        Assert.Matches(@"\Aevergrain/\d+\.\d+\.\d+\z", (await upstream.ReceivedAsync()).Headers["User-Agent"]);
    }
}
