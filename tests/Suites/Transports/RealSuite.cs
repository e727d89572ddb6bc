using System.Text.Json;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Transports;

/// <summary>
/// The suite over real conversations and the demo model, with what needs them: context, calls, failures.
/// </summary>
public abstract class RealSuite(IWireHosts hosts) : TransportSuite
{
    [Fact]
    public async Task Create_Chain_HoldsEveryItemAndItsDigest()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        var first = await client.RunAsync("""{"model":"demo","input":"one"}""");
        var second = await client.RunAsync(Creates.Next(first.Id, "\"two\""));

        Assert.Equal("Evergrain demo: 1 items held, 1 processed for this turn.", first.Text);
        Assert.Equal("Evergrain demo: 3 items held, 1 processed for this turn.", second.Text);
        Assert.Equal(first.Id, second.Ended.GetProperty("previous_response_id").GetString());

        // The same whatever the transport: it is the digest of these items.
        Assert.Equal("3034fac4", second.Ended.GetProperty("evergrain").GetProperty("digest").GetString()![..8]);
    }

    [Fact]
    public async Task Create_TwoOnOneParent_AreTwoBranches()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        using var other = await ConnectAsync(server);
        var root = await client.RunAsync("""{"model":"demo","input":"root"}""");

        var forks = await Task.WhenAll(
            client.RunAsync(Creates.Next(root.Id, "\"left\"")), other.RunAsync(Creates.Next(root.Id, "\"right\"")));

        Assert.All(forks, fork => Assert.StartsWith("Evergrain demo: 3 items", fork.Text, StringComparison.Ordinal));
        Assert.NotEqual(forks[0].Id, forks[1].Id);
    }

    [Fact]
    public async Task Create_Call_IsAnsweredInTheNextTurn()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        const string tools = ",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]";

        var asking = await client.RunAsync(
            Creates.Of("""[{"call":"f","args":{"a":"é"}},{"say":"thanks"}]""", tools));
        var call = asking.Ended.GetProperty("output")[0];
        var silent = await client.RunAsync(Creates.Next(asking.Id, "\"and?\"", tools));
        var answer = await client.RunAsync(Creates.Next(asking.Id, $$"""
            [{"type":"function_call_output","call_id":{{call.GetProperty("call_id").GetRawText()}},"output":"ok"}]
            """, tools));

        Assert.Equal("""{"a":"é"}""", call.GetProperty("arguments").GetString());
        Assert.Equal(400, silent.Refused?.Status);
        Assert.Contains($"No tool output found for function call {call.GetProperty("call_id").GetString()}.",
            $"{silent.Refused}", StringComparison.Ordinal);
        Assert.Equal("thanks", answer.Text);
    }

    [Fact]
    public async Task Create_CallOfAnAsyncTool_IsAnsweredTurnsLaterAndAgain()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        const string tools = ",\"tools\":[{\"type\":\"custom\",\"name\":\"c\",\"async\":true}]";

        var asking = await client.RunAsync(Creates.Of(
            """[{"custom":"c","input":"x"},{"say":"waiting"},{"say":"thanks"},{"say":"again"}]""", tools));
        var call = asking.Ended.GetProperty("output")[0];
        var output = $$"""
            [{"type":"custom_tool_call_output","call_id":{{call.GetProperty("call_id").GetRawText()}},"output":"ok"}]
            """;
        var waiting = await client.RunAsync(Creates.Next(asking.Id, "\"and?\""));
        var thanks = await client.RunAsync(Creates.Next(waiting.Id, output));
        var again = await client.RunAsync(Creates.Next(thanks.Id, output));

        Assert.True(call.GetProperty("async").GetBoolean());
        Assert.Equal(["waiting", "thanks", "again"], [waiting.Text, thanks.Text, again.Text]);
    }

    [Fact]
    public async Task Create_AnswerToNoCall_IsRefused()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        var root = await client.RunAsync("""{"model":"demo","input":"root"}""");

        var turn = await client.RunAsync(Creates.Next(root.Id,
            """[{"type":"function_call_output","call_id":"call_missing","output":"ok"}]"""));

        Assert.Equal(400, turn.Refused?.Status);
        Assert.Contains("No tool call found for function call output with call_id call_missing.", $"{turn.Refused}",
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_WithoutGeneration_GivesAnIdToGoOnFrom()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        var warm = await client.RunAsync("""{"model":"demo","input":"context","generate":false}""");
        var next = await client.RunAsync(Creates.Next(warm.Id, "\"go\""));

        Assert.Equal(("completed", 0), (warm.Status, warm.Ended.GetProperty("output").GetArrayLength()));
        Assert.Equal("Evergrain demo: 2 items held, 1 processed for this turn.", next.Text);
    }

    [Fact]
    public async Task Create_StoredOnUnstored_IsRefused()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        var unstored = await client.RunAsync("""{"model":"demo","input":"hi","store":false}""");

        var turn = await client.RunAsync(Creates.Next(unstored.Id, "\"more\""));

        // Over HTTP the parent is gone with its request.
        Assert.False(unstored.Ended.GetProperty("store").GetBoolean());
        Assert.Equal(400, turn.Refused?.Status);
    }

    [Fact]
    public async Task Create_UnstoredOnStored_IsFine()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        var stored = await client.RunAsync("""{"model":"demo","input":"hi"}""");

        var turn = await client.RunAsync(Creates.Next(stored.Id, "\"more\"", ",\"store\":false"));

        Assert.Equal("Evergrain demo: 3 items held, 1 processed for this turn.", turn.Text);
    }

    [Theory]
    [InlineData("""{"input":"hi"}""", "model", "missing_required_parameter")]
    [InlineData("""{"model":null,"input":"hi"}""", "model", "missing_required_parameter")]
    [InlineData("""{"model":7,"input":"hi"}""", "model", "invalid_value")]
    [InlineData("""{"model":"\ud800","input":"hi"}""", null, "invalid_value")]
    [InlineData("""{"model":"demo"}""", "input", "missing_required_parameter")]
    [InlineData("""{"model":"demo","input":7}""", "input", "invalid_value")]
    [InlineData("""{"model":"demo","input":["x"]}""", "input[0]", "invalid_value")]
    [InlineData("""{"model":"demo","model":"demo","input":"hi"}""", "model", "invalid_value")]
    [InlineData("""{"model":"demo","input":"hi","temperature":3}""", "temperature", "invalid_value")]
    [InlineData("""{"model":"demo","input":"hi","tools":{}}""", "tools", "invalid_value")]
    [InlineData("""{"model":"demo","input":"hi","conversation":"conv_1"}""", "conversation", "invalid_value")]
    [InlineData("""{"model":"demo","input":"hi","prompt":{"id":"p"}}""", "prompt", "invalid_value")]
    [InlineData("""{"model":"demo","input":"hi","truncation":"auto"}""", "truncation", "invalid_value")]
    [InlineData("""{"model":"demo","input":"hi","tools":[{"type":"mcp","async":true}]}""", "tools[0].async",
        "invalid_value")]
    public async Task Create_WrongValue_IsAnErrorThatNamesTheField(string create, string? param, string code)
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        (await client.RunAsync(create)).AssertRefused(400, code, param);
    }

    [Fact]
    public async Task Create_EveryField_IsTakenAndEchoed()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        var parent = await client.RunAsync("""{"model":"demo","input":"hi"}""");
        var fields = RequestFields.All.Append(
            new RequestField("previous_response_id", JsonSerializer.Serialize(parent.Id))).ToList();

        var turn = await client.RunAsync(
            $"{{{string.Join(',', fields.Select(field => $"\"{field.Name}\":{field.Value}"))}}}");

        Assert.Equal("completed", turn.Status);
        foreach (var field in fields.Where(field => field.Echo is not null))
        {
            Assert.True(turn.Ended.TryGetProperty(field.Name, out var echo), field.Name);
            Assert.True(JsonElement.DeepEquals(Parse(field.Echo!), echo), $"{field.Name}: {echo}");
        }
    }

    [Fact]
    public async Task Create_EveryFieldNull_IsAsIfAbsent()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        var nulls = RequestFields.All.Where(field => field.Name is not ("model" or "input"))
            .Select(field => field.Name).Concat(["conversation", "prompt", "previous_response_id", "background"])
            .Select(name => $",\"{name}\":null");

        var plain = await client.RunAsync("""{"model":"demo","input":"hi"}""");
        var turn = await client.RunAsync($"{{\"model\":\"demo\",\"input\":\"hi\"{string.Concat(nulls)}}}");

        foreach (var member in plain.Ended.EnumerateObject().Where(member => RequestFields.Names.Contains(member.Name)))
        {
            Assert.True(JsonElement.DeepEquals(member.Value, turn.Ended.GetProperty(member.Name)), member.Name);
        }
    }

    [Fact]
    public async Task Create_PrettyPrinted_IsEchoedAsTheSameJson()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        var turn = await client.RunAsync(
            "{\r\n\"model\":\"demo\",\r\"input\":\"a\\nb\",\n\"metadata\":{\r\n\t\"k\" :\n\"v\\nw\"\r}}");

        Assert.Equal("completed", turn.Status);
        Assert.Equal("v\nw", turn.Ended.GetProperty("metadata").GetProperty("k").GetString());
    }

    [Fact]
    public async Task Create_EightMebibytes_AreTaken()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        var input = JsonSerializer.Serialize(new string('x', 8 << 20));

        var turn = await client.RunAsync($"{{\"model\":\"demo\",\"input\":{input},\"generate\":false}}");

        Assert.Equal("completed", turn.Status);
        Assert.True(turn.Ended.GetProperty("usage").GetProperty("input_tokens").GetInt64() > 2 << 20);
    }

    [Theory]
    [InlineData("server_error", 500)]
    [InlineData("rate_limit_exceeded", 429)]
    [InlineData("context_length_exceeded", 400)]
    [InlineData("server_is_overloaded", 503)]
    public async Task Model_FailsAtOnce_GivesItsCode(string code, int status)
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        var turn = await client.RunAsync(Creates.Of($$"""[{"fail":"{{code}}"}]"""));

        Assert.Equal(code, turn.FailureCode);
        Assert.Equal(client.HasEvents ? null : status, turn.Refused?.Status);
        if (client.HasEvents)
        {
            Assert.Equal(("failed", "response.failed"), (turn.Status, turn.Events[^1].TypeOf()));
        }
    }

    [Fact]
    public async Task Model_FailsBehindOutput_GivesBoth()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        var turn = await client.RunAsync(Creates.Of("""[{"parallel":[{"say":"half"},{"fail":"server_error"}]}]"""));

        Assert.Equal(("failed", "server_error", "half"), (turn.Status, turn.FailureCode, turn.Text));
    }

    [Fact]
    public async Task Model_StopsEarly_IsIncomplete()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        var turn = await client.RunAsync(Creates.Of("""[{"stop":"max_output_tokens"}]"""));

        Assert.Equal("incomplete", turn.Status);
        Assert.Equal("max_output_tokens",
            turn.Ended.GetProperty("incomplete_details").GetProperty("reason").GetString());
    }

    [Fact]
    public async Task Events_OfACall_ComeInOrderAndAgreeWithTheItem()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        var turn = await client.RunAsync(Creates.Of(
            """[{"think":"hm","then":{"call":"f","args":{"text":"some arguments that take several deltas"}}}]""",
            ",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]"));

        var output = turn.Ended.GetProperty("output");
        Assert.Equal(["reasoning", "function_call"],
            output.EnumerateArray().Select(item => item.GetProperty("type").GetString()));
        if (client.HasEvents)
        {
            var deltas = turn.Events.Where(e => e.TypeOf() == "response.function_call_arguments.delta").ToList();
            Assert.True(deltas.Count > 1);
            Assert.Equal(output[1].GetProperty("arguments").GetString(),
                string.Concat(deltas.Select(e => e.GetProperty("delta").GetString())));
        }
    }

    protected override Task<ConversationsHost> CreateHostAsync() => hosts.StartAsync();
}

public abstract class RealSocketSuite(IWireHosts hosts) : RealSuite(hosts)
{
    protected override Task<ITurnTransport> ConnectAsync(TestServer server, string? key = null) =>
        SocketTransport.ConnectAsync(server, key);
}

public abstract class RealJsonSuite(IWireHosts hosts) : RealSuite(hosts)
{
    protected override Task<ITurnTransport> ConnectAsync(TestServer server, string? key = null) =>
        JsonTransport.ConnectAsync(server, key);
}

public abstract class RealStreamSuite(IWireHosts hosts) : RealSuite(hosts)
{
    protected override Task<ITurnTransport> ConnectAsync(TestServer server, string? key = null) =>
        StreamTransport.ConnectAsync(server, key);
}
