using Evergrain.Conversations.Ports;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Hosts;

/// <summary>
/// Where a turn's time goes, as its client is told. All runs on the manual clock, which moves in one phase at a time:
/// so a delay is in that phase to the microsecond, and in no other.
/// </summary>
public abstract partial class TimingContract : HostContract
{
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(300);
    private readonly WaitingCheck _check = new();

    protected TimingContract(IContractHosts hosts)
        : base(hosts) => Setup = new HostSetup { Check = _check };

    protected override HostSetup Setup { get; }

    [Fact]
    public async Task Model_SlowToStart_IsTheModelsWait()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        await client.SendAsync(Create("hello"));
        var call = await Model.CallAsync("hello");
        Host.Advance(Delay);
        await call.AnswerAsync();

        AssertOnly("model_wait", await ReadTimingAsync(client));
    }

    [Fact]
    public async Task Model_SlowToStream_IsTheModelsStream()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        var call = await StreamAsync(client);
        Host.Advance(Delay);
        await FinishAsync(call);

        AssertOnly("model_stream", await ReadTimingAsync(client));
    }

    [Fact]
    public async Task Journal_SlowBehindTheAnswer_IsPersist()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);

        var call = await StreamAsync(client);
        var (arrived, gate) = Host.Faults.HoldAppends();
        await FinishAsync(call);
        await arrived;
        Host.Advance(Delay);
        gate.SetResult();

        AssertOnly("persist", await ReadTimingAsync(client));
    }

    [Fact]
    public async Task Journal_SlowBehindTheModelsStart_IsHidden()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        var (arrived, gate) = Host.Faults.HoldAppends();

        await client.SendAsync(Create("hello"));
        await arrived;
        var call = await Model.CallAsync("hello");
        Host.Advance(Delay);
        gate.SetResult();
        await ReadUntilAsync(client, "response.in_progress");
        await call.AnswerAsync();

        var turn = await ReadTimingAsync(client);
        AssertOnly("model_wait", turn);
        Assert.Equal(Delay.TotalMilliseconds, turn.GetProperty("hidden_ms").GetProperty("persist").GetDouble(), 3);
    }

    [Fact]
    public async Task Check_Slow_IsCheck()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        var gate = _check.Hold();

        await client.SendAsync(Create("hello", model: "echo"));
        await _check.ArrivedAsync();
        Host.Advance(Delay);
        gate.SetResult();

        AssertOnly("check", await ReadTimingAsync(client));
    }

    [Fact]
    public async Task Place_NotFree_IsQueue()
    {
        await using var server = await StartAsync(null, ("Admission:RunningTurnsMax", "1"));
        using var first = await ConnectAsync(server);
        using var second = await ConnectAsync(server);
        await first.SendAsync(Create("hello"));
        var call = await Model.CallAsync("hello");
        await second.SendAsync(Create("later", model: "echo"));
        await UntilAsync(server, "/metrics", "\nevergrain_turns_waiting{} 1\n");

        Host.Advance(Delay);
        await call.AnswerAsync();

        AssertOnly("model_wait", await ReadTimingAsync(first));
        AssertOnly("queue", await ReadTimingAsync(second));
    }

    [Fact]
    public async Task Journal_SlowToRead_IsContext()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        var first = await RunAsync(client, Create("one", model: "echo"));
        Assert.Equal("warm", first.GetProperty("context_source").GetString());
        await Host.PassivateAsync();
        var (arrived, gate) = Host.Faults.HoldReads();

        await client.SendAsync(Create("two", first.GetProperty("response_id").GetString(), "echo"));
        await arrived;

        // The read begins a moment before the create has reached its conversation; this takes far longer.
        await UntilAsync(server, "/metrics", "evergrain_turns_started");
        Host.Advance(Delay);
        gate.SetResult();

        var turn = await ReadTimingAsync(client);
        AssertOnly("context", turn);
        Assert.Equal("reloaded", turn.GetProperty("context_source").GetString());
        Assert.Equal((3, 1, 3), ItemsOf(turn));
    }

    [Fact]
    public async Task Conversation_FarAway_IsTransport()
    {
        var far = new FarTurns(Host.Turns);
        await using var server = await StartAsync(far);
        using var client = await ConnectAsync(server);

        await client.SendAsync(Create("hello", model: "echo"));
        await far.Asked.Task.WaitAsync(Waits.Patience);
        Host.Advance(Delay);
        far.Gate.SetResult();

        AssertOnly("transport", await ReadTimingAsync(client));
    }

    [Fact]
    public async Task Client_SlowToRead_IsDeliver()
    {
        // More than the buffers of a loopback connection take.
        const int messages = 24, messageChars = 256 << 10;
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        await client.SendAsync(Create("hello"));
        var call = await Model.CallAsync("hello");
        var id = (await client.ReceiveAsync()).IdOf();
        for (var i = 0; i < messages; i++)
        {
            await call.SayAsync(
                new(ModelEventKind.ItemStarted) { Item = OutputKind.Message },
                new(ModelEventKind.PartStarted) { Part = PartKind.OutputText },
                Speech.Delta(new string('x', messageChars)), new(ModelEventKind.PartDone),
                new(ModelEventKind.ItemDone));
        }

        await call.SayAsync(Speech.Completed);
        call.End();
        await UntilAsync(server, $"/v1/responses/{id}", "\"status\":\"completed\"");
        Host.Advance(Delay);

        AssertOnly("deliver", await ReadTimingAsync(client));
    }

    [Fact]
    public async Task Tool_Slow_LiesBetweenTheTurns()
    {
        await using var server = await StartAsync();
        using var client = await ConnectAsync(server);
        await client.SendAsync(Create("hello"));
        var call = await Model.CallAsync("hello");
        await call.SayAsync([.. Speech.Call("c1"), .. Speech.Call("c2"), Speech.Completed]);
        call.End();
        var asked = await ReadTimingAsync(client);

        Host.Advance(Delay);
        var answered = await RunAsync(client, Reply(asked, "c1", "c2"));

        AssertOnly(null, asked);
        AssertOnly(null, answered);
        Assert.Equal(
            [("f", "c1", 300.0), ("f", "c2", 300.0)],
            answered.GetProperty("tools").EnumerateArray().Select(static tool => (tool.GetProperty("name").GetString(),
                tool.GetProperty("call_id").GetString(), tool.GetProperty("waited_ms").GetDouble())));
        Assert.Equal((5, 2, 2), ItemsOf(answered));
    }

    [Fact]
    public async Task Http_ThatAsks_HasTheHeaderAndTheEvent()
    {
        await using var server = await StartAsync();
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Add("evergrain-timing", "1");

        using var json = await PostAsync(http, """{"model":"echo","input":"one"}""");
        using var stream = await PostAsync(http, """{"model":"echo","input":"one","stream":true}""");

        var events = await stream.Content.ReadAsStringAsync();
        Assert.StartsWith("transport;dur=0, queue;dur=0, ", HeaderOf(json), StringComparison.Ordinal);
        Assert.EndsWith(", total;dur=0", HeaderOf(stream), StringComparison.Ordinal);
        Assert.Contains("\n\nevent: evergrain:turn\ndata: {", events, StringComparison.Ordinal);
        Assert.EndsWith("}\n\ndata: [DONE]\n\n", events, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clients_ThatDoNotAsk_SeeNothingNew()
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server, ("evergrain-timing", "0"));
        using var http = server.CreateHttpClient();

        var frames = await client.RunAsync(Create("one", model: "echo"));
        var next = await client.RunAsync(Create("two", model: "echo"));
        using var json = await PostAsync(http, """{"model":"echo","input":"one"}""");
        using var stream = await PostAsync(http, """{"model":"echo","input":"one","stream":true}""");

        Assert.Equal("response.created", next[0].TypeOf());
        Assert.All(frames.Concat(next), static frame =>
            Assert.StartsWith("response.", frame.TypeOf(), StringComparison.Ordinal));
        Assert.False(json.Headers.Contains("Server-Timing"));
        Assert.False(stream.Headers.Contains("Server-Timing"));
        Assert.DoesNotContain("evergrain:turn", await stream.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Codex_ThatAsks_GetsItsEventBeforeTheTerminalOne()
    {
        await using var server = await StartAsync();
        using var client = await WireClient.ConnectAsync(server, ("x-responsesapi-include-timing-metrics", "true"));

        var call = await StreamAsync(client);
        Host.Advance(Delay);
        await FinishAsync(call);
        var frames = await client.ReadTurnAsync();
        var next = await client.RunAsync(Create("two", model: "echo"));

        Assert.Equal(["responsesapi.websocket_timing", "response.completed"],
            frames.TakeLast(2).Select(static frame => frame.TypeOf()));
        var metrics = frames[^2].GetProperty("timing_metrics");
        Assert.Equal(0, metrics.GetProperty("responses_duration_excl_engine_and_client_tool_time_ms").GetDouble());
        Assert.Equal(300, metrics.GetProperty("engine_service_total_ms").GetDouble());
        Assert.Equal(0, metrics.GetProperty("engine_service_ttft_total_ms").GetDouble());
        Assert.Equal("response.created", next[0].TypeOf());
    }
}
