using System.Reflection;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Evergrain.Suites.Hosting;
using Microsoft.Playwright;

namespace Evergrain.Suites.Pages;

/// <summary>
/// Debian's Chromium, started once for all tests of pages. A page that asks another host for anything, or breaks its
/// own policy, fails its test.
/// </summary>
public sealed class PageBrowser : IAsyncLifetime
{
    private static readonly float Patience = (float)TestServer.Patience.TotalMilliseconds;

    private static readonly string Driver = typeof(PageBrowser).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(static metadata => metadata.Key == "PlaywrightPackage").Value!;

    private IPlaywright _playwright = null!;
    private IBrowser _browser = null!;

    /// <summary>The program; <c>CHROMIUM</c> names another one.</summary>
    public static string Program => Environment.GetEnvironmentVariable("CHROMIUM") ?? "/usr/bin/chromium";

    /// <summary>
    /// A profile for <see cref="OpenPage.AssertUsableAsync"/>. The checker puts a script of its own into the page.
    /// </summary>
    public static BrowserNewContextOptions Checked(ColorScheme theme, int width) => new()
    {
        ColorScheme = theme, ViewportSize = new ViewportSize { Width = width, Height = 800 }, BypassCSP = true,
    };

    public async Task InitializeAsync()
    {
        // Playwright's own Node.js stays in its package: a copy in the output of each project is 140 MB.
        Environment.SetEnvironmentVariable("PLAYWRIGHT_DRIVER_SEARCH_PATH", Driver);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Program,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            Timeout = Patience,
        });
    }

    /// <summary>Opens a page of a server.</summary>
    public async Task<OpenPage> OpenAsync(
        TestServer server, string path = "/", BrowserNewContextOptions? options = null)
    {
        var context = await _browser.NewContextAsync(options);
        context.SetDefaultTimeout(Patience);
        var page = await context.NewPageAsync();
        var open = new OpenPage(context, page, server.Address);
        await page.GotoAsync(new Uri(server.Address, path).ToString());
        return open;
    }

    public async Task DisposeAsync()
    {
        await _browser.DisposeAsync();
        _playwright.Dispose();
    }
}

/// <summary>One page of its own profile.</summary>
public sealed class OpenPage : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly List<string> _faults = [];

    public OpenPage(IBrowserContext context, IPage page, Uri server)
    {
        (_context, Page) = (context, page);
        page.Request += (_, request) => Note(new Uri(request.Url).Authority != server.Authority, request.Url);
        page.WebSocket += (_, socket) => Note(new Uri(socket.Url).Authority != server.Authority, socket.Url);
        page.PageError += (_, error) => Note(true, error);
        page.Console += (_, line) => Note(
            line.Type == "error" && line.Text.Contains("Content Security Policy", StringComparison.Ordinal), line.Text);
    }

    public IPage Page { get; }

    /// <summary>What the page's status line says next that begins so.</summary>
    public Task SaysAsync(string text) =>
        Page.Locator("#state").Filter(new LocatorFilterOptions { HasText = text }).WaitForAsync();

    public Task PressAsync(string button) => Page.GetByRole(AriaRole.Button,
        new PageGetByRoleOptions { Name = button, Exact = true }).ClickAsync();

    /// <summary>The element of a turn, once it has ended as it should.</summary>
    public async Task<ILocator> TurnAsync(int number, string status = "completed")
    {
        var turn = Page.Locator($"#turn-{number}");
        await turn.Locator($".status.{status}").WaitForAsync();
        return turn;
    }

    /// <summary>axe-core finds nothing serious, and nothing is wider than the page.</summary>
    public async Task AssertUsableAsync(int width)
    {
        var result = await Page.RunAxe();
        Assert.Empty(result.Violations.Where(static fault => fault.Impact is "serious" or "critical")
            .Select(static fault => $"{fault.Id}: {string.Join(' ', fault.Nodes.Select(static node => node.Html))}"));
        Assert.InRange(await Page.EvaluateAsync<int>("document.documentElement.scrollWidth"), 1, width);
    }

    public async ValueTask DisposeAsync()
    {
        await _context.DisposeAsync();
        Assert.Empty(_faults);
    }

    private void Note(bool isFault, string what)
    {
        if (isFault)
        {
            _faults.Add(what);
        }
    }
}
