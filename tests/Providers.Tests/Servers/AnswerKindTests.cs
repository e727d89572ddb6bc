using Evergrain.Suites.Upstream;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>What an answer with status 200 is taken for: its bytes decide, not its content type.</summary>
public sealed class AnswerKindTests
{
    private const string Events = "data: a\n\ndata: last\n\ndata: [DONE]\n\n";

    [Theory]
    [InlineData("text/event-stream")]
    [InlineData("Text/Event-Stream;charset=UTF-8")]
    [InlineData("application/json")]
    [InlineData("text/plain; charset=utf-8")]
    [InlineData("application/octet-stream")]
    [InlineData("nonsense")]
    [InlineData(null)]
    public async Task Events_OfAnyContentType_AreRead(string? type)
    {
        foreach (var events in (string[])[Events, ": hi\n\n" + Events, "\n\n" + Events, "event: x\n" + Events])
        {
            Assert.Equal("a Completed", await AskAsync(events, type));
        }
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("text/event-stream")]
    [InlineData("text/plain")]
    [InlineData(null)]
    public async Task Document_OfAnyContentType_IsReadWhole(string? type)
    {
        foreach (var document in (string[])["{\"whole\":1}", "\n \r\n{\"whole\":1}\n", "\uFEFF{\"whole\":1}"])
        {
            Assert.Equal("{\"whole\":1} Completed", await AskAsync(document, type));
        }
    }

    [Theory]
    [InlineData("""{"error":{"message":"no channel","type":"one_api_error","code":429}}""", "rate_limit_exceeded")]
    [InlineData("""{"error":{"message":"no channel","code":"429"}}""", "rate_limit_exceeded")]
    [InlineData("""{"error":{"message":"no channel","code":400}}""", "invalid_prompt")]
    [InlineData("""{"error":{"message":"no channel","type":"invalid_request_error"}}""", "invalid_prompt")]
    [InlineData("""{"error":{"message":"no channel","code":503}}""", "server_is_overloaded")]
    [InlineData("""{"error":{"message":"no channel","type":"overloaded_error"}}""", "server_is_overloaded")]
    [InlineData("""{"error":{"message":"no channel","code":502}}""", "server_error")]
    [InlineData("""{"error":"no channel"}""", "server_error")]
    [InlineData("""{"object":"error","message":"no channel","code":7}""", "server_error")]
    [InlineData("""{"detail":"no channel"}""", "server_error")]
    [InlineData("""[{"error":{"code":400,"message":"no channel","status":"INVALID_ARGUMENT"}}]""", "invalid_prompt")]
    [InlineData("""{"error":{"message":"no channel: prompt is too long","code":400}}""", "context_length_exceeded")]
    [InlineData("""{"error":{"message":"failed","metadata":{"raw":"no channel"}}}""", "server_error")]
    public async Task Document_ThatIsAnError_FailsWithItsMessage(string document, string code)
    {
        foreach (var type in (string?[])["application/json", "text/event-stream", null])
        {
            await using var upstream = await ScriptedUpstream.StartAsync(Script(document, type));
            using var fixture = ServerFixture.Over(upstream.Url);

            var failed = Assert.Single(await fixture.AskAsync());

            Assert.Equal(code, failed.Code);
            Assert.Contains("no channel", failed.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""{"error":null,"whole":1}""")]
    [InlineData("""{"object":"response","error":{"message":"m"}}""")]
    [InlineData("""{"choices":[],"error":{"message":"m"}}""")]
    public async Task Document_ThatIsAnAnswer_IsLeftToItsDecoder(string document) =>
        Assert.Equal(document + " Completed", await AskAsync(document, "application/json"));

    [Theory]
    [InlineData("<html><body>Bad gateway</body></html>", "text/html; charset=utf-8", "is text/html.")]
    [InlineData("Bad gateway", "text/plain", "is text/plain.")]
    [InlineData("", "application/json", "is application/json.")]
    [InlineData("", "text/event-stream", "is text/event-stream.")]
    [InlineData(" \n", null, "is missing.")]
    [InlineData(": hi\n\n", "text/event-stream", "is text/event-stream.")]
    public async Task Answer_ThatIsNone_NamesItsContentType(string body, string? type, string expected)
    {
        await using var upstream = await ScriptedUpstream.StartAsync(Script(body, type));
        using var fixture = ServerFixture.Over(upstream.Url);

        var failed = Assert.Single(await fixture.AskAsync());

        Assert.Equal("server_error", failed.Code);
        Assert.EndsWith(expected, failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("gateway", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Document_LongerThanTheBound_EndsTheCall()
    {
        var script = Script("{\"a\":\"", "application/json");
        for (var i = 0; i < 18; i++)
        {
            script.Text(new string('x', 1 << 20));
        }

        await using var upstream = await ScriptedUpstream.StartAsync(script.Stall());
        using var fixture = ServerFixture.Over(upstream.Url);

        Assert.Contains("16777216", Assert.Single(await fixture.AskAsync()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data: a\n\ndata: last\n")]
    [InlineData("data: a\n\ndata: last")]
    [InlineData("data: a\r\n\r\ndata: last\r\n")]
    [InlineData("data: a\r\n\r\ndata: last\r")]
    [InlineData("data: a\n\nevent: x\ndata: last\nid: 7")]
    [InlineData("data: a\n\ndata: last\n\ndata: [DONE]")]
    public async Task LastEvent_WithoutItsBlankLine_Counts(string text) =>
        Assert.Equal("a Completed", await AskAsync(text, "text/event-stream"));

    [Theory]
    [InlineData("data: a\n\ndata: bad")]
    [InlineData("data: a\n\ndata: bad\n")]
    [InlineData("data: a\n\ndat")]
    [InlineData("data: a\n\ndata:")]
    public async Task LastEvent_ThatIsCut_IsAnAnswerThatEndedEarly(string text)
    {
        await using var upstream = await ScriptedUpstream.StartAsync(Script(text, "text/event-stream"));
        using var fixture = ServerFixture.Over(upstream.Url);

        var events = await fixture.AskAsync();

        Assert.Equal("a server_error", ModelServerCallTests.Words(events));
        Assert.Equal("The model server's answer ended before it was complete.", events[^1].Message);
    }

    private static UpstreamScript Script(string body, string? type)
    {
        var script = new UpstreamScript().Status(200);
        return (type is null ? script : script.Header("Content-Type", type)).Text(body);
    }

    // Once at once, and once byte by byte.
    private static async Task<string> AskAsync(string body, string? type)
    {
        var slow = Script("", type);
        foreach (var letter in body)
        {
            slow.Text(letter.ToString());
        }

        await using var upstream = await ScriptedUpstream.StartAsync(Script(body, type), slow);
        using var fixture = ServerFixture.Over(upstream.Url);
        var words = ModelServerCallTests.Words(await fixture.AskAsync());
        Assert.Equal(words, ModelServerCallTests.Words(await fixture.AskAsync()));
        return words;
    }
}
