using System.Globalization;
using Evergrain.Conversations.Ports;
using Evergrain.Suites.Upstream;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>Several URLs of one server: when a call moves, and when it stays.</summary>
public sealed class FailoverTests : IAsyncLifetime
{
    private ScriptedUpstream _first = null!;
    private ScriptedUpstream _second = null!;
    private ServerFixture _fixture = null!;

    public async Task InitializeAsync()
    {
        _first = await ScriptedUpstream.StartAsync();
        _second = await ScriptedUpstream.StartAsync();
        _fixture = ServerFixture.Over(_first.Url, _second.Url);
        if (_fixture.Backend.Server.Upstreams.Take(0, [], isHealthy: true)!.Url != _first.Url)
        {
            // Ports are chance: the first is the one that conversation 0 prefers.
            (_first, _second) = (_second, _first);
        }
    }

    public async Task DisposeAsync()
    {
        _fixture.Dispose();
        await _first.DisposeAsync();
        await _second.DisposeAsync();
    }

    [Fact]
    public async Task Conversation_WhileAllIsWell_StaysWhereItIs()
    {
        _first.Play(UpstreamScript.Stream("end"), UpstreamScript.Stream("end"));

        await _fixture.AskAsync();
        await _fixture.AskAsync();

        Assert.Equal((2, 0), (_first.Calls.Count, _second.Calls.Count));
    }

    [Theory]
    [InlineData("500")]
    [InlineData("503")]
    [InlineData("429")]
    [InlineData("a page")]
    [InlineData("an empty stream")]
    [InlineData("a stream without an event")]
    [InlineData("a stream broken before an event")]
    public async Task Fault_BeforeTheFirstEvent_MovesTheCall(string fault)
    {
        _first.Play(fault switch
        {
            "a page" => UpstreamScript.Answer(200, "<html>", "text/html"),
            "an empty stream" => UpstreamScript.Stream(),
            "a stream without an event" => UpstreamScript.Stream("quiet", "[DONE]"),
            "a stream broken before an event" => UpstreamScript.Stream("quiet").Abort(),
            _ => UpstreamScript.Answer(int.Parse(fault, CultureInfo.InvariantCulture), "{}"),
        });
        _second.Play(UpstreamScript.Stream("a", "end"));

        var events = await _fixture.AskAsync(ServerFixture.Call(0, "1"));

        Assert.Equal("a Completed", ModelServerCallTests.Words(events));
        Assert.Equal(_first.Calls[0].Text, _second.Calls[0].Text);
        Assert.Equal(1, _fixture.Count("evergrain.calls.moved", "test"));
        Assert.Equal(1, _fixture.Count("evergrain.calls.ended", "test completed"));
    }

    [Fact]
    public async Task Url_ThatIsGone_MovesTheCall()
    {
        await _first.DisposeAsync();
        _second.Play(UpstreamScript.Stream("end"));

        Assert.Equal("Completed", ModelServerCallTests.Words(await _fixture.AskAsync()));
    }

    [Fact]
    public async Task Fault_AfterTheFirstEvent_MovesNothing()
    {
        var gate = new Gate();
        _first.Play(UpstreamScript.Stream("a").Wait(gate).Abort());
        _second.Play(UpstreamScript.Stream("end"));

        var events = new List<ModelEvent>();
        await foreach (var modelEvent in _fixture.Backend.StreamAsync(ServerFixture.Call(), CancellationToken.None))
        {
            events.Add(modelEvent);
            gate.Open();
        }

        Assert.Equal("a server_error", ModelServerCallTests.Words(events));
        Assert.Empty(_second.Calls);
        Assert.Equal(0, _fixture.Count("evergrain.calls.moved", "test"));
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(404)]
    [InlineData(422)]
    public async Task Refusal_ThatIsFinal_MovesNothing(int status)
    {
        _first.Play(UpstreamScript.Answer(status, "{}"), UpstreamScript.Stream("end"));

        Assert.Single(await _fixture.AskAsync());
        await _fixture.AskAsync();

        Assert.Equal((2, 0), (_first.Calls.Count, _second.Calls.Count));
    }

    [Fact]
    public async Task Url_ThatFailed_IsPassedOverByTheNextCall()
    {
        _first.Play(UpstreamScript.Answer(500, "{}"));
        _second.Play(UpstreamScript.Stream("end"), UpstreamScript.Stream("end"));

        await _fixture.AskAsync();
        await _fixture.AskAsync();

        Assert.Equal((1, 2), (_first.Calls.Count, _second.Calls.Count));
    }

    [Fact]
    public async Task RateLimit_WhileTheOtherBacksOff_IsToldToTheClient()
    {
        _second.Play(UpstreamScript.Answer(500, "{}"));
        _first.Play(UpstreamScript.Answer(500, "{}"));
        Assert.Single(await _fixture.AskAsync());
        _first.Play(UpstreamScript.Answer(429, "{}").Header("x", "y"));
        _second.Play(UpstreamScript.Stream("end"));

        var events = await _fixture.AskAsync();

        Assert.Equal("rate_limit_exceeded", ModelServerCallTests.Words(events));
    }

