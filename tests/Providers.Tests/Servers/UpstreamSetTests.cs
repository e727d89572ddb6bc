using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;
using Evergrain.Suites.Hosts;
using ServerUrl = Evergrain.Providers.Servers.Upstream;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>Which URL a call goes to.</summary>
public sealed class UpstreamSetTests : IDisposable
{
    private const int Conversations = 3_000;
    private static readonly string[] Urls = ["http://a/v1", "http://b/v1", "http://c/v1"];

    private readonly ManualTime _time = new();
    private readonly List<ServerFixture> _fixtures = [];

    public void Dispose() => _fixtures.ForEach(static fixture => fixture.Dispose());

    [Fact]
    public void Preference_ForOneConversation_IsTheSameInEveryProcess()
    {
        var (one, other) = (Of(Urls), Of(["http://c/v1/", "http://a/v1", "http://b/v1"]));

        Assert.All(Affinities(), affinity => Assert.Equal(Choose(one, affinity), Choose(other, affinity)));

        // Fixed for good: a process of another version must choose alike.
        Assert.Equal("http://a/v1 http://a/v1 http://b/v1 http://b/v1",
            string.Join(' ', Affinities().Take(4).Select(affinity => Choose(one, affinity))));
    }

    [Fact]
    public void Preference_OverConversations_IsEven()
    {
        var set = Of(Urls);

        var shares = Affinities().GroupBy(affinity => Choose(set, affinity)).Select(static group => group.Count());

        Assert.All(shares, share => Assert.InRange(share, Conversations / 3 * 0.9, Conversations / 3 * 1.1));
    }

    [Fact]
    public void Preference_WhenAUrlIsAdded_ChangesForItsShareOnly()
    {
        var (before, after) = (Of(Urls), Of([.. Urls, "http://d/v1"]));

        var moved = Affinities().Where(affinity => Choose(before, affinity) != Choose(after, affinity)).ToList();

        Assert.All(moved, affinity => Assert.Equal("http://d/v1", Choose(after, affinity)));
        Assert.InRange(moved.Count, Conversations / 4 * 0.85, Conversations / 4 * 1.15);
    }

    [Fact]
    public void Url_ThatFailed_IsPassedOverUntilItsBackOffIsOverAndTheOneThatTriesSucceeds()
    {
        var set = Of(Urls);
        var first = Take(set);
        set.Failed(first, null);

        Assert.NotSame(first, Take(set));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Same(first, Take(set));
        Assert.NotSame(first, Take(set));
        set.Succeeded(first);
        Assert.Same(first, Take(set));
        Assert.Same(first, Take(set));
    }

    [Fact]
    public void BackOff_OfFailuresInARow_DoublesUpToItsBoundWithJitter()
    {
        var set = Of(Urls[..1]);
        var url = Take(set);
        var expected = TimeSpan.FromSeconds(1);
        var waits = new List<double>();
        for (var i = 0; i < 10; i++)
        {
            set.Failed(url, null);
            var wait = url.AwayUntil - _time.GetUtcNow();
            Assert.InRange(wait, expected / 2, expected);
            waits.Add(wait / expected);
            expected = expected * 2 < TimeSpan.FromMinutes(1) ? expected * 2 : TimeSpan.FromMinutes(1);
        }

        Assert.True(waits.Max() - waits.Min() > 0.1, "no jitter");
    }

    [Theory]
    [InlineData(20, 20)]
    [InlineData(3_600, 60)]
    public void BackOff_ThatTheServerAsksFor_IsKeptUpToTheBound(int asked, int expected)
    {
        var set = Of(Urls[..1]);
        var url = Take(set);

        set.Failed(url, TimeSpan.FromSeconds(asked));

        Assert.Equal(TimeSpan.FromSeconds(expected), url.AwayUntil - _time.GetUtcNow());
    }

    [Fact]
    public void Urls_ThatAllBackOff_AreStillTaken()
    {
        var set = Of(Urls);
        var tried = new List<ServerUrl>();
        for (var i = 0; i < Urls.Length; i++)
        {
            var url = set.Take(1, tried, isHealthy: false)!;
            set.Failed(url, null);
            tried.Add(url);
        }

        Assert.Null(set.Take(1, tried, isHealthy: false));
        Assert.Null(set.Take(1, [], isHealthy: true));
        Assert.Same(tried[0], set.Take(1, [], isHealthy: false));
    }

    [Fact]
    public void Url_WithAllItsCalls_ComesAfterOneWithRoom()
    {
        var options = ServerFixture.At(Urls);
        options.CallsMax = 2;
        var set = Of(options);
        var first = Take(set);
        Assert.Same(first, Take(set));

        var second = Take(set);
        set.Release(first);

        Assert.NotSame(first, second);
        Assert.Same(first, Take(set));
    }

    private static IEnumerable<UInt128> Affinities()
    {
        var ids = new SeededIdSource(7);
        return Enumerable.Range(0, Conversations).Select(_ => ids.Next128()).ToList();
    }

    private static string Choose(UpstreamSet set, UInt128 affinity)
    {
        var url = set.Take(affinity, [], isHealthy: true)!;
        set.Release(url);
        return url.Url;
    }

    private static ServerUrl Take(UpstreamSet set) => set.Take(1, [], isHealthy: false)!;

    private UpstreamSet Of(string[] urls) => Of(ServerFixture.At(urls));

    private UpstreamSet Of(ModelServerOptions options)
    {
        var fixture = new ServerFixture(options, time: _time);
        _fixtures.Add(fixture);
        return fixture.Backend.Server.Upstreams;
    }
}
