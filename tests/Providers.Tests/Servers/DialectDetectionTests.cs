using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Upstream;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>Which dialect a server is found to speak, by what it answers about itself.</summary>
public sealed class DialectDetectionTests : IAsyncLifetime
{
    private ScriptedUpstream _upstream = null!;

    public async Task InitializeAsync() => _upstream = await ScriptedUpstream.StartAsync();

    public async Task DisposeAsync() => await _upstream.DisposeAsync();

    [Theory]
    [InlineData("llamacpp", "llama.cpp")]
    [InlineData("vllm", "vllm")]
    [InlineData("sglang", "sglang")]
    [InlineData("library", "ollama")]
    [InlineData("organization_owner", "lmstudio")]
    [InlineData("me", "plain")]
    [InlineData("\\ud800", "plain")]
    [InlineData("\\udc00vllm", "plain")]
    public async Task Owner_OfTheFirstModel_NamesTheDialect(string owner, string expected)
    {
        _upstream.Listings.Enqueue(UpstreamScript.Answer(200, $$"""{"data":[{"id":"m","owned_by":"{{owner}}"}]}"""));

        Assert.Equal(expected, await FoundAsync());
    }

    [Theory]
    [InlineData(1, """{"build_info":"b1"}""", "llama.cpp")]
    [InlineData(2, """{"version":"0.33"}""", "ollama")]
    [InlineData(3, """{"version":"0.5"}""", "sglang")]
    [InlineData(4, """{"version":"0.33"}""", "vllm")]
    [InlineData(1, """{"\ud800":1,"build_info":"b1"}""", "plain")]
    [InlineData(2, """["version"]""", "plain")]
    public async Task Answer_ToAQuestion_NamesTheDialect(int place, string body, string expected)
    {
        for (var i = 0; i < place; i++)
        {
            _upstream.Listings.Enqueue(UpstreamScript.Answer(404, "{}"));
        }

        _upstream.Listings.Enqueue(UpstreamScript.Answer(200, body));
        _upstream.Listings.Enqueue(UpstreamScript.Answer(404, "{}"));

        Assert.Equal(expected, await FoundAsync());
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("""{"data":{}}""")]
    [InlineData("""{"data":[]}""")]
    [InlineData("""{"data":[null]}""")]
    [InlineData("""{"data":[{"owned_by":null}]}""")]
    [InlineData("""{"data":[{"\ud800":1}]}""")]
    [InlineData("""{"data":[{"owned_by":"vllm"}""")]
    public async Task Answer_ThatMakesNoSense_IsPlain(string body)
    {
        _upstream.Listings.Enqueue(UpstreamScript.Answer(200, body));

        Assert.Equal("plain", await FoundAsync());
    }

    [Fact]
    public async Task Answer_ThatIsVeryDeepOrLong_IsPlain()
    {
        _upstream.Listings.Enqueue(UpstreamScript.Answer(200, new string('[', 100_000)));
        _upstream.Listings.Enqueue(UpstreamScript.Answer(200, "{\"version\":\"" + new string('a', 5 << 20) + "\"}"));

        Assert.Equal("plain", await FoundAsync());
    }

    [Fact]
    public async Task Header_OfLlamaCpp_NamesTheDialect()
    {
        _upstream.Listings.Enqueue(new UpstreamScript().Status(404).Header("Server", "llama.cpp").Text("no"));

        Assert.Equal("llama.cpp", await FoundAsync());
    }

    private async Task<string> FoundAsync()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddModelServers(
            [new ModelServerOptions { Name = "a", Api = "chat", Urls = { _upstream.Url }, Models = { "m" } }]);
        using var host = builder.Build();
        var detection = host.Services.GetServices<IHostedService>().OfType<DialectDetection>().Single();
        await detection.StartAsync(CancellationToken.None).WaitAsync(Waits.Patience);
        await detection.ExecuteTask!.WaitAsync(Waits.Patience);
        return ((ModelServerBackend)host.Services.GetRequiredService<IModelBackend>()).Dialect.Dialect.Name;
    }
}
