using System.Globalization;
using System.Text.RegularExpressions;
using Evergrain.Suites.Hosting;
using Microsoft.Playwright;

namespace Evergrain.Suites.Pages;

/// <summary>The playground in Debian's Chromium, over a real server with the demo model.</summary>
public abstract partial class PlaygroundSuite(IWireHosts hosts, PageBrowser browser) : IClassFixture<PageBrowser>
{
    private const int TimeoutMilliseconds = 10_000;

    private readonly HeldClock _demo = new();

    [Fact]
    public async Task Message_Sent_IsAnsweredWithThePhasesOfItsTurn()
    {
        await using var server = await StartAsync();
        await using var open = await browser.OpenAsync(server);
        await open.SaysAsync("Ready.");

        await open.Page.GetByLabel("Message").FillAsync("Hello there");
        await open.Page.Keyboard.PressAsync("Control+Enter");
        var turn = await open.TurnAsync(1);

        Assert.Contains("Hello there", await turn.InnerTextAsync(), StringComparison.Ordinal);
        Assert.Contains("Evergrain demo: 1 items held", await turn.InnerTextAsync(), StringComparison.Ordinal);
        var bar = await turn.GetByRole(AriaRole.Img).GetAttributeAsync("aria-label");
        Assert.StartsWith("Turn 1 took ", bar, StringComparison.Ordinal);
        var parts = Milliseconds().Matches(bar!).Select(static match => Number(match)).ToList();
        Assert.InRange(parts.Skip(1).Sum(), parts[0] * 0.9, parts[0] * 1.1);
        Assert.Equal(8, await turn.Locator("tbody tr").CountAsync());
        await open.Page.Locator("#time-plot svg").WaitForAsync();
    }

