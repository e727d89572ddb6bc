using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Access;

/// <summary>What operators' keys open, and what is at the operations port.</summary>
public sealed class OperatorTests
{
    private static readonly (string, string) Key = ("ApiKeys:0", "key"), Operator = ("OperatorKeys:0", "operator"),
        OperationsPort = ("OperationsPort", "0");

    [Theory]
    [InlineData(null, HttpStatusCode.Unauthorized)]
    [InlineData("wrong", HttpStatusCode.Unauthorized)]
    [InlineData("key", HttpStatusCode.Forbidden)]
    [InlineData("operator", HttpStatusCode.OK)]
    public async Task Metrics_WithKeys_WantAnOperators(string? key, HttpStatusCode status)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), Key, Operator);

        Assert.Equal(status, await AskAsync(server.Address, "/metrics", key));
    }

    [Fact]
    public async Task Metrics_WithoutOperatorsKeys_AreForNoKeyOfATenant()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), Key);

        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(server.Address, "/metrics", null));
        Assert.Equal(HttpStatusCode.Forbidden, await AskAsync(server.Address, "/metrics", "key"));
    }

    [Theory]
    [InlineData("/METRICS")]
    [InlineData("/%6detrics")]
    [InlineData("//metrics")]
    [InlineData("/v1/../metrics")]
    [InlineData("/./metrics")]
    [InlineData("/metrics/")]
    [InlineData("/metrics?x=/health")]
    [InlineData("/health/../metrics")]
    [InlineData("/health/%2e%2e/metrics")]
    public async Task Metrics_ByAnySpelling_AreForNoTenant(string path)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), Key, Operator);
        using var raw = await RawSocket.ConnectAsync(server);

        await raw.SendAsync(Encoding.ASCII.GetBytes(
            $"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key\r\n\r\n"));
        var head = await raw.ReadHeadAsync();

        Assert.Contains(head.Split(' ')[1], (string[])["403", "404"]);
    }

    [Theory]
    [InlineData("/v1/models")]
    [InlineData("/v1/responses/resp_x")]
    [InlineData("/openapi.json")]
    [InlineData("/nowhere")]
    public async Task OperatorKey_ElsewhereThanOperatorsPages_Is403(string path)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), Key, Operator);

        Assert.Equal(HttpStatusCode.Forbidden, await AskAsync(server.Address, path, "operator"));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(server.Address, "/health/ready", "operator"));
    }

    [Fact]
    public async Task OperatorKeysAlone_LetNoClientIn()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), Operator);

        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(server.Address, "/v1/models", null));
        Assert.Contains(server.Warnings, static line => line.Contains("no API key", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false, false, null, HttpStatusCode.OK)]
    [InlineData(true, false, null, HttpStatusCode.OK)]
    [InlineData(true, true, null, HttpStatusCode.Unauthorized)]
    [InlineData(true, true, "key", HttpStatusCode.Forbidden)]
    [InlineData(true, true, "operator", HttpStatusCode.OK)]
    public async Task OperationsPort_ServesHealthAndMetricsAlone(bool hasKeys, bool hasOperators, string? key,
        HttpStatusCode status)
    {
        (string, string)[] settings = [OperationsPort, .. hasKeys ? [Key] : Array.Empty<(string, string)>(),
            .. hasOperators ? [Operator] : Array.Empty<(string, string)>()];
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), settings);

        Assert.Equal(status, await AskAsync(server.Operations, "/metrics", key));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(server.Operations, "/health/ready", null));
        Assert.Equal(HttpStatusCode.NotFound, await AskAsync(server.Operations, "/v1/models", "key"));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(server.Address, "/health/ready", null));
    }

    [Theory]
    [InlineData(false, null, HttpStatusCode.Forbidden)]
    [InlineData(true, "key", HttpStatusCode.Forbidden)]
    [InlineData(true, "operator", HttpStatusCode.OK)]
    public async Task Metrics_WithAnOperationsPort_LeaveTheOtherButForOperatorsKeys(bool hasKeys, string? key,
        HttpStatusCode status)
    {
        (string, string)[] settings = hasKeys ? [OperationsPort, Key, Operator] : [OperationsPort];
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), settings);

        Assert.Equal(status, await AskAsync(server.Address, "/metrics", key));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OperationsPort_ThroughAProxyWithoutOperatorsKeys_Refuses(bool hasKeys)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(),
            hasKeys ? [OperationsPort, Key] : [OperationsPort]);

        Assert.Equal(HttpStatusCode.Forbidden,
            await AskAsync(server.Operations, "/metrics", null, forwarded: "192.0.2.1"));
    }

    private static async Task<HttpStatusCode> AskAsync(Uri server, string path, string? key, string? forwarded = null)
    {
        using var http = new HttpClient { BaseAddress = server, Timeout = TestServer.Patience };
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        if (forwarded is not null)
        {
            request.Headers.Add("X-Forwarded-For", forwarded);
        }

        using var answer = await http.SendAsync(request);
        return answer.StatusCode;
    }
}
