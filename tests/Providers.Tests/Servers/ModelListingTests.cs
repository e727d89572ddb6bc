using System.Text.Json.Nodes;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Upstream;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>Which models a server with patterns offers, as it says itself.</summary>
public sealed class ModelListingTests : IAsyncLifetime
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly ManualTime _time = new();
    private ScriptedUpstream _upstream = null!;

    public async Task InitializeAsync() => _upstream = await ScriptedUpstream.StartAsync();

    public async Task DisposeAsync() => await _upstream.DisposeAsync();

    [Fact]
    public async Task Server_WithAPattern_OffersWhatItListsAndThePatternTakes()
    {
        _upstream.Listings.Enqueue(Listing("qwen3-8b", "llama", "qwen3-32b", "qwen3-8b"));
        using var fixture = Fixture("exact", "qwen*");

        await using var listing = await ListedAsync(fixture);

        Assert.Equal(["exact", "qwen3-8b", "qwen3-32b"], fixture.Backend.Models);
        Assert.True(fixture.Backend.Serves("qwen-unheard-of"));
        Assert.False(fixture.Backend.Serves("llama"));
    }

    [Fact]
    public async Task List_ThatChanges_IsSeenAfterTheInterval()
    {
        _upstream.Listings.Enqueue(Listing("one"));
        _upstream.Listings.Enqueue(Listing("two"));
        using var fixture = Fixture();
        await using var listing = await ListedAsync(fixture);
        Assert.Equal(["one"], fixture.Backend.Models);

        await NextAsync();

        Assert.Equal(["two"], fixture.Backend.Models);
    }

    [Theory]
    [InlineData(500, "{}")]
    [InlineData(200, "<html>")]
    [InlineData(200, "{\"data\":{}}")]
    [InlineData(200, "{\"data\":[{\"id\":\"\\ud800\"}]}")]
    public async Task List_ThatCannotBeHad_KeepsTheLastOne(int status, string body)
    {
        _upstream.Listings.Enqueue(Listing("one"));
        _upstream.Listings.Enqueue(UpstreamScript.Answer(status, body));
        using var fixture = Fixture();
        await using var listing = await ListedAsync(fixture);

        await NextAsync();
        await NextAsync();

        Assert.Equal(["one"], fixture.Backend.Models);
        Assert.StartsWith("Warning 122", Assert.Single(fixture.Log.Lines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401, "401: look at its key")]
    [InlineData(404, "404: does its URL lack /v1?")]
    [InlineData(500, "status 500")]
    [InlineData(200, "its answer holds no such list")]
    public async Task List_ThatCannotBeHad_IsLoggedWithItsCause(int status, string cause)
    {
        _upstream.Listings.Enqueue(UpstreamScript.Answer(status, "{}"));
        using var fixture = Fixture();

        await using var listing = await ListedAsync(fixture);

        Assert.Contains($"({cause})", Assert.Single(fixture.Log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_ThatIsDown_IsLoggedWithItsCause()
    {
        string gone;
        await using (var other = await ScriptedUpstream.StartAsync())
        {
            gone = other.Url;
        }

        using var fixture = new ServerFixture(ServerFixture.At(gone), time: _time);

        await using var listing = await ListedAsync(fixture);

        Assert.Contains("(connection refused)", Assert.Single(fixture.Log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_ThatIsTooLong_IsNoList()
    {
        _upstream.Listings.Enqueue(UpstreamScript.Answer(200, new string(' ', 5 << 20) + """{"data":[{"id":"x"}]}"""));
        using var fixture = Fixture();

        await using var listing = await ListedAsync(fixture);

        Assert.Empty(fixture.Backend.Models);
    }

    [Fact]
    public async Task List_OfTooManyModels_IsCut()
    {
        _upstream.Listings.Enqueue(Listing([.. Enumerable.Range(0, 3_000).Select(static i => $"m{i}")]));
        using var fixture = Fixture();

        await using var listing = await ListedAsync(fixture);

        Assert.Equal(1_000, fixture.Backend.Models.Count);
    }

    [Fact]
    public async Task Names_ThatCannotBeNames_AreLeftOut()
    {
        _upstream.Listings.Enqueue(UpstreamScript.Answer(200, $$"""
            {"object":"list","data":[{"id":7},{"id":"a b"},{"id":"a\n"},{"id":""},{"id":"{{new string('x', 257)}}"},
            {"name":"x"},8,{"id":"org/model:tag"}]}
            """));
        using var fixture = Fixture();

        await using var listing = await ListedAsync(fixture);

        Assert.Equal(["org/model:tag"], fixture.Backend.Models);
    }

    [Fact]
    public async Task Server_ThatDoesNotAnswer_IsNotWaitedForLong()
    {
        _upstream.Listings.Enqueue(new UpstreamScript().Silence());
        using var fixture = Fixture();
        var asked = _time.ArmedAsync(TimeSpan.FromSeconds(10));
        var rested = _time.ArmedAsync(Interval);
        await using var listing = new Running(fixture);
        await asked;

        _time.Advance(TimeSpan.FromSeconds(10));
        await rested;

        Assert.Empty(fixture.Backend.Models);
    }

    [Fact]
    public async Task Urls_WithModelsOfTheirOwn_AreOfferedTogether()
    {
        await using var other = await ScriptedUpstream.StartAsync();
        _upstream.Listings.Enqueue(Listing("one", "both"));
        other.Listings.Enqueue(Listing("both", "two"));
        using var fixture = new ServerFixture(ServerFixture.At(_upstream.Url, other.Url), time: _time);

        await using var listing = await ListedAsync(fixture);

        Assert.Equal(["one", "both", "two"], fixture.Backend.Models);
    }

    private static UpstreamScript Listing(params string[] models) => UpstreamScript.Answer(200, new JsonObject
    {
        ["object"] = "list",
        ["data"] = new JsonArray([.. models.Select(static model => new JsonObject { ["id"] = model })]),
    }.ToJsonString());

    private ServerFixture Fixture(params string[] models)
    {
        var options = ServerFixture.At(_upstream.Url);
        Array.ForEach(models, options.Models.Add);
        return new ServerFixture(options, time: _time);
    }

    private async Task<Running> ListedAsync(ServerFixture fixture)
    {
        var rested = _time.ArmedAsync(Interval);
        var listing = new Running(fixture);
        await rested;
        return listing;
    }

    private async Task NextAsync()
    {
        var rested = _time.ArmedAsync(Interval);
        _time.Advance(Interval);
        await rested;
    }

    /// <summary>The service, from its start to its stop.</summary>
    private sealed class Running : IAsyncDisposable
    {
        private readonly ModelListing _listing;

        public Running(ServerFixture fixture)
        {
            _listing = new ModelListing([fixture.Backend], fixture.Services);
            Started = _listing.StartAsync(CancellationToken.None);
        }

        private Task Started { get; }

        public async ValueTask DisposeAsync()
        {
            await Started;
            await _listing.StopAsync(CancellationToken.None);
            await _listing.ExecuteTask!.WaitAsync(Waits.Patience);
            _listing.Dispose();
        }
    }
}
