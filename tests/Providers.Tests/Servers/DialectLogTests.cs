using Evergrain.Providers.Chat;
using Evergrain.Providers.Dialects;
using Evergrain.Providers.Servers;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Upstream;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>What becomes known of a server by asking it, and what the log says.</summary>
public sealed class DialectLogTests : IAsyncLifetime
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly ManualTime _time = new();
    private readonly ServiceProvider _provider =
        new ServiceCollection().AddLogging().AddMetrics().AddSingleton<ChatInstruments>()
            .BuildServiceProvider();

    private ScriptedUpstream _upstream = null!;

    public async Task InitializeAsync() => _upstream = await ScriptedUpstream.StartAsync();

    public async Task DisposeAsync()
    {
        await _provider.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task Server_ThatAnswersAtTheStart_IsNamedAndItsModelsAreOffered()
    {
        _upstream.Listings.Enqueue(Owned("vllm"));
        using var fixture = Unknown();
        using var detection = new DialectDetection([fixture.Backend], fixture.Services, _provider);

        await detection.StartAsync(CancellationToken.None);

        Assert.Equal(["one"], fixture.Backend.Models);
        Assert.Equal("test is spoken to as vllm (its models are owned by 'vllm')", fixture.Backend.SpokenTo);
        Assert.StartsWith("Information 125", Assert.Single(fixture.Log.Lines), StringComparison.Ordinal);
        await detection.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Server_ThatAnswersLater_ChangesWithAWarning()
    {
        _upstream.Listings.Enqueue(UpstreamScript.Answer(503, ""));
        _upstream.Listings.Enqueue(Owned("sglang"));
        using var fixture = Unknown();
        using var detection = new DialectDetection([fixture.Backend], fixture.Services, _provider);
        var rested = _time.ArmedAsync(Interval);
        await detection.StartAsync(CancellationToken.None);
        await rested;

        _time.Advance(Interval);
        await detection.ExecuteTask!.WaitAsync(Waits.Patience);

        Assert.Equal(["one"], fixture.Backend.Models);
        var line = Assert.Single(fixture.Log.Lines);
        Assert.StartsWith("Warning 126", line, StringComparison.Ordinal);
        Assert.Contains("test is spoken to as sglang from now on, no longer as plain", line, StringComparison.Ordinal);
        await detection.StopAsync(CancellationToken.None);
    }

    [Theory]
    [InlineData(401, "401: look at its key")]
    [InlineData(404, "404: does its URL lack /v1?")]
    public async Task Server_ThatKeepsItsModelsBack_IsPlainForThatCause(int status, string cause)
    {
        _upstream.Listings.Enqueue(UpstreamScript.Answer(status, "{}"));
        using var fixture = Unknown();
        using var detection = new DialectDetection([fixture.Backend], fixture.Services, _provider);

        await detection.StartAsync(CancellationToken.None);

        Assert.Equal($"test is spoken to as plain (the server does not say which one it is ({cause}))",
            fixture.Backend.SpokenTo);
        await detection.StopAsync(CancellationToken.None);
    }

    private static UpstreamScript Owned(string owner) =>
        UpstreamScript.Answer(200, $$"""{"data":[{"id":"one","owned_by":"{{owner}}"}]}""");

    private ServerFixture Unknown()
    {
        var options = ServerFixture.At(_upstream.Url);
        options.Api = "chat";
        return new ServerFixture(options, time: _time, dialect: DialectChoice.Of(null, options.Urls));
    }
}
