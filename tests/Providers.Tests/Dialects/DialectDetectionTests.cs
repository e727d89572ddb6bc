using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Dialects;
using Evergrain.Providers.Servers;
using Evergrain.Providers.Tests.Servers;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Upstream;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Evergrain.Providers.Tests.Dialects;

/// <summary>A server over real sockets says what it is, late or never.</summary>
public sealed class DialectDetectionTests : IAsyncLifetime
{
    private static readonly TimeSpan StartWait = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly ManualTime _time = new();
    private ScriptedUpstream _upstream = null!;

    public async Task InitializeAsync() => _upstream = await ScriptedUpstream.StartAsync();

    public async Task DisposeAsync() => await _upstream.DisposeAsync();

    [Theory]
    [InlineData("llamacpp", "llama.cpp")]
    [InlineData("vllm", "vllm")]
    [InlineData("sglang", "sglang")]
    [InlineData("library", "ollama")]
    [InlineData("organization_owner", "lmstudio")]
    public async Task Server_WhoseModelsHaveAnOwner_IsKnownByIt(string owner, string dialect)
    {
        Say("/v1/models", $$"""{"object":"list","data":[{"id":"m","owned_by":"{{owner}}"},{"id":"n"}]}""");

        await using var found = await Detection.StartAsync(_time, _upstream.Url);

        Assert.Equal((dialect, $"its models are owned by '{owner}'"), found.Choice);
        Assert.Equal(["/v1/models"], _upstream.Asked);
    }

    [Theory]
    [InlineData(200, "{}")]
    [InlineData(404, "not here")]
    [InlineData(503, """{"error":{"message":"Loading model"}}""")]
    public async Task Server_WhoseHeaderNamesIt_IsKnownAtItsFirstAnswer(int status, string body)
    {
        _upstream.Resources["/v1/models"] =
            new UpstreamScript().Header("Server", "llama.cpp").Status(status).Text(body);

        await using var found = await Detection.StartAsync(_time, _upstream.Url);

        Assert.Equal(("llama.cpp", "its header Server says so"), found.Choice);
    }

    [Theory]
    [InlineData("/props", """{"build_info":"b1-2","chat_template":""}""", "llama.cpp")]
    [InlineData("/api/version", """{"version":"0.33.0"}""", "ollama")]
    [InlineData("/get_server_info", """{"version":"0.5.23","server_args":{}}""", "sglang")]
    [InlineData("/version", """{"version":"0.33.0"}""", "vllm")]
    public async Task Server_WithAPageOfItsOwn_IsKnownByIt(string path, string body, string dialect)
    {
        foreach (var listing in new[]
        {
            UpstreamScript.Answer(404, ""), UpstreamScript.Answer(401, """{"error":"key"}"""),
            UpstreamScript.Answer(200, """{"data":[{"id":"m","owned_by":"me"}]}"""), UpstreamScript.Answer(200, "<p>"),
            UpstreamScript.Answer(200, """{"data":[]}"""), UpstreamScript.Answer(200, """{"data":{}}"""),
            UpstreamScript.Answer(200, """{"data":[7]}"""), UpstreamScript.Answer(200, """{"data":[{"owned_by":7}]}"""),
        })
        {
            _upstream.Resources["/v1/models"] = listing;
            Say(path, body);

            await using var found = await Detection.StartAsync(_time, _upstream.Url);

            Assert.Equal((dialect, $"it answers GET {path}"), found.Choice);
        }
    }

