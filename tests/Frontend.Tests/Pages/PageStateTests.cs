using System.Net.Http.Json;
using System.Text.Json;
using Evergrain.Frontend.Tests.Hosts;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Pages;
using Microsoft.Playwright;

namespace Evergrain.Frontend.Tests.Pages;

/// <summary>
/// The states of both pages on a phone, in both themes: axe-core finds nothing serious, and nothing is too wide.
/// </summary>
[Trait("Needs", "Chromium")]
public sealed class PageStateTests(PageBrowser browser) : IClassFixture<PageBrowser>
{
    private const int Phone = 390;

    private const string Long =
        "go\n@@script [{\"say\":\"on and on and on and on and on and on and on\",\"chunk_ms\":1000}]";

    private readonly HeldClock _demo = new();

    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task Playground_InEachState_IsUsable(ColorScheme theme)
    {
        await using var server = await StartAsync();
        await using var open = await EnterAsync(server, "/", theme);
        await open.SaysAsync("Ready.");
        await open.AssertUsableAsync(Phone);

        await open.PressAsync("A tool call");
        await (await open.TurnAsync(2)).GetByText("Phases").ClickAsync();
        await open.Page.Locator("#figures summary").ClickAsync();
        await open.Page.GetByLabel("Message").FillAsync(Long);
        await open.PressAsync("Send");
        await open.Page.GetByText("on and on").WaitForAsync();
        await open.AssertUsableAsync(Phone);

        await open.PressAsync("Stop");
        await open.TurnAsync(3, "cancelled");
        await open.PressAsync("Fork from turn 1");
        await open.PressAsync("A slow answer");
        await open.Page.GetByText("An answer that takes").WaitForAsync();
        await open.PressAsync("Cut the socket, read on");
        _demo.Let();
        await open.TurnAsync(4);
        await open.Page.GetByLabel("Model", new PageGetByLabelOptions { Exact = true }).FillAsync("nobody");
        await open.PressAsync("Hello");
        await open.TurnAsync(5, "refused");
        await open.AssertUsableAsync(Phone);
    }

    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task Inspector_InEachState_IsUsable(ColorScheme theme)
    {
        await using var server = await StartAsync();
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Add("Authorization", "Bearer sk-right");
        var first = await PostAsync(http, new { model = "demo", input = "first words" });
        await PostAsync(http, new { model = "demo", input = "second words", previous_response_id = first });
        await PostAsync(http, new { model = "demo", input = "third words", previous_response_id = first });
        using var readOn = await http.GetAsync($"/v1/responses/{first}?stream=true&starting_after=1");
        var running = await PostAsync(http, new
        {
            model = "demo", input = Long, background = true,
            previous_response_id = first,
        });
        await using var open = await EnterAsync(server, "/inspect", theme);
        await open.Page.GetByText("1 shown, newest first.").WaitForAsync();
        await open.AssertUsableAsync(Phone);

        await open.Page.GetByLabel("Conversation or response").FillAsync(first);
        await open.PressAsync("Open");
        await open.TurnAsync(4, "in_progress");
        var turn = await open.TurnAsync(3);
        await turn.GetByText("Items and digest").ClickAsync();
        await turn.GetByText("in: message of user").ClickAsync();
        await turn.GetByText("Context and segments").ClickAsync();
        await turn.GetByText("as rendered for demo").ClickAsync();
        await open.PressAsync("Verify");
        await open.Page.GetByText("Verified: ").WaitForAsync();
        await open.AssertUsableAsync(Phone);

        using var cancelled = await http.PostAsync($"/v1/responses/{running}/cancel", content: null);
        await open.TurnAsync(4, "cancelled");
        await open.Page.GetByLabel("Conversation or response").FillAsync("conv_0000000000000000000000");
        await open.PressAsync("Open");
        await open.SaysAsync("not found.");
        await open.AssertUsableAsync(Phone);
    }

    private async Task<TestServer> StartAsync() => await TestServer.StartAsync(
        await InProcessWire.Hosts.StartAsync(demoClock: _demo), ("ApiKeys:0", "sk-right"));

    private static async Task<string> PostAsync(HttpClient http, object create)
    {
        using var answer = await http.PostAsJsonAsync(new Uri("/v1/responses", UriKind.Relative), create);
        var response = await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>();
        return response.GetProperty("id").GetString()!;
    }

    /// <summary>Opens a page, with a wrong key first.</summary>
    private async Task<OpenPage> EnterAsync(TestServer server, string path, ColorScheme theme)
    {
        var open = await browser.OpenAsync(server, path, PageBrowser.Checked(theme, Phone));
        await open.SaysAsync("The server wants an API key.");
        await open.Page.GetByLabel("API key").FillAsync("sk-wrong");
        await open.PressAsync("Use this key");
        await open.Page.GetByText("The API key is not known here.").WaitForAsync();
        await open.AssertUsableAsync(Phone);
        await open.Page.GetByLabel("API key").FillAsync("sk-right");
        await open.PressAsync("Use this key");
        return open;
    }
}
