using System.Net.WebSockets;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Sockets;

/// <summary>
/// What a client may rely on over one socket and nowhere else, whatever host the conversations live in.
/// </summary>
public abstract class WebSocketSuite
{
    private const string Hello = """[{"say":"hello"}]""";
    private const string Long = """[{"say":"late","delay_ms":60000}]""";

    [Theory]
    [InlineData("", null, "invalid_value")]
    [InlineData("{", null, "invalid_value")]
    [InlineData("[]", null, "invalid_value")]
    [InlineData("\"response.create\"", null, "invalid_value")]
    [InlineData("""{"\ud800ype":"response.create"}""", null, "invalid_value")]
    [InlineData(
        """{"type":"response.create","previous_response_id":"\udc00"}""", "previous_response_id", "invalid_value")]
    [InlineData("{}", "type", "missing_required_parameter")]
    [InlineData("""{"type":7}""", "type", "invalid_value")]
    [InlineData("""{"type":"response.steer"}""", "type", "invalid_value")]
    [InlineData("""{"type":"response.create","type":"response.create"}""", "type", "invalid_value")]
    [InlineData("""{"type":"response.create","previous_response_id":5}""", "previous_response_id", "invalid_value")]
    [InlineData("""{"type":"response.create","store":"yes"}""", "store", "invalid_value")]
    [InlineData("""{"type":"response.create","stream_id":"a"}""", "stream_id", "invalid_stream_id")]
    [InlineData("""{"type":"response.cancel","response_id":{}}""", "response_id", "invalid_value")]
    [InlineData("""{"type":"response.cancel","response_id":"resp_x"}""", "response_id", "invalid_value")]
    public async Task Frame_Wrong_IsAnErrorThatNamesTheFieldAndTheSocketStays(string frame, string? param, string code)
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server);

        var error = Assert.Single(await client.RunAsync(frame));

        Assert.Equal((400, code, param), (error.StatusOf(), error.CodeOf(), error.ParamOf()));
        Assert.Equal("response.completed", (await client.RunAsync(WireClient.Create(Hello)))[^1].TypeOf());
    }

    [Theory]
    [InlineData("""{"type":"response.create","stream_id":"a"}""", "a")]
    [InlineData("""{"stream_id":"lane-1","type":"response.create","model":"demo","input":"x"}""", "lane-1")]
    [InlineData("""{"type":"response.create","stream_id":"a b/\u00fc"}""", "a b/ü")]
    [InlineData("""{"type":"response.create","stream_id":""}""", "")]
    [InlineData("""{"type":"response.create","store":"yes","stream_id":"a"}""", "a")]
    [InlineData("""{"type":"response.create","previous_response_id":"x","stream_id":"a"}""", "a")]
    [InlineData("""{"type":7,"stream_id":"a"}""", "a")]
    [InlineData("""{"type":"response.steer","stream_id":"a"}""", "a")]
    [InlineData("""{"stream_id":"a"}""", "a")]
    [InlineData("""{"type":"response.create","stream_id":"a","input":[}""", "a")]
    [InlineData("""{"type":"response.create","stream_id":"a","stream_id":"b"}""", "a")]
    [InlineData("""{"type":"response.create","stream_id":7}""", null)]
    [InlineData("""{"type":"response.create","stream_id":"\ud800"}""", null)]
    [InlineData("""{"type":"response.create","store":7,"input":[{"stream_id":"a"}]}""", null)]
    [InlineData("""{"type":"response.create","input":[}],"stream_id":"a"}""", null)]
    [InlineData("""["stream_id","a"]""", null)]
    public async Task Frame_RefusedWithAStreamId_IsAnErrorWithIt(string frame, string? lane)
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server);

        var error = Assert.Single(await client.RunAsync(frame));

        Assert.Equal(400, error.StatusOf());
        Assert.Equal(lane is not null, error.TryGetProperty("stream_id", out var echoed));
        Assert.Equal(lane, lane is null ? null : echoed.GetString());
        Assert.Equal("response.completed", (await client.RunAsync(WireClient.Create(Hello)))[^1].TypeOf());
    }

    [Theory]
    [InlineData(256, true)]
    [InlineData(257, false)]
    [InlineData(1_000_000, false)]
    public async Task Frame_RefusedWithALongStreamId_IsAnErrorWithIt(int length, bool isEchoed)
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server);

        var error = Assert.Single(await client.RunAsync(
            $$"""{"type":"response.create","stream_id":"{{new string('x', length)}}"}"""));

        Assert.Equal("invalid_stream_id", error.CodeOf());
        Assert.Equal(isEchoed, error.TryGetProperty("stream_id", out _));
    }

    [Fact]
    public async Task Frame_Binary_IsAnErrorAndTheSocketStays()
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server);

        await client.SendAsync(new byte[100_000], WebSocketMessageType.Binary);

        Assert.Equal(400, Assert.Single(await client.ReadTurnAsync()).StatusOf());
        Assert.Equal("response.completed", (await client.RunAsync(WireClient.Create(Hello)))[^1].TypeOf());
    }

    [Fact]
    public async Task Creates_SentAtOnce_AreAnsweredInOrder()
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server);

        await client.SendAsync(WireClient.Create("""[{"say":"first","delay_ms":100}]"""));
        await client.SendAsync("{}");
        await client.SendAsync(WireClient.Create("""[{"say":"second"}]"""));

        Assert.Contains(await client.ReadTurnAsync(), e => e.ToString().Contains("first", StringComparison.Ordinal));
        Assert.Equal("type", Assert.Single(await client.ReadTurnAsync()).ParamOf());
        Assert.Contains(await client.ReadTurnAsync(), e => e.ToString().Contains("second", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Cancel_RunningTurn_EndsItOnceAndTheSocketStays(bool isNamed)
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server);
        await client.SendAsync(WireClient.Create(Long));
        var id = (await client.ReceiveAsync()).IdOf();

        await client.SendAsync("{\"type\":\"response.cancel\"" + (isNamed ? $",\"response_id\":\"{id}\"}}" : "}"));

        var last = (await client.ReadTurnAsync())[^1];
        Assert.Equal("response.incomplete", last.TypeOf());
        Assert.Equal("cancelled", last.GetProperty("response").GetProperty("status").GetString());
        Assert.Equal("response.completed", (await client.RunAsync(WireClient.Create(Hello)))[^1].TypeOf());
    }

    [Fact]
    public async Task Cancel_RightBehindItsCreate_StillCancels()
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server);

        await client.SendAsync(WireClient.Create(Long));
        await client.SendAsync("""{"type":"response.cancel"}""");

        Assert.Equal("response.incomplete", (await client.ReadTurnAsync())[^1].TypeOf());
    }

    [Fact]
    public async Task Cancel_NothingRuns_IsIgnored()
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server);
        var ended = (await client.RunAsync(WireClient.Create(Hello)))[^1].IdOf();

        await client.SendAsync("""{"type":"response.cancel"}""");
        await client.SendAsync($"{{\"type\":\"response.cancel\",\"response_id\":\"{ended}\"}}");
        await client.SendAsync("""{"type":"response.processed","response_id":"x"}""");

        Assert.Equal("response.completed", (await client.RunAsync(WireClient.Create(Hello)))[^1].TypeOf());
    }

    [Fact]
    public async Task Unstored_OnAnotherSocket_IsNotFoundThere()
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server);
        using var other = await WireClient.ConnectAsync(server);
        var parent = (await client.RunAsync(WireClient.Create(Hello, ",\"store\":false")))[^1].IdOf();
        var next = WireClient.Create(Hello, $",\"store\":false,\"previous_response_id\":\"{parent}\"");

        var error = Assert.Single(await other.RunAsync(next));

        Assert.Equal("previous_response_not_found", error.CodeOf());
        Assert.Equal("response.completed", (await client.RunAsync(next))[^1].TypeOf());
    }

    /// <summary>The host that the suite runs over; the server disposes it.</summary>
    protected abstract Task<ConversationsHost> CreateHostAsync();

    private async Task<TestServer> StartAsync() => await TestServer.StartAsync(await CreateHostAsync());
}

/// <summary>The suite over real conversations.</summary>
public abstract class RealWebSocketSuite(IWireHosts hosts) : WebSocketSuite
{
    protected override Task<ConversationsHost> CreateHostAsync() => hosts.StartAsync();
}
