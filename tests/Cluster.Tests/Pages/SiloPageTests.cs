using System.Net.Http.Json;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Demo;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Pages;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Orleans.Core.Internal;
using Orleans.Runtime;
using Orleans.Runtime.Placement;
using Orleans.TestingHost;

namespace Evergrain.Cluster.Tests.Pages;

/// <summary>The pages of one silo, while another silo holds the conversation.</summary>
[Trait("Needs", "Chromium")]
public sealed class SiloPageTests(PageBrowser browser) : IClassFixture<PageBrowser>, IAsyncLifetime
{
    private readonly HeldClock _demo = new();
    private ClusterHost _cluster = null!;
    private TestServer _server = null!;

    private InProcessSiloHandle Here => _cluster.Silos.Cluster.Silos[0];

    private InProcessSiloHandle There => _cluster.Silos.Cluster.Silos[1];

    public async Task InitializeAsync()
    {
        _cluster = await ClusterHost.StartAsync(new TestWorld
        {
            Clock = TimeProvider.System, DemoClock = _demo,
        });
        _server = await TestServer.StartAsync(new SiloHost(_cluster, Here));
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Playground_ForksCutsAndReadsOn()
    {
        await using var open = await browser.OpenAsync(_server);
        await open.SaysAsync("Ready.");
        await open.PressAsync("A tool call");
        await open.TurnAsync(2);
        var response = Read(await open.Page.Locator("#turn-1 code.id").InnerTextAsync());
        await MoveAwayAsync(response);

        await open.PressAsync("Fork from turn 1");
        await open.PressAsync("Hello");
        Assert.Contains("fork of turn 1", await (await open.TurnAsync(3)).InnerTextAsync(), StringComparison.Ordinal);
        await open.PressAsync("A slow answer");
        await open.Page.GetByText("An answer that takes").WaitForAsync();
        await open.PressAsync("Cut the socket, read on");

        _demo.Let();
        var cut = await (await open.TurnAsync(4)).InnerTextAsync();
        Assert.Contains("the events behind it are read over HTTP", cut, StringComparison.Ordinal);
        Assert.Equal(8, cut.Split("in the middle of it.").Length - 1);
        await AssertAwayAsync(response);
    }

    [Fact]
    public async Task Inspector_ShowsVerifiesAndFollows()
    {
        using var http = _server.CreateHttpClient();
        var first = await PostAsync(http, new { model = "demo", input = "first words" });
        await PostAsync(http, new { model = "demo", input = "second words", previous_response_id = $"{first}" });
        await MoveAwayAsync(first);
        await using var open = await browser.OpenAsync(_server, $"/inspect?id={first}");
        await open.SaysAsync("2 turns of conv_");

        var turn = await open.TurnAsync(2);
        await turn.GetByText("Items and digest").ClickAsync();
        await turn.GetByText("in: message of user").ClickAsync();
        await turn.GetByText("second words").WaitForAsync();
        await turn.GetByText("Context and segments").ClickAsync();
        await turn.GetByText("items as rendered for demo").WaitForAsync();
        await open.PressAsync("Verify");
        await open.Page.GetByText("Verified: the journal gives the same digest for 2 turns.").WaitForAsync();
        await PostAsync(http, new
        {
            model = "demo", background = true, previous_response_id = $"{first}",
            input = "go\n@@script [{\"say\":\"done\",\"delay_ms\":1000}]",
        });
        await open.TurnAsync(3, "in_progress");
        _demo.Let();
        await open.TurnAsync(3);

        await AssertAwayAsync(first);
    }

    private static async Task<ResponseId> PostAsync(HttpClient http, object create)
    {
        using var answer = await http.PostAsJsonAsync(new Uri("/v1/responses", UriKind.Relative), create);
        var response = await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>();
        return Read(response.GetProperty("id").GetString()!);
    }

    private static ResponseId Read(string text) =>
        ResponseId.TryParse(text, out var response) ? response : throw new FormatException(text);

    private static ConversationKey KeyOf(ResponseId response) => new("default", response.Conversation);

    /// <summary>Moves a conversation to the silo without the pages, unless it is there.</summary>
    private async Task MoveAwayAsync(ResponseId response)
    {
        var begun = TimeProvider.System.GetTimestamp();

        // Orleans need not follow the hint: a conversation may come back to the silo that it left.
        while (await _cluster.Silos.SiloOfAsync(KeyOf(response)) == Here)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(begun) < Waits.Patience);
            RequestContext.Set(IPlacementDirector.PlacementHintKey, There.SiloAddress);
            await _cluster.Silos.GrainOf(KeyOf(response)).Cast<IGrainManagementExtension>().MigrateOnIdle();
            RequestContext.Remove(IPlacementDirector.PlacementHintKey);

            // A call that comes meanwhile waits until it has moved.
            await _cluster.Conversations.GetAsync(
                new TurnAddress("default", response), CancellationToken.None);
        }

        await AssertAwayAsync(response);
    }

    private async Task AssertAwayAsync(ResponseId response) =>
        Assert.Same(There, await _cluster.Silos.SiloOfAsync(KeyOf(response)));

    /// <summary>A silo's own view of the conversations.</summary>
    private sealed class SiloHost(ClusterHost cluster, InProcessSiloHandle silo) : ConversationsHost
    {
        public override ITurns Turns => silo.ServiceProvider.GetRequiredService<ITurns>();

        public override IConversations Conversations => silo.ServiceProvider.GetRequiredService<IConversations>();

        public override IReadOnlyList<IModelBackend> Backends { get; } =
            [new DemoBackend(["demo"], TimeProvider.System)];

        public override async ValueTask DisposeAsync()
        {
            await cluster.Silos.DeactivateAllAsync();
            await cluster.DisposeAsync();
            await base.DisposeAsync();
        }
    }
}
