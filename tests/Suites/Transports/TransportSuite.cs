using System.Text.Json;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Transports;

/// <summary>
/// What a client may rely on by whichever transport it comes, and whatever host the conversations live in.
/// </summary>
public abstract class TransportSuite
{
    protected const string Hello = """[{"say":"hello"}]""";
    private const string Long = """[{"say":"late","delay_ms":60000}]""";

    [Fact]
    public async Task Create_SimpleTurn_EndsWithOneResponse()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        var turn = await client.RunAsync(Creates.Of(Hello));

        Assert.Equal("completed", turn.Status);
        Assert.StartsWith("resp_", turn.Id, StringComparison.Ordinal);
        if (client.HasEvents)
        {
            Assert.Equal("response.created", turn.Events[0].TypeOf());
            Assert.Equal("response.completed", turn.Events[^1].TypeOf());
            Assert.Equal(Enumerable.Range(0, turn.Events.Count),
                turn.Events.Select(e => e.GetProperty("sequence_number").GetInt32()));
        }
    }

    [Fact]
    public async Task Create_WithParent_ContinuesItsConversation()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        var parent = (await client.RunAsync(Creates.Of(Hello))).Id;

        var turn = await client.RunAsync(Creates.Of(Hello, $",\"previous_response_id\":\"{parent}\""));

        Assert.Equal("completed", turn.Status);
        Assert.Equal(parent[..27], turn.Id[..27]);
        Assert.NotEqual(parent, turn.Id);
    }

    [Theory]
    [InlineData("resp_not_ours")]
    [InlineData("resp_0000000000000000000001_1")]
    public async Task Create_UnknownParent_IsNotFoundAndTheClientGoesOn(string parent)
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        var turn = await client.RunAsync(Creates.Of(Hello, $",\"previous_response_id\":\"{parent}\""));

        turn.AssertRefused(400, "previous_response_not_found", "previous_response_id");
        Assert.Equal("completed", (await client.RunAsync(Creates.Of(Hello))).Status);
    }

    [Theory]
    [InlineData("""{"model":"demo","input":"hi","previous_response_id":5}""", "previous_response_id")]
    [InlineData("""{"model":"demo","input":"hi","previous_response_id":"\udc00"}""", "previous_response_id")]
    [InlineData("""{"model":"demo","input":"hi","store":"yes"}""", "store")]
    [InlineData("""{"model":"demo","\ud800":1}""", null)]
    [InlineData("""{"model":"demo",}""", null)]
    public async Task Create_Wrong_IsAnErrorThatNamesTheField(string create, string? param)
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        (await client.RunAsync(create)).AssertRefused(400, "invalid_value", param);

        Assert.Equal("completed", (await client.RunAsync(Creates.Of(Hello))).Status);
    }

    [Theory]
    [InlineData(63, true)]
    [InlineData(64, false)]
    public async Task Create_Nested_IsTakenUpToTheBound(int levels, bool isTaken)
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        var turn = await client.RunAsync(
            Creates.Of(Hello, $",\"client_metadata_x\":{new string('[', levels)}{new string(']', levels)}"));

        Assert.Equal(isTaken, turn.Refused is null);
    }

    [Fact]
    public async Task Create_UnknownModel_IsAnError()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        var turn = await client.RunAsync("""{"model":"nobody","input":"hi"}""");

        turn.AssertRefused(400, "model_not_found", "model");
    }

    [Fact]
    public async Task Create_Unstored_IsFoundByNobodyElse()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        using var other = await ConnectAsync(server);
        using var http = server.CreateHttpClient();

        var turn = await client.RunAsync(Creates.Of(Hello, ",\"store\":false"));
        var next = Creates.Of(Hello, $",\"store\":false,\"previous_response_id\":\"{turn.Id}\"");

        Assert.Equal("completed", turn.Status);
        (await other.RunAsync(next)).AssertRefused(400, "previous_response_not_found", "previous_response_id");
        Assert.Equal(404, (int)(await http.GetAsync($"/v1/responses/{turn.Id}")).StatusCode);
    }

    [Fact]
    public async Task Cancel_RunningTurn_EndsItOnceAndTheClientGoesOn()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        var (id, ended) = await client.BeginAsync(Creates.Of(Long));

        await client.CancelAsync(id);

        var turn = await ended;
        Assert.Equal((id, "cancelled"), (turn.Id, turn.Status));
        Assert.Equal("response.incomplete", turn.Events[^1].TypeOf());
        Assert.Equal("completed", (await client.RunAsync(Creates.Of(Hello))).Status);
    }

    [Fact]
    public async Task Response_Read_IsTheOneThatTheTurnEndedWith()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        using var http = server.CreateHttpClient();

        var turn = await client.RunAsync(Creates.Of(Hello));

        Assert.Equal(turn.Ended.GetRawText(), await http.GetStringAsync($"/v1/responses/{turn.Id}"));
    }

    [Fact]
    public async Task Stored_OfAnotherTenant_IsNotFound()
    {
        await using var server = await TestServer.StartAsync(await CreateHostAsync(),
            ("ApiKeys:0", "one=team-1"), ("ApiKeys:1", "two=team-2"));
        using var client = await ConnectAsync(server, "one");
        using var other = await ConnectAsync(server, "two");
        var parent = (await client.RunAsync(Creates.Of(Hello))).Id;
        var next = Creates.Of(Hello, $",\"previous_response_id\":\"{parent}\"");

        (await other.RunAsync(next)).AssertRefused(400, "previous_response_not_found", "previous_response_id");
        Assert.Equal("completed", (await client.RunAsync(next)).Status);
    }

    /// <summary>The host that the suite runs over; the server disposes it.</summary>
    protected abstract Task<ConversationsHost> CreateHostAsync();

    protected abstract Task<ITurnTransport> ConnectAsync(TestServer server, string? key = null);

    protected async Task<TestServer> StartAsync() => await TestServer.StartAsync(await CreateHostAsync());

    protected static JsonElement Parse(string json) => JsonDocument.Parse(json).RootElement;
}
