using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Access;

/// <summary>A server without keys, and requests that a proxy of this machine passes on.</summary>
public sealed class ProxyAccessTests
{
    [Theory]
    [InlineData("Forwarded")]
    [InlineData("X-Forwarded-For")]
    [InlineData("x-forwarded-host")]
    [InlineData("X-Forwarded-Proto")]
    [InlineData("X-Forwarded")]
    [InlineData("X-Real-IP")]
    [InlineData("Via")]
    [InlineData("X-Client-IP")]
    [InlineData("True-Client-IP")]
    [InlineData("CF-Connecting-IP")]
    [InlineData("X-Original-For")]
    [InlineData("X-Envoy-External-Address")]
    [InlineData("CDN-Loop")]
    public async Task Keyless_ThroughAProxy_IsRefusedWithTheWayOut(string header)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.TryAddWithoutValidation(header, "x");

        foreach (var path in (string[])["/v1/models", "/v1/responses/resp_x", "/metrics", "/openapi.json"])
        {
            using var answer = await http.GetAsync(new Uri(path, UriKind.Relative));
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
            var error = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("error");
            Assert.Contains("--api-keys FILE", error.GetProperty("message").GetString(), StringComparison.Ordinal);
            Assert.Equal(header, error.GetProperty("param").GetString(), ignoreCase: true);
        }
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("127.0.0.1:8081")]
    public async Task Keyless_SocketThroughAProxyThatRewritesHost_IsRefused(string host)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var raw = await RawSocket.ConnectAsync(server);

        var head = await raw.UpgradeAsync(host, headers: "X-Real-IP: 192.0.2.1\r\n");

        Assert.StartsWith("HTTP/1.1 403 ", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("X-Stainless-OS")]
    [InlineData("X-Request-Id")]
    [InlineData("traceparent")]
    [InlineData("session-id")]
    [InlineData("OpenAI-Beta")]
    public async Task Keyless_WithHeadersOfClients_IsServed(string header)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Add(header, "x");

        await http.GetStringAsyncOf("/v1/models", HttpStatusCode.OK);
        await http.GetStringAsyncOf("/metrics", HttpStatusCode.OK);
    }

    [Fact]
    public async Task Keys_ThroughAProxy_AreServedAndOperatorsToo()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(),
            ("ApiKeys:0", "key"), ("OperatorKeys:0", "operator"));
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Add("X-Forwarded-For", "192.0.2.1");

        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "key");
        await http.GetStringAsyncOf("/v1/models", HttpStatusCode.OK);
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "operator");
        await http.GetStringAsyncOf("/metrics", HttpStatusCode.OK);
    }
}
