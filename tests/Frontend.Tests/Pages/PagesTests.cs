using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using Evergrain.Frontend.Pages;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Tests.Pages;

/// <summary>The server's own pages: who is shown them, and what they may do in a browser.</summary>
public sealed partial class PagesTests
{
    private const int BytesMax = 200_000;
    private const int TimeoutMilliseconds = 10_000;

    private static readonly (string, string) Key = ("ApiKeys:0", "key");

    public static TheoryData<string> Paths =>
        [.. PageFiles.All.Keys.Select(static name => $"/pages/{name}"), "/", "/inspect"];

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Local_FromThisMachine_IsShownWithoutAKey(string path)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), Key);
        using var http = server.CreateHttpClient();

        Assert.Equal(HttpStatusCode.OK, await AskAsync(http, path));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(http, "/v1/models"));
    }

    [Theory]
    [InlineData("X-Forwarded-For", "192.0.2.1")]
    [InlineData("Host", "evergrain.example")]
    [InlineData("Origin", "https://evil.example")]
    public async Task Local_FromElsewhere_IsNotThere(string header, string value)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), Key);
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.TryAddWithoutValidation(header, value);

        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(http, "/"));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(http, "/pages/play.js"));
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "key");
        Assert.Equal(HttpStatusCode.NotFound, await AskAsync(http, "/"));
        Assert.Equal(HttpStatusCode.NotFound, await AskAsync(http, "/pages/play.js"));
    }

    [Fact]
    public async Task On_ThroughAProxy_IsShownAndOpensNothingElse()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), Key, ("Pages", "on"));
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Add("X-Forwarded-For", "192.0.2.1");

        Assert.Equal(HttpStatusCode.OK, await AskAsync(http, "/"));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(http, "/v1/models"));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(http, "/evergrain/usage"));
        Assert.Equal(HttpStatusCode.NotFound, await AskAsync(http, "/pages/nothing.js"));
        Assert.Equal(HttpStatusCode.NotFound, await AskAsync(http, "/pages/%2e%2e%2fopenapi.json"));
    }

    [Fact]
    public async Task On_WithoutKeys_IsForThisMachineAlone()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), ("Pages", "on"));
        using var http = server.CreateHttpClient();

        Assert.Equal(HttpStatusCode.OK, await AskAsync(http, "/"));
        http.DefaultRequestHeaders.Add("X-Forwarded-For", "192.0.2.1");
        Assert.Equal(HttpStatusCode.Forbidden, await AskAsync(http, "/"));
    }

    [Theory]
    [InlineData(false, HttpStatusCode.NotFound)]
    [InlineData(true, HttpStatusCode.Unauthorized)]
    public async Task Off_IsNotThere(bool hasKeys, HttpStatusCode status)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(),
            [("Pages", "off"), .. hasKeys ? [Key] : Array.Empty<(string, string)>()]);
        using var http = server.CreateHttpClient();

        Assert.Equal(status, await AskAsync(http, "/"));
        Assert.Equal(status, await AskAsync(http, "/pages/play.js"));
    }

    [Theory]
    [InlineData("true")]
    [InlineData("On")]
    [InlineData("")]
    public async Task Setting_Unknown_IsAMistake(string value)
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() =>
            TestServer.StartAsync(new ScriptedConversations(), ("Pages", value)));

        Assert.Contains("Pages", Assert.Single(error.Failures), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Answer_HasAPolicyThatAllowsOwnFilesAlone(string path)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var http = server.CreateHttpClient();

        using var answer = await http.GetAsync(new Uri(path, UriKind.Relative));

        var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'none'; script-src 'self'; ", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("form-action 'none'", policy, StringComparison.Ordinal);
        Assert.All(policy.Split("; "), static rule =>
            Assert.Matches("^[a-z-]+ ('none'|'self'|'script')$", rule));
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("no-referrer", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
    }

    [Fact]
    public void Files_NameNoOtherHostAndHoldNothingInline()
    {
        Assert.All(PageFiles.All, static file =>
        {
            var text = System.Text.Encoding.UTF8.GetString(file.Value.Bytes.Span)
                .Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal);
            Assert.DoesNotMatch(OtherHost(), text);
            Assert.DoesNotMatch(Inline(), text);
        });
    }

    /// <summary>The phases without a hue are told apart by their lightness.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Greys_OfPhases_DifferInEachTheme(int theme)
    {
        var style = System.Text.Encoding.UTF8.GetString(PageFiles.All["style.css"].Bytes.Span);
        double Of(string phase) => Lightness(Regex.Matches(style, $"--{phase}: #(?<hex>[0-9a-f]{{6}})",
            RegexOptions.ExplicitCapture, TimeSpan.FromMilliseconds(TimeoutMilliseconds))[theme].Groups["hex"].Value);
        var greys = new[] { Of("model_wait"), Of("model_stream"), Of("transport") }.Order().ToList();

        Assert.All(greys.Zip(greys.Skip(1)), static pair =>
            Assert.InRange((pair.Second + 0.05) / (pair.First + 0.05), 2, 21));
    }

    [Fact]
    public void Files_AllTogether_AreSmall() =>
        Assert.InRange(PageFiles.All.Values.Sum(static file => file.Bytes.Length), 1, BytesMax);

    // Source: WCAG 2.2, relative luminance.
    private static double Lightness(string hex)
    {
        double Part(int at)
        {
            var value = Convert.ToInt32(hex.Substring(at, 2), 16) / 255.0;
            return value <= 0.04045 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4);
        }

        return (0.2126 * Part(0)) + (0.7152 * Part(2)) + (0.0722 * Part(4));
    }

    private static async Task<HttpStatusCode> AskAsync(HttpClient http, string path)
    {
        using var answer = await http.GetAsync(new Uri(path, UriKind.Relative));
        return answer.StatusCode;
    }

    [GeneratedRegex("https?://|[\"'(]//", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex OtherHost();

    // A script or a style within a page, an attribute that holds either, and text that is read as markup or as code.
    [GeneratedRegex("<script(?![^>]* src=)|<style| style=| on[a-z]+=\"|innerHTML|eval\\(|new Function|javascript:",
        RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex Inline();
}