    [Theory]
    [InlineData("/props", """{"default_generation_settings":{}}""")]
    [InlineData("/props", """["build_info"]""")]
    [InlineData("/version", "0.33.0")]
    [InlineData("/version", """{"ver":1}""")]
    [InlineData("/v1/models", """{"data":[{"id":"m","owned_by":"VLLM"}]}""")]
    [InlineData("/v1/models", """{"data":[{"id":"m","owned_by":"openai"}]}""")]
    [InlineData("/v1/models", """{"data":[{"id":"m","owned_by":"\ud800"}]}""")]
    [InlineData("/v1/models", """{"data":[{"id":"m","owned_by":"\udc00vllm"}]}""")]
    [InlineData("/v1/models", """{"data":[{"\ud800":1,"owned_by":"vllm"}]}""")]
    [InlineData("/v1/models", """{"data":[null]}""")]
    [InlineData("/v1/models", """{"data":[{"owned_by":"vllm"}""")]
    [InlineData("/props", """{"\ud800":1,"build_info":"b1"}""")]
    [InlineData("/nothing", "{}")]
    public async Task Server_ThatSaysNothingKnown_IsPlain(string path, string body)
    {
        Say(path, body);

        await using var found = await Detection.StartAsync(_time, _upstream.Url);

        Assert.Equal("plain", found.Choice.Item1);
        Assert.StartsWith("the server does not say which one it is", found.Choice.Item2, StringComparison.Ordinal);
        Assert.Equal(["/v1/models", "/props", "/api/version", "/get_server_info", "/version"], _upstream.Asked);
        Assert.Contains(" is spoken to as plain: the server does not say which one it is",
            Assert.Single(found.Log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Page_OfAnError_SaysNothing()
    {
        _upstream.Resources["/version"] = UpstreamScript.Answer(404, """{"version":"404"}""");

        await using var found = await Detection.StartAsync(_time, _upstream.Url);

        Assert.Equal("plain", found.Choice.Dialect);
    }

    [Theory]
    [InlineData("http://host/api", "/api/props")]
    [InlineData("http://host/v1", "/props")]
    [InlineData("http://host/team/v1/", "/team/props")]
    public void Pages_OfAServer_StandBesideItsApi(string url, string path)
    {
        using var fixture = ServerFixture.Over(url);

        Assert.Equal(path, fixture.Backend.Server.Upstreams.All[0].AtRoot("props").AbsolutePath);
    }

    [Fact]
    public async Task Replica_ThatAnswers_SpeaksForAll()
    {
        await using var gone = await ScriptedUpstream.StartAsync();
        gone.Resources["/v1/models"] = UpstreamScript.HangUp();
        Say("/v1/models", """{"data":[{"owned_by":"vllm"}]}""");

        await using var found = await Detection.StartAsync(_time, gone.Url, _upstream.Url);

        Assert.Equal("vllm", found.Choice.Dialect);
    }

    public static TheoryData<string> Settings => new()
    {
        """{"Api":"chat","Dialect":"groq"}""", """{"Api":"chat","Dialect":"plain"}""", """{"Api":"responses"}""",
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public async Task Server_WhoseSettingsSayIt_IsNotAsked(string settings)
    {
        await using var found = await Detection.StartAsync(_time, settings, _upstream.Url);

        Assert.Empty(_upstream.Asked);
        Assert.Equal(settings.Contains("Dialect", StringComparison.Ordinal) ? 1 : 0, found.Log.Lines.Count);
        Assert.All(found.Log.Lines, static line => Assert.EndsWith("its settings say so.", line.TrimEnd(),
            StringComparison.Ordinal));
    }

    [Fact]
    public async Task Server_ThatAnswersSlowly_DoesNotHoldUpTheStart()
    {
        _upstream.Resources["/v1/models"] = new UpstreamScript().Silence();
        var waits = _time.ArmedAsync(StartWait);
        await using var found = Detection.Of(_time, _upstream.Url);
        var start = found.Service.StartAsync(CancellationToken.None);
        await waits;
        Assert.False(start.IsCompleted);

        _time.Advance(StartWait);
        await start.WaitAsync(Waits.Patience);

        Assert.Equal(("plain", "the server has not answered yet"), found.Choice);
        Assert.Empty(found.Log.Lines);
    }

    [Fact]
    public async Task Server_ThatIsDownAtFirst_IsSpokenToInItsDialectFromTheNextTurnOn()
    {
        var port = new Uri(_upstream.Url).Port;
        await _upstream.DisposeAsync();
        await using var found = await Detection.StartAsync(_time, $"http://127.0.0.1:{port}/v1");
        Assert.Equal("the server has not answered yet", found.Choice.Reason);
        var turn = found.Backend.Now;
        var plain = Render(turn);

        _upstream = await ScriptedUpstream.StartAtAsync(port);
        _upstream.Resources["/v1/models"] = UpstreamScript.Answer(502, "starting");
        await NextAsync();
        Assert.False(found.Backend.Dialect.IsKnown);
        Say("/v1/models", """{"data":[{"owned_by":"llamacpp"}]}""");
        _time.Advance(Interval);
        await found.Service.ExecuteTask!.WaitAsync(Waits.Patience);

        Assert.Equal("llama.cpp", found.Choice.Dialect);
        Assert.Equal("test", found.Backend.Server.Options.Name);

        // The turn that runs keeps to what it began with; the next one has a rendering of its own.
        Assert.Equal(plain, Render(turn));
        Assert.NotSame(turn, found.Backend.Now);
        Assert.NotEqual(turn.Rendering, found.Backend.Now.Rendering);
        Assert.Equal(turn.Origin, found.Backend.Now.Origin);
        Assert.DoesNotContain("reasoning_content", plain, StringComparison.Ordinal);
        Assert.Contains("\"reasoning_content\":\"hm\"", Render(found.Backend.Now), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    public async Task Server_BehindAProxyThatFails_IsAskedAgain(int status)
    {
        _upstream.Resources["/v1/models"] = UpstreamScript.Answer(status, "<html>");
        Say("/version", """{"version":"of the proxy"}""");
        await using var found = await Detection.StartAsync(_time, _upstream.Url);
        Assert.Equal(("plain", "the server has not answered yet"), found.Choice);

        Say("/v1/models", """{"data":[{"owned_by":"sglang"}]}""");
        _time.Advance(Interval);
        await found.Service.ExecuteTask!.WaitAsync(Waits.Patience);

        Assert.Equal("sglang", found.Choice.Dialect);
    }

    /// <summary>A conversation with a thought before a call, as the backend renders it.</summary>
    private static string Render(IModelBackend backend)
    {
        object? state = null;
        var text = new StringBuilder();
        foreach (var (json, type, role) in new[]
        {
            ("""{"role":"user","content":"hi"}""", "message", ItemRole.User),
            ("""{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]}""", "reasoning",
                ItemRole.None),
            ("""{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}""", "function_call", ItemRole.None),
            ("""{"type":"function_call_output","call_id":"c","output":"o"}""", "function_call_output", ItemRole.None),
        })
        {
            var rendered = backend.Render(new Item(Encoding.UTF8.GetBytes(json), type, role), state);
            text.Append(Encoding.UTF8.GetString(rendered.Bytes.Span));
            state = rendered.State;
        }

        return text.ToString();
    }

    private void Say(string path, string body) => _upstream.Resources[path] = UpstreamScript.Answer(200, body);

    private async Task NextAsync()
    {
        var rested = _time.ArmedAsync(Interval);
        _time.Advance(Interval);
        await rested;
    }

    /// <summary>One server of a configuration, and the service that finds out what it is.</summary>
    private sealed class Detection : IAsyncDisposable
    {
        private readonly ServiceProvider _provider;

        private Detection(ManualTime time, string settings, string[] urls)
        {
            var services = new ServiceCollection().AddSingleton<TimeProvider>(time).AddLogging()
                .AddSingleton(provider => new ModelServerServices
                {
                    Time = time,
                    Ids = new SeededIdSource(1),
                    Instruments = provider.GetRequiredService<ModelServerInstruments>(),
                    Logger = Log,
                });
            _provider = services.AddModelServers(DialectSettingsTests.Of(settings, urls)).BuildServiceProvider();
            Backend = (ModelServerBackend)_provider.GetRequiredService<IModelBackend>();
            Service = _provider.GetServices<IHostedService>().OfType<DialectDetection>().Single();
        }

        public LineLog Log { get; } = new();

        public ModelServerBackend Backend { get; }

        public DialectDetection Service { get; }

        public (string Dialect, string Reason) Choice => (Backend.Dialect.Dialect.Name, Backend.Dialect.Reason);

        public static Detection Of(ManualTime time, params string[] urls) => new(time, """{"Api":"chat"}""", urls);

        /// <summary>Starts it; the server has been asked then.</summary>
        public static Task<Detection> StartAsync(ManualTime time, params string[] urls) => StartAsync(
            time, urls[0].StartsWith('{') ? urls[0] : """{"Api":"chat"}""", urls[0].StartsWith('{') ? urls[1..] : urls);

        public async ValueTask DisposeAsync()
        {
            await Service.StopAsync(CancellationToken.None).WaitAsync(Waits.Patience);
            await _provider.DisposeAsync();
        }

        private static async Task<Detection> StartAsync(ManualTime time, string settings, string[] urls)
        {
            var detection = new Detection(time, settings, urls);
            await detection.Service.StartAsync(CancellationToken.None).WaitAsync(Waits.Patience);
            return detection;
        }
    }
}