    [Fact]
    public async Task Urls_ThatAllFail_AreTriedOnceEach()
    {
        _first.Play(UpstreamScript.Answer(500, "{}"));
        _second.Play(UpstreamScript.Answer(503, "{}"));

        Assert.Equal("server_is_overloaded", ModelServerCallTests.Words(await _fixture.AskAsync()));
        Assert.Equal((1, 1), (_first.Calls.Count, _second.Calls.Count));
        Assert.Equal(1, _fixture.Count("evergrain.calls.ended", "test faulted"));
    }

    [Theory]
    [InlineData("out of memory", "gone", "The model server failed (500): out of memory.")]
    [InlineData("gone", "out of memory", "The model server failed (500): out of memory.")]
    [InlineData("out of memory", "no words", "The model server failed (500): out of memory.")]
    [InlineData("no words", "out of memory", "The model server failed (500): out of memory.")]
    [InlineData("out of memory", "slow down", "The model server failed (500): out of memory.")]
    [InlineData("slow down", "out of memory", "The model server takes no more requests for now: slow down.")]
    [InlineData("cut", "gone", "The model server's answer ended before it was complete.")]
    [InlineData("gone", "page", "The model server's answer holds no event; its content type is text/html.")]
    [InlineData("out of memory", "bad tool", "The model server refused the request (400): bad tool.")]
    [InlineData("gone", "gone", "The model server could not be reached.")]
    public async Task Urls_ThatAllFail_EndWithTheFirstErrorThatNamesACause(string first, string second, string expected)
    {
        await PlayAsync(_first, first);
        await PlayAsync(_second, second);

        Assert.Equal(expected, Assert.Single(await _fixture.AskAsync()).Message);
        Assert.Equal(1, _fixture.Count("evergrain.calls.moved", "test"));
    }

    [Theory]
    [InlineData("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj")]
    [InlineData("Error: Jinja Exception: Conversation roles must alternate user/assistant/user/assistant/...")]
    [InlineData("Failed to parse tool call arguments as JSON: missing closing quote")]
    public async Task Failure_ThatIsTheRequestsFault_MovesNothing(string words)
    {
        _first.Play(UpstreamScript.Answer(500, $$$"""{"error":{"code":500,"message":"{{{words}}}"}}"""),
            UpstreamScript.Stream("end"));

        var failed = Assert.Single(await _fixture.AskAsync());
        await _fixture.AskAsync();

        Assert.Equal("invalid_prompt", failed.Code);
        Assert.StartsWith($"The model server refused the request (500): {words}", failed.Message,
            StringComparison.Ordinal);
        Assert.Equal((2, 0), (_first.Calls.Count, _second.Calls.Count));
        Assert.Empty(_fixture.Log.Lines);
    }

    [Fact]
    public async Task Connection_ThatDiesWithoutAnAnswer_IsTriedAgainAtTheSameUrl()
    {
        _first.Play(UpstreamScript.HangUp(), UpstreamScript.Stream("end"));

        Assert.Equal("Completed", ModelServerCallTests.Words(await _fixture.AskAsync()));
        Assert.Equal((2, 0), (_first.Calls.Count, _second.Calls.Count));
        Assert.Equal(0, _fixture.Count("evergrain.calls.moved", "test"));
    }

    [Fact]
    public async Task Connection_ThatDiesTwiceWithoutAnAnswer_MovesTheCall()
    {
        _first.Play(UpstreamScript.HangUp(), UpstreamScript.HangUp());
        _second.Play(UpstreamScript.Stream("end"));

        Assert.Equal("Completed", ModelServerCallTests.Words(await _fixture.AskAsync()));
        Assert.Equal((2, 1), (_first.Calls.Count, _second.Calls.Count));
    }

    [Fact]
    public async Task Places_AfterEveryKindOfEnd_AreGivenBack()
    {
        _first.Play(UpstreamScript.Stream("end"), UpstreamScript.Stream("bad"), UpstreamScript.Answer(400, "{}"),
            UpstreamScript.HangUp(), UpstreamScript.Answer(500, "{}"), UpstreamScript.Stream("a").Stall());
        _second.Play(UpstreamScript.Stream("end"));
        for (var i = 0; i < 4; i++)
        {
            await _fixture.AskAsync();
        }

        await foreach (var _ in _fixture.Backend.StreamAsync(ServerFixture.Call(), CancellationToken.None))
        {
            break;
        }

        // InitializeAsync took one place and kept it.
        Assert.Equal(1, _fixture.Backend.Server.Upstreams.All.Sum(static upstream => upstream.Running));
    }

    private static async Task PlayAsync(ScriptedUpstream upstream, string fault)
    {
        if (fault == "gone")
        {
            await upstream.DisposeAsync();
            return;
        }

        upstream.Play(fault switch
        {
            "no words" => UpstreamScript.Answer(500, ""),
            "slow down" => UpstreamScript.Answer(429, """{"error":"slow down"}"""),
            "bad tool" => UpstreamScript.Answer(400, """{"error":"bad tool"}"""),
            "page" => UpstreamScript.Answer(200, "<html>\n</html>", "text/html"),
            "cut" => UpstreamScript.Stream("quiet"),
            _ => UpstreamScript.Answer(500, $$"""{"error":"{{fault}}"}"""),
        });
    }
}
