using System.Net;
using System.Net.Sockets;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Upstream;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>How long a call waits for what, by a clock that the test moves.</summary>
public sealed class TimeoutTests
{
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(5);

    private readonly ManualTime _time = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Server_ThatGivesNoByte_FailsAtItsFirstTokenTimeout(bool hasHead)
    {
        await using var upstream = await ScriptedUpstream.StartAsync(
            hasHead ? UpstreamScript.Stream().Stall() : new UpstreamScript().Silence());
        using var fixture = new ServerFixture(ServerFixture.At(upstream.Url), time: _time);

        var asking = fixture.AskAsync();
        var call = await upstream.ReceivedAsync();
        _time.Advance(TimeSpan.FromSeconds(119));
        Assert.False(asking.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));

        var failed = Assert.Single(await asking);
        Assert.Equal("The model server did not begin its answer within 120 s.", failed.Message);
        Assert.Equal(1, fixture.Count("evergrain.calls.ended", "test timed_out"));
        await call.Left.WaitAsync(Waits.Patience);
    }

    [Fact]
    public async Task Server_ThatGivesNoEvent_LosesTheCallToAnother()
    {
        await using var silent = await ScriptedUpstream.StartAsync(new UpstreamScript().Silence());
        await using var other = await ScriptedUpstream.StartAsync(new UpstreamScript().Silence());
        using var fixture = new ServerFixture(ServerFixture.At(silent.Url, other.Url), time: _time);

        var asking = fixture.AskAsync();
        Task<ReceivedCall>[] received = [silent.ReceivedAsync(), other.ReceivedAsync()];
        await await Task.WhenAny(received);
        _time.Advance(TimeSpan.FromSeconds(120));
        await Task.WhenAll(received);
        _time.Advance(TimeSpan.FromSeconds(120));

        Assert.Equal("server_error", ModelServerCallTests.Words(await asking));
    }

    [Theory]
    [InlineData(": reading\n\n")]
    [InlineData(":\n")]
    [InlineData("\n")]
    [InlineData("data: quiet\n\n")]
    public async Task Bytes_BeforeTheFirstEvent_KeepTheCallAlive(string bytes)
    {
        var (first, second) = (new Gate(), new Gate());
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream().Text(bytes)
            .Wait(first).Text(bytes).Wait(second).Events("a", "end"));
        using var fixture = SlowFixture(upstream);

        var armed = _time.ArmedAsync(Silence);
        var asking = fixture.AskAsync();
        await armed;
        _time.Advance(Silence - TimeSpan.FromSeconds(1));
        armed = _time.ArmedAsync(Silence);
        first.Open();
        await armed;
        _time.Advance(Silence - TimeSpan.FromSeconds(1));
        second.Open();

        Assert.Equal("a Completed", ModelServerCallTests.Words(await asking));
    }

    [Fact]
    public async Task Silence_BehindAComment_IsBounded()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream().Text(": hi\n\n").Stall());
        using var fixture = SlowFixture(upstream);

        var armed = _time.ArmedAsync(Silence);
        var asking = fixture.AskAsync();
        await armed;
        _time.Advance(Silence);

        Assert.Equal("The model server fell silent for 300 s before the first event of its answer.",
            Assert.Single(await asking).Message);
        await (await upstream.ReceivedAsync()).Left.WaitAsync(Waits.Patience);
    }

    [Fact]
    public async Task Comments_WithoutAnEvent_EndAtTheTurnTimeout()
    {
        var (first, second) = (new Gate(), new Gate());
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream().Text(": hi\n\n")
            .Wait(first).Text(": hi\n\n").Wait(second).Text(": hi\n\n").Stall());
        using var fixture = SlowFixture(upstream);
        fixture.Options.TurnTimeout = Silence * 2;

        var armed = _time.ArmedAsync(Silence);
        var asking = fixture.AskAsync();
        await armed;
        _time.Advance(Silence - TimeSpan.FromSeconds(1));
        armed = _time.ArmedAsync(Silence);
        first.Open();
        await armed;
        _time.Advance(Silence - TimeSpan.FromSeconds(1));
        armed = _time.ArmedAsync(TimeSpan.FromSeconds(2));
        second.Open();
        await armed;
        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal("The model server did not end its answer within 600 s.", Assert.Single(await asking).Message);
    }

    [Fact]
    public async Task Stream_ThatFallsSilent_FailsAtItsIdleTimeout()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream("a").Stall());
        using var fixture = new ServerFixture(ServerFixture.At(upstream.Url), time: _time);

        var armed = _time.ArmedAsync(TimeSpan.FromSeconds(60));
        var asking = fixture.AskAsync();
        await armed;
        _time.Advance(TimeSpan.FromSeconds(60));

        var events = await asking;
        Assert.Equal("a server_error", ModelServerCallTests.Words(events));
        Assert.Equal("The model server fell silent for 60 s in the middle of its answer.", events[^1].Message);
        await (await upstream.ReceivedAsync()).Left.WaitAsync(Waits.Patience);
    }

    [Fact]
    public async Task Comments_OfAServerThatWorks_KeepItsStreamAlive()
    {
        var (first, second) = (new Gate(), new Gate());
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream("a")
            .Wait(first).Text(": still here\n\n").Wait(second).Events("end"));
        using var fixture = new ServerFixture(ServerFixture.At(upstream.Url), time: _time);

        var armed = _time.ArmedAsync(TimeSpan.FromSeconds(60));
        var asking = fixture.AskAsync();
        await armed;
        _time.Advance(TimeSpan.FromSeconds(50));
        armed = _time.ArmedAsync(TimeSpan.FromSeconds(60));
        first.Open();
        await armed;
        _time.Advance(TimeSpan.FromSeconds(50));
        second.Open();

        Assert.Equal("a Completed", ModelServerCallTests.Words(await asking));
    }

    [Fact]
    public async Task Caller_ThatTakesItsTime_IsNoSilenceOfTheServer()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream("a", "b", "end"));
        using var fixture = new ServerFixture(ServerFixture.At(upstream.Url), time: _time);

        var events = new List<ModelEvent>();
        await foreach (var modelEvent in fixture.Backend.StreamAsync(ServerFixture.Call(), CancellationToken.None))
        {
            events.Add(modelEvent);
            _time.Advance(TimeSpan.FromSeconds(300));
        }

        Assert.Equal("a b Completed", ModelServerCallTests.Words(events));
    }

    [Fact]
    public async Task Call_ThatGoesOnAndOn_FailsAtItsTurnTimeout()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(
            UpstreamScript.Stream([.. Enumerable.Repeat("a", 40)]).Stall());
        using var fixture = new ServerFixture(ServerFixture.At(upstream.Url), time: _time);

        var events = new List<ModelEvent>();
        await foreach (var modelEvent in fixture.Backend.StreamAsync(ServerFixture.Call(), CancellationToken.None))
        {
            events.Add(modelEvent);
            _time.Advance(TimeSpan.FromSeconds(50));
        }

        Assert.Equal("The model server did not end its answer within 1800 s.", events[^1].Message);
        Assert.InRange(events.Count, 37, 41);
    }

    [Fact]
    public async Task ErrorBody_ThatNeverEnds_IsNotWaitedFor()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(
            UpstreamScript.Answer(400, "{\"error\":").Stall());
        using var fixture = new ServerFixture(ServerFixture.At(upstream.Url), time: _time);

        var armed = _time.ArmedAsync(TimeSpan.FromSeconds(1));
        var asking = fixture.AskAsync();
        await armed;
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal("invalid_prompt", ModelServerCallTests.Words(await asking));
    }

    [Fact]
    public async Task End_BehindTheLastEvent_IsNotWaitedForLong()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(UpstreamScript.Stream("end").Stall());
        using var fixture = new ServerFixture(ServerFixture.At(upstream.Url), time: _time);

        var armed = _time.ArmedAsync(TimeSpan.FromSeconds(1));
        var asking = fixture.AskAsync();
        await armed;
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal("Completed", ModelServerCallTests.Words(await asking));
        await (await upstream.ReceivedAsync()).Left.WaitAsync(Waits.Patience);
    }

    [Fact]
    public async Task Host_ThatTakesTheConnectionAndNeverSpeaksTls_FailsAtItsConnectTimeout()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var options = ServerFixture.At($"https://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/v1");
        options.ConnectTimeout = TimeSpan.FromMilliseconds(100);
        using var fixture = new ServerFixture(options);

        var failed = Assert.Single(await fixture.AskAsync());

        Assert.Equal("The model server could not be reached in time.", failed.Message);
    }

    // Its silence differs from its first-token timeout, so that a test sees which one is set.
    private ServerFixture SlowFixture(ScriptedUpstream upstream)
    {
        var options = ServerFixture.At(upstream.Url);
        options.IdleTimeout = Silence;
        return new ServerFixture(options, time: _time);
    }
}
