using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Tests.Access;

/// <summary>Pages of other origins, over HTTP as a browser asks for them, and over WebSocket.</summary>
public sealed class OriginTests
{
    private const string Page = "https://page.example";
    private const string Hello = """[{"say":"hello"}]""";
    private static readonly (string, string) Key = ("ApiKeys:0", "key-1");
    private static readonly (string, string) ThePage = ("AllowedOrigins:0", Page);
    private static readonly (string, string) AnyPage = ("AllowedOrigins:0", "*");

    private readonly ScriptedConversations _conversations = new();

    [Theory]
    [InlineData("https://page.example/")]
    [InlineData("https://page.example/app")]
    [InlineData("https://page.example?x=1")]
    [InlineData("https://page.example:443")]
    [InlineData("https://user@page.example")]
    [InlineData("https://bücher.example")]
    [InlineData("https://*.example")]
    [InlineData("page.example")]
    [InlineData("//page.example")]
    [InlineData("file:///tmp/page.html")]
    [InlineData("null")]
    [InlineData("*")]
    [InlineData("")]
    public async Task Setting_Wrong_IsReportedAtStart(string origin)
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => TestServer.StartAsync(
            _conversations, ("AllowedOrigins:0", "http://localhost:3000"), ("AllowedOrigins:1", origin)));

        Assert.StartsWith($"AllowedOrigins: '{origin}' ", Assert.Single(error.Failures), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://page.example/app", "'https://page.example'")]
    [InlineData("http://PAGE.example:80", "'http://page.example'")]
    [InlineData("http://page.example:8080/", "'http://page.example:8080'")]
    [InlineData("https://bücher.example", "'https://xn--bcher-kva.example'")]
    [InlineData("http://[::1]:3000/", "'http://[::1]:3000'")]
    public void Setting_AlmostRight_IsReportedWithTheRightOne(string origin, string right)
    {
        var mistakes = OriginRules.FindMistakes(
            new EvergrainOptions { AllowedOrigins = [origin] });

        Assert.Contains(right, Assert.Single(mistakes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://localhost:3000")]
    [InlineData("HTTPS://Page.example")]
    [InlineData("http://[::1]:3000")]
    [InlineData("http://192.0.2.1")]
    [InlineData("chrome-extension://abcdefghijklmnop")]
    public void Setting_Right_IsTaken(string origin) => Assert.Empty(
        OriginRules.FindMistakes(new EvergrainOptions { AllowedOrigins = [origin] }));

    [Theory]
    [InlineData("POST", "/v1/responses", "authorization,content-type")]
    [InlineData("GET", "/v1/responses/resp_x", "authorization")]
    [InlineData("DELETE", "/v1/responses/resp_x", "x-stainless-os,authorization")]
    [InlineData("POST", "/nowhere", "content-type")]
    public async Task Preflight_OfAnAllowedPage_IsAnsweredWithoutAKey(string method, string path, string headers)
    {
        await using var server = await TestServer.StartAsync(_conversations, Key, ThePage);

        using var answer = await PreflightAsync(server, Page, method, path, headers);

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal(Page, HeaderOf(answer, "Access-Control-Allow-Origin"));
        Assert.Contains(method, HeaderOf(answer, "Access-Control-Allow-Methods")!, StringComparison.Ordinal);
        Assert.Equal(headers, HeaderOf(answer, "Access-Control-Allow-Headers"));
        Assert.Equal("600", HeaderOf(answer, "Access-Control-Max-Age"));
        Assert.Null(HeaderOf(answer, "Access-Control-Allow-Credentials"));
        Assert.Contains("Origin", answer.Headers.Vary);
        Assert.Empty(_conversations.Calls);
    }

    [Theory]
    [InlineData("https://other.example")]
    [InlineData("http://page.example")]
    [InlineData("https://page.example:8443")]
    [InlineData("https://page.example.other.example")]
    [InlineData("null")]
    public async Task Preflight_OfAnotherPage_AllowsNothing(string origin)
    {
        await using var server = await TestServer.StartAsync(_conversations, Key, ThePage);

        using var answer = await PreflightAsync(server, origin, "POST", "/v1/responses", "content-type");

        Assert.Null(HeaderOf(answer, "Access-Control-Allow-Origin"));
        Assert.Empty(_conversations.Calls);
    }

    [Fact]
    public async Task Preflight_WithoutTheSetting_AllowsNothing()
    {
        await using var server = await TestServer.StartAsync(_conversations);

        using var answer = await PreflightAsync(server, Page, "POST", "/v1/responses", "content-type");

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Null(HeaderOf(answer, "Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("GET", "/v1/models", "key-1", 200)]
    [InlineData("GET", "/v1/models", "wrong", 401)]
    [InlineData("GET", "/v1/responses/resp_x", "key-1", 404)]
    [InlineData("GET", "/nowhere", "key-1", 404)]
    [InlineData("PUT", "/v1/models", "key-1", 405)]
    [InlineData("POST", "/v1/responses", "key-1", 400)]
    [InlineData("GET", "/v1/responses", "key-1", 426)]
    public async Task Answer_ToAnAllowedPage_CanBeRead(string method, string path, string key, int status)
    {
        await using var server = await TestServer.StartAsync(_conversations, Key, ThePage);
        using var http = HttpTurns.Connect(server, key);
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Headers = { { "Origin", Page } } };

        using var answer = await http.SendAsync(request);

        Assert.Equal(status, (int)answer.StatusCode);
        AssertReadable(answer, Page);
    }

    [Theory]
    [InlineData("https://other.example", true)]
    [InlineData("null", true)]
    [InlineData(null, false)]
    public async Task Answer_ToAnotherPage_IsTheBrowsersToHide(string? origin, bool isPage)
    {
        await using var server = await TestServer.StartAsync(_conversations, Key, ThePage);
        using var http = HttpTurns.Connect(server, "key-1");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.TryAddWithoutValidation("Origin", isPage ? origin : null);

        using var answer = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Null(HeaderOf(answer, "Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task Refusal_WithATimeToWait_CanBeRead()
    {
        _conversations.OnStart = static _ => throw new ConversationException(
            new Refusal(RefusalKind.TooManyRequests, "Later.")
            {
                RetryAfter = TimeSpan.FromSeconds(7),
            });
        await using var server = await TestServer.StartAsync(_conversations, Key, ThePage);

        using var answer = await PostAsync(server, Page, Creates.Of(Hello));

        Assert.Equal(429, (int)answer.StatusCode);
        AssertReadable(answer, Page);
        Assert.Equal(TimeSpan.FromSeconds(7), answer.Headers.RetryAfter?.Delta);
    }

    [Theory]
    [InlineData(Page, "https://page.example", true)]
    [InlineData("*", "https://any.example", true)]
    [InlineData("*", "null", true)]
    [InlineData(Page, "https://other.example", false)]
    public async Task Events_ForAPage_CanBeReadByTheList(string allowed, string origin, bool isReadable)
    {
        await using var server = await TestServer.StartAsync(_conversations, Key, ("AllowedOrigins:0", allowed));

        using var answer = await PostAsync(server, origin, Creates.Of(Hello, ",\"stream\":true"));

        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal(isReadable ? allowed : null, HeaderOf(answer, "Access-Control-Allow-Origin"));
        Assert.Null(HeaderOf(answer, "Access-Control-Allow-Credentials"));
        Assert.Contains("[DONE]", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Page, "https://page.example", 101)]
    [InlineData(Page, "https://other.example", 403)]
    [InlineData(Page, "null", 403)]
    [InlineData(Page, "http://localhost", 101)]
    [InlineData(Page, null, 101)]
    [InlineData("*", "https://other.example", 101)]
    [InlineData(null, "https://other.example", 101)]
    public async Task Socket_WithAKey_IsForPagesOfTheList(string? allowed, string? origin, int status)
    {
        (string, string)[] settings = allowed is null ? [Key] : [Key, ("AllowedOrigins:0", allowed)];
        await using var server = await TestServer.StartAsync(_conversations, settings);

        Assert.Equal(status, await UpgradeAsync(server, origin, "Authorization: Bearer key-1\r\n"));
    }

    [Theory]
    [InlineData("https://page.example", 101)]
    [InlineData("https://other.example", 403)]
    [InlineData("null", 403)]
    [InlineData("http://localhost", 101)]
    [InlineData(null, 101)]
    public async Task Socket_WithoutKeys_IsForPagesOfTheList(string? origin, int status)
    {
        await using var server = await TestServer.StartAsync(_conversations, ThePage);

        Assert.Equal(status, await UpgradeAsync(server, origin, ""));
    }

    [Fact]
    public async Task Request_OfAnAllowedPageWithoutKeys_IsServed()
    {
        await using var server = await TestServer.StartAsync(_conversations, ThePage);

        using var answer = await PostAsync(server, Page, Creates.Of(Hello));
        using var other = await PostAsync(server, "https://other.example", Creates.Of(Hello));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        AssertReadable(answer, Page);
        Assert.Equal(HttpStatusCode.Forbidden, other.StatusCode);
    }

    [Fact]
    public async Task Metrics_ForAnOperatorsKey_AreForNoPage()
    {
        await using var server = await TestServer.StartAsync(_conversations, Key, AnyPage,
            ("OperatorKeys:0", "operator"));
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "operator");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics") { Headers = { { "Origin", Page } } };

        using var answer = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Null(HeaderOf(answer, "Access-Control-Allow-Origin"));
    }

    private static void AssertReadable(HttpResponseMessage answer, string origin)
    {
        Assert.Equal(origin, HeaderOf(answer, "Access-Control-Allow-Origin"));
        Assert.Equal("x-request-id,retry-after,Server-Timing", HeaderOf(answer, "Access-Control-Expose-Headers"));
        Assert.Null(HeaderOf(answer, "Access-Control-Allow-Credentials"));
        Assert.Contains("Origin", answer.Headers.Vary);
    }

    private static string? HeaderOf(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : null;

    private static async Task<HttpResponseMessage> PreflightAsync(TestServer server, string origin, string method,
        string path, string headers)
    {
        using var http = server.CreateHttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Options, path);
        request.Headers.TryAddWithoutValidation("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", method);
        request.Headers.Add("Access-Control-Request-Headers", headers);
        return await http.SendAsync(request);
    }

    private static async Task<HttpResponseMessage> PostAsync(TestServer server, string origin, string create)
    {
        using var http = server.CreateHttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/responses")
        {
            Content = new StringContent(create, Encoding.UTF8, "application/json"),
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", "key-1") },
        };
        request.Headers.TryAddWithoutValidation("Origin", origin);
        return await http.SendAsync(request);
    }

    private static async Task<int> UpgradeAsync(TestServer server, string? origin, string headers)
    {
        using var raw = await RawSocket.ConnectAsync(server);
        var head = await raw.UpgradeAsync(
            headers: headers + (origin is null ? "" : $"Origin: {origin}\r\n"));
        return int.Parse(head.AsSpan(9, 3), System.Globalization.CultureInfo.InvariantCulture);
    }
}
