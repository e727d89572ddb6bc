using System.Diagnostics.Metrics;
using System.Text;
using System.Text.Json;
using Evergrain.Suites.Checks;
using Evergrain.Suites.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace Evergrain.Suites.Checks;

/// <summary>The check on new input, from a client's socket to the endpoint's.</summary>
public abstract class InputCheckSuite(IWireHosts hosts) : IAsyncLifetime
{
    private const string Refusal = """{"allowed":false,"reason":"No poems.","param":"input[0]"}""";
    private const string Allowed = """{"allowed":true}""";
    private const string Unstored = ",\"store\":false";
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    // Within it a server notices that a client is gone: the kernel tells it at once.
    private static readonly TimeSpan NoticeTime = TimeSpan.FromMilliseconds(300);

    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-check-");
    private CheckEndpoint? _endpoint;

    private CheckEndpoint Endpoint => _endpoint!;

    public async Task InitializeAsync() => _endpoint = await CheckEndpoint.StartAsync();

    public async Task DisposeAsync()
    {
        await Endpoint.DisposeAsync();
        _data.Delete(recursive: true);
    }

    [Fact]
    public async Task Turns_OfOneConversation_AreCheckedForWhatIsNew()
    {
        string second;
        var host = await StartHostAsync();
        await using (var server = await TestServer.StartAsync(host))
        {
            using var client = await WireClient.ConnectAsync(server);
            var first = await RunAsync(client, "one");
            await host.PassivateAsync();
            second = await RunAsync(client, "two", first, ",\"instructions\":\"be brief\"");
        }

        await using var restarted = await TestServer.StartAsync(await StartHostAsync());
        using var again = await WireClient.ConnectAsync(restarted);
        var third = await RunAsync(again, "three", second);
        await RunAsync(again, "fork", second);

        Assert.Equal(
        [
            """{"tenant":"default","model":"echo","items":[""" + Message("one") + "]}",
            """{"tenant":"default","model":"echo","instructions":"be brief","items":[""" + Message("two") + "]}",
            """{"tenant":"default","model":"echo","items":[""" + Message("three") + "]}",
            """{"tenant":"default","model":"echo","items":[""" + Message("fork") + "]}",
        ], Endpoint.Bodies);
        using var http = restarted.CreateHttpClient();
        var items = await http.GetStringAsync($"/v1/responses/{third}/input_items?order=asc");
        Assert.Contains("\"one\"", items, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(Unstored)]
    public async Task Turn_Refused_IsNotRecordedAndTheConversationGoesOn(string store)
    {
        var host = await StartHostAsync();
        await using var server = await TestServer.StartAsync(host);
        using var client = await WireClient.ConnectAsync(server);
        var first = await RunAsync(client, "one", more: store);
        var before = await host.CountAppendsAsync(first);
        Endpoint.Answer = static context => CheckEndpoint.SayAsync(context, Refusal);

        var error = Assert.Single(await client.RunAsync(Create("a poem", first, store)));
        var firstError = Assert.Single(await client.RunAsync(Create("a poem", null, store)));

        Assert.Equal((400, "invalid_prompt", "input[0]"), (error.StatusOf(), error.CodeOf(), error.ParamOf()));
        Assert.Equal("No poems.", error.GetProperty("error").GetProperty("message").GetString());
        Assert.Equal("invalid_prompt", firstError.CodeOf());
        Assert.Equal(before, await host.CountAppendsAsync(first));
        Endpoint.Answer = static context => CheckEndpoint.SayAsync(context, Allowed);
        var ended = (await client.RunAsync(Create("prose", first, store)))[^1];
        Assert.Contains("3 items", ended.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Turn_Unstored_LeavesNoTraceOfItsItems()
    {
        var host = await StartHostAsync();
        await using (var server = await TestServer.StartAsync(host))
        {
            using var client = await WireClient.ConnectAsync(server);
            await RunAsync(client, "stored-text");
            await RunAsync(client, "hidden-text", more: Unstored);
            Endpoint.Answer = static context => CheckEndpoint.SayAsync(context, "hidden-answer", 500);
            Assert.Equal(503, (await client.RunAsync(Create("hidden-text", null, Unstored)))[^1].StatusOf());
            Endpoint.Answer = static context => CheckEndpoint.SayAsync(context, Refusal);
            Assert.Equal(400, (await client.RunAsync(Create("hidden-text", null, Unstored)))[^1].StatusOf());
            Assert.DoesNotContain(server.Warnings, HasHidden);
        }

        Assert.Contains(host.Log.Lines, static line => line.Contains("status 500", StringComparison.Ordinal));
        Assert.DoesNotContain(host.Log.Lines, HasHidden);
        var disk = string.Concat(_data.GetFiles().Select(static file =>
            Encoding.Latin1.GetString(File.ReadAllBytes(file.FullName))));
        Assert.Contains("stored-text", disk, StringComparison.Ordinal);
        Assert.False(HasHidden(disk));
    }

    [Fact]
    public async Task Check_ThatCannotBeMade_IsAskedOnceAndAnsweredAtOnce()
    {
        Endpoint.Answer = static context => CheckEndpoint.SayAsync(context, "", 500);
        await using var server = await TestServer.StartAsync(await StartHostAsync());
        using var client = await WireClient.ConnectAsync(server);

        var error = Assert.Single(await client.RunAsync(Create("one")));

        Assert.Equal((503, "server_error"), (error.StatusOf(), error.CodeOf()));
        Assert.Equal("20", error.GetProperty("headers").GetProperty("retry-after").GetString());
        Assert.Single(Endpoint.Bodies);
    }

    [Fact]
    public async Task Check_ThatCannotBeMadeButNeedNot_LetsTheTurnBegin()
    {
        Endpoint.Answer = static context => CheckEndpoint.SayAsync(context, "", 500);
        await using var server = await TestServer.StartAsync(await StartHostAsync(onFailure: "Allow"));
        using var client = await WireClient.ConnectAsync(server);

        await RunAsync(client, "one");

        Assert.Single(Endpoint.Bodies);
    }

    [Fact]
    public async Task Check_Stalled_IsBounded()
    {
        Endpoint.Answer = Endpoint.StallAsync;
        var time = new FakeTimeProvider();
        await using var server = await TestServer.StartAsync(await StartHostAsync(time: time));
        using var client = await WireClient.ConnectAsync(server);
        await client.SendAsync(Create("one"));
        await Endpoint.AskedAsync();

        time.Advance(Timeout);

        Assert.Equal(503, Assert.Single(await client.ReadTurnAsync()).StatusOf());
        await Endpoint.Abandoned;
    }

    [Fact]
    public async Task Client_GoneDuringTheCheck_LeavesItToItsVerdict()
    {
        var isOpen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var isSaid = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        Endpoint.Answer = async context =>
        {
            await isOpen.Task.WaitAsync(CheckEndpoint.Patience);
            isSaid.SetResult(!context.RequestAborted.IsCancellationRequested);
            await CheckEndpoint.SayAsync(context, Allowed);
        };
        await using var server = await TestServer.StartAsync(await StartHostAsync());
        var client = await WireClient.ConnectAsync(server);
        await client.SendAsync(Create("one"));
        await Endpoint.AskedAsync();

        client.Dispose();
        await Task.Delay(NoticeTime, TimeProvider.System);
        isOpen.SetResult();

        Assert.True(await isSaid.Task.WaitAsync(CheckEndpoint.Patience), "the check was cancelled");
    }

    [Fact]
    public async Task Checks_Slow_HoldUpNoOtherTurn()
    {
        var isOpen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Endpoint.Answer = async context =>
        {
            if (CheckEndpoint.BodyOf(context).Contains("slow", StringComparison.Ordinal))
            {
                await isOpen.Task.WaitAsync(CheckEndpoint.Patience);
            }

            await CheckEndpoint.SayAsync(context, Allowed);
        };
        await using var server = await TestServer.StartAsync(await StartHostAsync());
        using var client = await WireClient.ConnectAsync(server);
        var first = await RunAsync(client, "one");
        await Endpoint.AskedAsync();

        // More than may start at once, all in the one conversation.
        var slow = new List<WireClient>();
        for (var i = 0; i <= 4 * Environment.ProcessorCount; i++)
        {
            slow.Add(await WireClient.ConnectAsync(server));
            await slow[i].SendAsync(Create($"slow {i}", first));
            await Endpoint.AskedAsync();
        }

        await RunAsync(client, "quick", first);

        isOpen.SetResult();
        foreach (var held in slow)
        {
            Assert.Equal("response.completed", (await held.ReadTurnAsync())[^1].TypeOf());
            held.Dispose();
        }
    }

    [Fact]
    public async Task Check_Made_IsAPhaseOfItsTurn()
    {
        var host = await StartHostAsync();
        await using var server = await TestServer.StartAsync(host);
        using var phases = new PhaseCounts(server.Get<IMeterFactory>());
        using var client = await WireClient.ConnectAsync(server);

        await RunAsync(client, "one");
        await client.RunAsync("""{"type":"response.create","model":"echo","input":7}""");

        Assert.Equal(1, phases.Of("check"));
        Assert.Equal(1, phases.Of("context"));
        Assert.Single(Endpoint.Bodies);
    }

    private static bool HasHidden(string text) => text.Contains("hidden", StringComparison.Ordinal);

    private static string Message(string text) => $$"""{"role":"user","content":{{JsonSerializer.Serialize(text)}}}""";

    private static string Create(string text, string? previous = null, string more = "") =>
        $$"""{"type":"response.create","model":"echo","input":[ {{Message(text)}} ]""" +
        (previous is null ? "" : $",\"previous_response_id\":\"{previous}\"") + more + "}";

    private static async Task<string> RunAsync(WireClient client, string text, string? previous = null,
        string more = "")
    {
        var last = (await client.RunAsync(Create(text, previous, more)))[^1];
        Assert.Equal("response.completed", last.TypeOf());
        return last.IdOf();
    }

    private Task<StoredHost> StartHostAsync(string onFailure = "Refuse", TimeProvider? time = null) =>
        hosts.StartStoredAsync(_data.FullName, time ?? TimeProvider.System, ("InputCheck:Url", Endpoint.Url),
            ("InputCheck:OnFailure", onFailure), ("InputCheck:Timeout", Timeout.ToString()));

    /// <summary>How often each phase ended.</summary>
    private sealed class PhaseCounts : IDisposable
    {
        private readonly Lock _gate = new();
        private readonly Dictionary<string, int> _counts = [];
        private readonly MeterListener _listener = new();

        public PhaseCounts(IMeterFactory meters)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Scope == meters && instrument.Name == "evergrain.phases.ended")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<double>((_, _, tags, _) =>
            {
                lock (_gate)
                {
                    var phase = (string)tags[0].Value!;
                    _counts[phase] = _counts.GetValueOrDefault(phase) + 1;
                }
            });
            _listener.Start();
        }

        public int Of(string phase)
        {
            lock (_gate)
            {
                return _counts.GetValueOrDefault(phase);
            }
        }

        public void Dispose() => _listener.Dispose();
    }
}
