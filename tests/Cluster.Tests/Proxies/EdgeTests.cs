using System.Net;
using System.Net.WebSockets;
using Evergrain.Cluster.Tests.Faults;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Proxies;

public sealed class HaproxyFixture : EdgeFixture
{
    private protected override async Task<IEdgeProxy> StartProxyAsync(IReadOnlyList<int> servers,
        CancellationToken cancellationToken) => await HaproxyProcess.StartAsync(servers, cancellationToken);
}

public sealed class NginxFixture : EdgeFixture
{
    private protected override Task<IEdgeProxy> StartProxyAsync(IReadOnlyList<int> servers,
        CancellationToken cancellationToken) => NginxProcess.StartAsync(servers, cancellationToken);
}

/// <summary>deploy/haproxy/haproxy.cfg.</summary>
[Trait("Needs", "HAProxy")]
[Collection(nameof(HaproxyTests))]
public sealed class HaproxyTests(HaproxyFixture fixture, ITestOutputHelper output)
    : EdgeSuite(fixture, output), IClassFixture<HaproxyFixture>
{
    [Fact]
    public async Task Server_NotReady_GetsNothingNewAndEndsWhatRuns()
    {
        await using var site = await Fixture.StartSiteAsync(Token);
        var running = await StartStreamsAsync(site);

        await site.Servers[0].SignalAsync("TERM", Token);
        await ((HaproxyProcess)site.Proxy).UntilDownAsync("one", Token);
        var other = await StartedAsync(site, 1);
        for (var create = 0; create < NewCreates; create++)
        {
            await site.CreateAsync(Token);
        }

        Assert.Equal(NewCreates, await StartedAsync(site, 1) - other);
        Assert.All(await Task.WhenAll(running), static stream => Assert.Equal("[DONE]", stream[^1].Data));
        Assert.Equal(0, await site.Servers[0].ExitAsync(Token));
    }
}

/// <summary>deploy/nginx/nginx.conf.</summary>
[Trait("Needs", "nginx")]
[Collection(nameof(NginxTests))]
public sealed class NginxTests(NginxFixture fixture, ITestOutputHelper output)
    : EdgeSuite(fixture, output), IClassFixture<NginxFixture>
{
    [Fact]
    public async Task Server_StoppedWithoutWarning_NewSocketsGoToTheOther()
    {
        await using var site = await Fixture.StartSiteAsync(Token);
        var running = await StartStreamsAsync(site);
        var other = await StartedAsync(site, 1);

        await site.Servers[0].SignalAsync("TERM", Token);
        await NotReadyAsync(site.Servers[0]);
        for (var socket = 0; socket < NewCreates; socket++)
        {
            using var client = EdgeSite.NewSocket();
            await client.ConnectAsync(site.Socket, Token);
            site.Model.Play(Chat.Answer());
            await EdgeSite.SendCreateAsync(client, Token);
            Assert.Equal("response.completed", await EdgeSite.ReadTurnAsync(client, Token));
        }

        Assert.Equal(NewCreates, await StartedAsync(site, 1) - other);
        Assert.All(await Task.WhenAll(running), static stream => Assert.Equal("[DONE]", stream[^1].Data));
        Assert.Equal(0, await site.Servers[0].ExitAsync(Token));
    }

    private async Task NotReadyAsync(ClusterProcess server)
    {
        try
        {
            while (await server.Http.GetAsync(new Uri("/health/ready", UriKind.Relative), Token) is { } answer)
            {
                using (answer)
                {
                    if (answer.StatusCode != HttpStatusCode.OK)
                    {
                        return;
                    }
                }
            }
        }
        catch (HttpRequestException)
        {
            // It takes no connection any more.
        }
    }
}