    [Fact]
    public async Task ToolCall_IsShownAndAnsweredByThePage()
    {
        await using var server = await StartAsync();
        await using var open = await browser.OpenAsync(server);
        await open.SaysAsync("Ready.");

        await open.PressAsync("A tool call");

        var call = await open.TurnAsync(1);
        Assert.Contains("calls add {\"a\":20,\"b\":22}", await call.InnerTextAsync(), StringComparison.Ordinal);
        var answered = await open.TurnAsync(2);
        Assert.Contains("tool output 42", await answered.InnerTextAsync(), StringComparison.Ordinal);
        Assert.Contains("It is 42.", await answered.InnerTextAsync(), StringComparison.Ordinal);
        Assert.Contains("a tool was waited for: add", await answered.InnerTextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Loop_OfTwentyTools_ShowsBytesBesideThoseOfAStatelessServer()
    {
        await using var server = await StartAsync();
        await using var open = await browser.OpenAsync(server);
        await open.SaysAsync("Ready.");

        await open.PressAsync("20-tool loop");
        var last = await open.TurnAsync(21);

        Assert.Contains("I have read all 20 files.", await last.InnerTextAsync(), StringComparison.Ordinal);
        Assert.Contains("21 turns.", await open.Page.Locator("#time-text").InnerTextAsync(), StringComparison.Ordinal);
        Assert.Equal(21, await open.Page.Locator("#time-plot circle").CountAsync());

        // The page's own sum is checked against the server's count of the items that it holds.
        var bytes = await open.Page.Locator("#bytes-text").InnerTextAsync();
        var stateless = Regex.Match(bytes, "read (?<kilobytes>[0-9]+)\\sKB", RegexOptions.ExplicitCapture,
            TimeSpan.FromMilliseconds(TimeoutMilliseconds)).Groups["kilobytes"].Value;
        Assert.InRange(int.Parse(stateless, CultureInfo.InvariantCulture), 40, 60);
    }

    [Fact]
    public async Task Fork_FromAnEarlierTurn_ContinuesThatOne()
    {
        await using var server = await StartAsync();
        await using var open = await browser.OpenAsync(server);
        await open.SaysAsync("Ready.");
        await open.PressAsync("Hello");
        await open.TurnAsync(1);
        await open.PressAsync("Hello");
        Assert.Contains("3 items held", await (await open.TurnAsync(2)).InnerTextAsync(), StringComparison.Ordinal);

        await open.PressAsync("Fork from turn 1");
        await open.PressAsync("Hello");
        var fork = await open.TurnAsync(3);

        Assert.Contains("fork of turn 1", await fork.InnerTextAsync(), StringComparison.Ordinal);
        Assert.Contains("3 items held", await fork.InnerTextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fork_FromAnOpenCall_AnswersItWithTheMessage()
    {
        await using var server = await StartAsync();
        await using var open = await browser.OpenAsync(server);
        await open.SaysAsync("Ready.");
        await open.PressAsync("A tool call");
        await open.TurnAsync(2);

        await open.PressAsync("Fork from turn 1");
        await open.PressAsync("Hello");

        Assert.Contains("fork of turn 1", await (await open.TurnAsync(3)).InnerTextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cut_InTheMiddleOfAnAnswer_IsReadOnOverHttp()
    {
        await using var server = await StartAsync();
        await using var open = await browser.OpenAsync(server);
        await open.SaysAsync("Ready.");
        await open.PressAsync("A slow answer");
        await open.Page.GetByText("An answer that takes").WaitForAsync();

        await open.PressAsync("Cut the socket, read on");
        _demo.Let();
        var turn = await open.TurnAsync(1);

        var text = await turn.Locator(".output").InnerTextAsync();
        const string sentence = "An answer that takes its time leaves room to cut the connection in the middle of it.";
        Assert.Equal(8, text.Split(sentence).Length - 1);
        Assert.Contains("the events behind it are read over HTTP", await turn.InnerTextAsync(),
            StringComparison.Ordinal);

        // The conversation goes on over a new socket.
        await open.PressAsync("Hello");
        Assert.Contains("continues turn 1", await (await open.TurnAsync(2)).InnerTextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stop_OfARunningTurn_CancelsIt()
    {
        await using var server = await StartAsync();
        await using var open = await browser.OpenAsync(server);
        await open.SaysAsync("Ready.");
        await open.PressAsync("A slow answer");
        await open.Page.GetByText("An answer that takes").WaitForAsync();

        await open.PressAsync("Stop");

        await open.TurnAsync(1, "cancelled");
    }

    [Fact]
    public async Task Key_Wrong_IsSaidAndARightOneOpens()
    {
        await using var server = await StartAsync(("ApiKeys:0", "sk-right"));
        await using var open = await browser.OpenAsync(server);
        await open.SaysAsync("The server wants an API key.");

        await open.Page.GetByLabel("API key").FillAsync("sk-wrong");
        await open.PressAsync("Use this key");
        await open.Page.GetByText("The API key is not known here.").WaitForAsync();
        await open.Page.GetByLabel("API key").FillAsync("sk-right");
        await open.PressAsync("Use this key");
        await open.SaysAsync("Ready.");
        await open.PressAsync("Hello");

        await open.TurnAsync(1);
        Assert.DoesNotContain("sk-right", open.Page.Url, StringComparison.Ordinal);
        Assert.Empty(await open.Page.Context.CookiesAsync());
    }

    [Fact]
    public async Task Markup_InAnAnswer_StaysText()
    {
        await using var server = await StartAsync();
        await using var open = await browser.OpenAsync(server);
        await open.SaysAsync("Ready.");

        await open.Page.GetByLabel("Message").FillAsync("""
            go
            @@script [{"say":"<b id=mark>bold</b>"}]
            """);
        await open.PressAsync("Send");
        var turn = await open.TurnAsync(1);

        Assert.Contains("<b id=mark>bold</b>", await turn.InnerTextAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await open.Page.Locator("#mark").CountAsync());
    }

    [Fact]
    public async Task Figures_OnAPhone_OpenAboveTheTurns()
    {
        await using var server = await StartAsync();
        await using var open = await browser.OpenAsync(
            server, "/", PageBrowser.Checked(ColorScheme.Light, width: 390));
        await open.SaysAsync("Ready.");
        await open.PressAsync("Hello");
        var turn = await open.TurnAsync(1);
        var figures = open.Page.Locator("#figures summary");
        Assert.Contains("\u00a0ms a turn", await figures.InnerTextAsync(), StringComparison.Ordinal);
        Assert.False(await open.Page.Locator("#time-plot").IsVisibleAsync());

        await figures.ClickAsync();

        var plot = open.Page.Locator("#time-plot svg");
        await plot.WaitForAsync();
        var (above, below) = (await plot.BoundingBoxAsync(), await turn.BoundingBoxAsync());
        Assert.InRange(above!.Y + above.Height, 1, below!.Y);
        await open.AssertUsableAsync(width: 390);
    }

    [Theory]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 360)]
    public async Task Page_InEitherTheme_HasNoSeriousFaultAndFitsItsWidth(ColorScheme theme, int width)
    {
        await using var server = await StartAsync();
        await using var open = await browser.OpenAsync(server, "/", PageBrowser.Checked(theme, width));
        await open.SaysAsync("Ready.");
        await open.PressAsync("A tool call");
        await open.TurnAsync(2);

        await open.AssertUsableAsync(width);
    }

    private async Task<TestServer> StartAsync(params (string Option, string Value)[] settings) =>
        await TestServer.StartAsync(await hosts.StartAsync(demoClock: _demo), settings);

    private static double Number(Match match) =>
        double.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex("(?<number>[0-9.]+)\\sms", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex Milliseconds();
}
