using System.Net.Http.Json;
using System.Text.Json;
using Evergrain.Suites.Hosting;
using Microsoft.Playwright;
using Xunit.Abstractions;

namespace Evergrain.Suites.Pages;

/// <summary>The inspector in Debian's Chromium, over a real server with the demo model.</summary>
public abstract class InspectorSuite(IWireHosts hosts, PageBrowser browser, ITestOutputHelper output)
    : IClassFixture<PageBrowser>
{
    private const int ItemsOfALongConversation = 10_000;
    private const int OpenedWithinMilliseconds = 1_000;

    private readonly HeldClock _demo = new();

    [Fact]
    public async Task Conversation_Opened_ShowsItsTreeAndIsVerified()
    {
        await using var server = await StartAsync();
        using var http = server.CreateHttpClient();
        var first = await RunAsync(http, "first words");
        await RunAsync(http, "second words", first);
        await RunAsync(http, "third words", first);
        await using var open = await browser.OpenAsync(server, $"/inspect?id={first}");

        await open.SaysAsync("3 turns of conv_");
        var fork = await open.TurnAsync(3);
        Assert.Contains("fork of turn 1", await fork.InnerTextAsync(), StringComparison.Ordinal);
        Assert.Contains(", 1 fork, within ", await open.Page.Locator("#summary").InnerTextAsync(),
            StringComparison.Ordinal);
        Assert.Equal(3, await open.Page.Locator("#line rect").CountAsync());
        Assert.StartsWith("Turn 3 took ", await fork.GetByRole(AriaRole.Img).GetAttributeAsync("aria-label"),
            StringComparison.Ordinal);

        await fork.GetByText("Items and digest").ClickAsync();
        await fork.GetByText("in: message of user").ClickAsync();
        await fork.GetByText("third words").WaitForAsync();

        await fork.GetByText("Context and segments").ClickAsync();
        await fork.GetByText("items in 1 segment").Or(fork.GetByText("items in 2 segments")).First.WaitForAsync();
        await fork.GetByText("items as rendered for demo").ClickAsync();

        await open.PressAsync("Verify");
        await open.Page.GetByText("Verified: the journal gives the same digest for 3 turns.").WaitForAsync();
    }

    [Theory]
    [InlineData(390)]
    [InlineData(1280)]
    public async Task Turn_NamedByItsResponse_StandsAtTheTop(int width)
    {
        await using var server = await StartAsync();
        using var http = server.CreateHttpClient();
        List<string> turns = [await RunAsync(http, "words")];
        while (turns.Count < 8)
        {
            turns.Add(await RunAsync(http, "words", turns[^1]));
        }

        await using var open = await browser.OpenAsync(
            server, $"/inspect?id={turns[3]}", PageBrowser.Checked(ColorScheme.Light, width));
        await open.SaysAsync("8 turns of conv_");

        var turn = await open.TurnAsync(4);
        Assert.InRange(await turn.EvaluateAsync<double>("turn => turn.getBoundingClientRect().top"), -1, 100);
        Assert.True(await turn.EvaluateAsync<bool>("turn => turn === document.activeElement"));
        await open.Page.ReloadAsync();
        await open.SaysAsync("8 turns of conv_");
        Assert.InRange(await turn.EvaluateAsync<double>("turn => turn.getBoundingClientRect().top"), -1, 100);
    }

    [Fact]
    public async Task Turns_OverOtherConnections_AreMarkedOnTheTimeLine()
    {
        await using var server = await StartAsync();
        await using var open = await browser.OpenAsync(server);
        await open.SaysAsync("Ready.");
        await open.PressAsync("A slow answer");
        await open.Page.GetByText("An answer that takes").WaitForAsync();
        await open.PressAsync("Cut the socket, read on");
        _demo.Let();
        await open.TurnAsync(1);
        await open.PressAsync("Hello");
        await open.TurnAsync(2);

        await open.Page.GetByText("Inspect turn 2").ClickAsync();
        await open.SaysAsync("2 turns of conv_");

        var (cut, next) = (await open.TurnAsync(1), await open.TurnAsync(2));
        Assert.Contains("Its events were read on over HTTP, from number ", await cut.InnerTextAsync(),
            StringComparison.Ordinal);
        Assert.Contains("over another connection: a WebSocket", await next.InnerTextAsync(), StringComparison.Ordinal);
        Assert.Equal(1, await open.Page.Locator("#line .time-line .read-on").CountAsync());
        Assert.Equal(1, await open.Page.Locator("#line .time-line .other").CountAsync());
    }

    [Fact]
    public async Task Turn_ThatRuns_IsShownUntilItHasEnded()
    {
        await using var server = await StartAsync();
        using var http = server.CreateHttpClient();
        var running = await PostAsync(http, new
        {
            model = "demo", background = true, input = "go\n@@script [{\"say\":\"done\",\"delay_ms\":1000}]",
        });
        await using var open = await browser.OpenAsync(server, $"/inspect?id={running}");

        await open.TurnAsync(1, "in_progress");
        _demo.Let();
        var ended = await open.TurnAsync(1);
        Assert.Contains("1 out, ", await ended.InnerTextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Turn_ThatBeginsLater_IsShownWithoutAskingForTheListAgain()
    {
        await using var server = await StartAsync();
        using var http = server.CreateHttpClient();
        var first = await RunAsync(http, "first words");
        await using var open = await browser.OpenAsync(server, $"/inspect?id={first}");
        await open.TurnAsync(1);
        var lists = 0;
        open.Page.Request += (_, request) =>
            lists += request.Url.Contains("/turns", StringComparison.Ordinal) ? 1 : 0;

        await PostAsync(http, new
        {
            model = "demo", background = true, previous_response_id = first,
            input = "go\n@@script [{\"say\":\"done\",\"delay_ms\":1000}]",
        });

        await open.TurnAsync(2, "in_progress");
        _demo.Let();
        await open.TurnAsync(2);
        Assert.Equal(0, lists);
    }

    [Fact]
    public async Task List_OfConversations_IsChosenFromAndSearched()
    {
        await using var server = await StartAsync();
        using var http = server.CreateHttpClient();
        var (first, second) = (await RunAsync(http, "first words"), await RunAsync(http, "second words"));
        await using var open = await browser.OpenAsync(server, "/inspect");

        await open.Page.GetByText("2 shown, newest first.").WaitForAsync();
        await open.PressAsync(ConversationOf(second));
        await open.SaysAsync($"1 turn of {ConversationOf(second)}");

        await ShowListAsync(open);
        await open.Page.GetByLabel("Search", Exactly).FillAsync(first);
        await open.PressAsync("Search");
        await open.Page.GetByText("1 shown, newest first.").WaitForAsync();
        await open.PressAsync(ConversationOf(first));
        await open.SaysAsync($"1 turn of {ConversationOf(first)}");

        await ShowListAsync(open);
        await open.Page.GetByLabel("Search by").SelectOptionAsync("session_id");
        await open.Page.GetByLabel("Search", Exactly).FillAsync("nobody");
        await open.PressAsync("Search");
        await open.Page.GetByText("None was found.").WaitForAsync();
    }

    [Fact]
    public async Task OperatorKey_ListsEveryTenantsConversationsAsShapes()
    {
        await using var server = await StartAsync(("ApiKeys:0", "a=alice"), ("OperatorKeys:0", "op"));
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Add("Authorization", "Bearer a");
        var first = await RunAsync(http, "secret words");
        await using var open = await browser.OpenAsync(server, "/inspect");
        await open.SaysAsync("The server wants an API key.");

        await open.Page.GetByLabel("API key").FillAsync("op");
        await open.PressAsync("Use this key");
        await open.PressAsync(ConversationOf(first));
        await open.SaysAsync("1 turn of conv_");

        await ShowListAsync(open);
        Assert.Contains("; alice; stored; 1 turn, 2 items",
            await open.Page.Locator("#conversations").InnerTextAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", await open.Page.ContentAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Conversation_Unknown_IsSaid()
    {
        await using var server = await StartAsync();
        await using var open = await browser.OpenAsync(server, "/inspect");
        await open.SaysAsync("Ready.");

        await open.Page.GetByLabel("Conversation or response").FillAsync("conv_0000000000000000000000");
        await open.PressAsync("Open");

        await open.SaysAsync("Conversation with id 'conv_0000000000000000000000' not found.");
    }

    [Fact]
    public async Task OperatorKey_OpensShapesAndNoContent()
    {
        await using var server = await StartAsync(("ApiKeys:0", "a=alice"), ("OperatorKeys:0", "op"));
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Add("Authorization", "Bearer a");
        var first = await RunAsync(http, "secret words");
        await using var open = await browser.OpenAsync(server, $"/inspect?id={first}&tenant=alice");
        await open.SaysAsync("The server wants an API key.");

        await open.Page.GetByLabel("API key").FillAsync("op");
        await open.PressAsync("Use this key");
        await open.SaysAsync("1 turn of conv_");
        var turn = await open.TurnAsync(1);
        await turn.GetByText("Items and digest").ClickAsync();

        await turn.GetByText("An operator's key opens metrics, usage and the shapes of conversations").WaitForAsync();
        Assert.DoesNotContain("secret", await open.Page.ContentAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Conversation_OfTenThousandItems_OpensWithinASecond()
    {
        await using var server = await StartAsync();
        using var http = server.CreateHttpClient();
        var items = Enumerable.Range(0, ItemsOfALongConversation - 2).Select(static i => (object)new
        {
            role = i % 2 == 0 ? "user" : "assistant", content = $"message {i}",
        });
        var first = await PostAsync(http, new { model = "demo", input = items });
        await RunAsync(http, "go on", first);
        await using var open = await browser.OpenAsync(server, "/inspect");
        await open.SaysAsync("Ready.");

        await open.Page.GetByLabel("Conversation or response").FillAsync(first);
        await open.PressAsync("Open");
        await open.SaysAsync("2 turns of conv_");

        // The page's own clock, from the request to the last element. The bound leaves room on a busy machine.
        var text = await open.Page.Locator("#state").InnerTextAsync();
        var milliseconds = double.Parse(text.Split(" shown in ")[1].Split('\u00a0')[0],
            System.Globalization.CultureInfo.InvariantCulture);
        output.WriteLine($"A conversation of {ItemsOfALongConversation} items was opened in {milliseconds} ms.");
        Assert.InRange(milliseconds, 0, 3 * OpenedWithinMilliseconds);
        Assert.Contains("The last turn held 10000 items.", await open.Page.Locator("#summary").InnerTextAsync(),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ColorScheme.Light, 360)]
    [InlineData(ColorScheme.Dark, 1280)]
    public async Task Page_InEitherTheme_HasNoSeriousFaultAndFitsItsWidth(ColorScheme theme, int width)
    {
        await using var server = await StartAsync();
        using var http = server.CreateHttpClient();
        var first = await RunAsync(http, "first words");
        await RunAsync(http, "second words", first);
        await using var open = await browser.OpenAsync(
            server, $"/inspect?id={first}", PageBrowser.Checked(theme, width));
        await open.SaysAsync("2 turns of conv_");

        await open.AssertUsableAsync(width);
    }

    private static PageGetByLabelOptions Exactly => new() { Exact = true };

    private static string ConversationOf(string response) => $"conv_{response.Split('_')[1]}";

    // It is folded while a conversation is open.
    private static Task ShowListAsync(OpenPage open) => open.Page.Locator("#list summary").ClickAsync();

    private async Task<TestServer> StartAsync(params (string Option, string Value)[] settings) =>
        await TestServer.StartAsync(await hosts.StartAsync(demoClock: _demo), settings);

    private static Task<string> RunAsync(HttpClient http, string text, string? previous = null) =>
        PostAsync(http, new { model = "demo", input = text, previous_response_id = previous });

    private static async Task<string> PostAsync(HttpClient http, object create)
    {
        using var answer = await http.PostAsJsonAsync(new Uri("/v1/responses", UriKind.Relative), create);
        var response = await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>();
        return response.GetProperty("id").GetString()!;
    }
}
