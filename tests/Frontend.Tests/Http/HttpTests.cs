using System.Net;
using System.Text.Json;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Http;

public sealed class HttpTests
{
    private const string Hello = """[{"say":"hello"}]""";

    [Fact]
    public async Task Response_Stored_IsReadListedAndDeleted()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var client = await WireClient.ConnectAsync(server);
        using var http = server.CreateHttpClient();
        var id = (await client.RunAsync(WireClient.Create(Hello)))[^1].IdOf();

        var read = await http.GetStringAsyncOf($"/v1/responses/{id}", HttpStatusCode.OK);
        var list = await http.GetStringAsyncOf($"/v1/responses/{id}/input_items", HttpStatusCode.OK);
        using var deleted = await http.DeleteAsync($"/v1/responses/{id}");

        Assert.Contains(id, read, StringComparison.Ordinal);
        Assert.Contains("\"20 desc \"", list, StringComparison.Ordinal);
        Assert.Equal($$"""{"id":"{{id}}","object":"response","deleted":true}""",
            await deleted.Content.ReadAsStringAsync());
        await http.GetStringAsyncOf($"/v1/responses/{id}", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Connection_OverTheBound_IsClosed()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), ("HttpConnectionsMax", "1"));
        using var first = server.CreateHttpClient();
        using var second = server.CreateHttpClient();
        await first.GetStringAsyncOf("/health/live", HttpStatusCode.OK);

        await Assert.ThrowsAsync<HttpRequestException>(
            () => second.GetStringAsyncOf("/health/live", HttpStatusCode.OK));
        await first.GetStringAsyncOf("/health/live", HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("?limit=1&order=asc&after=msg_1", 200, "\"1 asc msg_1\"")]
    [InlineData("?limit=100", 200, "\"100 desc \"")]
    [InlineData("?limit=0", 400, "\"limit\"")]
    [InlineData("?limit=101", 400, "\"limit\"")]
    [InlineData("?limit=ten", 400, "\"limit\"")]
    [InlineData("?order=up", 400, "\"order\"")]
    public async Task InputItems_Query_IsBounded(string query, int status, string expected)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var client = await WireClient.ConnectAsync(server);
        using var http = server.CreateHttpClient();
        var id = (await client.RunAsync(WireClient.Create(Hello)))[^1].IdOf();

        var body = await http.GetStringAsyncOf($"/v1/responses/{id}/input_items{query}", (HttpStatusCode)status);

        Assert.Contains(expected, body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "/v1/responses/resp_x", 404, "not_found")]
    [InlineData("GET", "/v1/responses/resp_0000000000000000000001_1", 404, "not_found")]
    [InlineData("DELETE", "/v1/responses/resp_x", 404, "not_found")]
    [InlineData("GET", "/v1/models/nobody", 404, "not_found")]
    [InlineData("GET", "/nowhere", 404, "not_found")]
    [InlineData("PUT", "/v1/responses/resp_x", 405, "method_not_allowed")]
    [InlineData("POST", "/health/ready", 405, "method_not_allowed")]
    [InlineData("GET", "/v1/responses?x=1", 426, "upgrade_required")]
    public async Task Request_Wrong_IsAnErrorBody(string method, string path, int status, string code)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var http = server.CreateHttpClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), path);

        using var answer = await http.SendAsync(request);

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(code, body.CodeOf());
        Assert.Equal("message type param code",
            string.Join(' ', body.GetProperty("error").EnumerateObject().Select(static member => member.Name)));
        Assert.Equal(status == 426, answer.Headers.Upgrade.Count > 0);
        Assert.StartsWith("req_", answer.Headers.GetValues("x-request-id").Single(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    [InlineData("/")]
    [InlineData("/inspect")]
    public async Task Head_HasTheStatusAndNoBody(string path)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var http = server.CreateHttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Head, path);

        using var answer = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData(null, "connect with 'Upgrade: websocket'")]
    [InlineData("AAECAwQFBgcICQoLDA0ODw==", "A proxy took 'Upgrade: websocket' from this request")]
    public async Task Socket_WithoutUpgrade_IsToldWhoMustSendIt(string? key, string expected)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var http = server.CreateHttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/responses");
        if (key is not null)
        {
            request.Headers.Add("Sec-WebSocket-Key", key);
        }

        using var answer = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.UpgradeRequired, answer.StatusCode);
        Assert.Contains(expected, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST", "/v1/completions", "no /v1/completions: it serves /v1/responses, /v1/chat/completions")]
    [InlineData("POST", "/chat/completions", "no /chat/completions: the paths begin with /v1, once")]
    [InlineData("POST", "/v1/embeddings", "no /v1/embeddings")]
    [InlineData("POST", "/v1/messages", "no /v1/messages")]
    [InlineData("POST", "/api/chat", "no /api/chat: it serves /v1/responses, /v1/chat/completions")]
    [InlineData("POST", "/v1/conversations", "no /v1/conversations: name the response to go on from")]
    [InlineData("GET", "/v1/conversations/conv_1/items", "no /v1/conversations")]
    [InlineData("POST", "/v1/responses/compact", "no /v1/responses/compact")]
    [InlineData("POST", "/v1/responses/input_tokens", "no /v1/responses/input_tokens")]
    [InlineData("POST", "/responses", "no /responses: the paths begin with /v1, once")]
    [InlineData("POST", "/v1/v1/responses", "the paths begin with /v1, once")]
    [InlineData("GET", "/models", "the paths begin with /v1, once")]
    public async Task Feature_Absent_IsNamedAndReplaced(string method, string path, string expected)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var http = server.CreateHttpClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), path);

        using var answer = await http.SendAsync(request);

        var error = await ErrorOfAsync(answer, HttpStatusCode.NotFound, "not_found");
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Empty(answer.Content.Headers.Allow);
    }

    [Theory]
    [InlineData("PUT", "/v1/responses", "GET, POST")]
    [InlineData("PATCH", "/v1/responses/resp_x", "DELETE, GET")]
    [InlineData("POST", "/v1/responses/resp_x", "DELETE, GET")]
    [InlineData("GET", "/v1/responses/resp_x/cancel", "POST")]
    [InlineData("POST", "/v1/responses/resp_x/input_items", "GET")]
    [InlineData("DELETE", "/v1/chat/completions", "GET, POST")]
    [InlineData("POST", "/health/live", "GET, HEAD")]
    [InlineData("POST", "/v1/models", "GET")]
    [InlineData("DELETE", "/v1/models/demo", "GET")]
    public async Task Method_Absent_IsNamedBesideThoseThatExist(string method, string path, string allowed)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var http = server.CreateHttpClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), path);

        using var answer = await http.SendAsync(request);

        Assert.Equal(allowed, string.Join(", ", answer.Content.Headers.Allow.Order(StringComparer.Ordinal)));
        var error = await ErrorOfAsync(answer, HttpStatusCode.MethodNotAllowed, "method_not_allowed");
        Assert.Contains($"Evergrain has no {method} {path}: ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Feature_AbsentWithALongPath_IsNamedShortly()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var http = server.CreateHttpClient();

        using var answer = await http.GetAsync("/" + new string('x', 4000));

        var error = await ErrorOfAsync(answer, HttpStatusCode.NotFound, "not_found");
        Assert.True(error.Length < 300, error);
    }

    [Fact]
    public async Task Model_Unknown_IsRefusedWithThoseThatExist()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var http = server.CreateHttpClient();

        using var answer = await http.GetAsync("/v1/models/nobody");

        Assert.Contains("demo, demo-2", await ErrorOfAsync(answer, HttpStatusCode.NotFound, "not_found"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Models_Listed_AreOpenAIsShape()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var http = server.CreateHttpClient();

        var list = await http.GetStringAsyncOf("/v1/models", HttpStatusCode.OK);
        var one = await http.GetStringAsyncOf("/v1/models/demo-2", HttpStatusCode.OK);

        const string Demo2 = """{"id":"demo-2","object":"model","created":0,"owned_by":"evergrain"}""";
        Assert.Equal(Demo2, one);
        var demo = Demo2.Replace("demo-2", "demo", StringComparison.Ordinal);
        Assert.Equal($$"""{"object":"list","data":[{{demo}},{{Demo2}}]}""", list);
    }

    [Fact]
    public async Task Upgrade_WithAQuery_IsTaken()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var raw = await RawSocket.ConnectAsync(server);

        var head = await raw.UpgradeAsync(path: "/v1/responses?via=/codex/responses&beta=true");

        Assert.StartsWith("HTTP/1.1 101 ", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_OfTwoServers_StayApart()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        await using var other = await TestServer.StartAsync(new ScriptedConversations());
        using var client = await WireClient.ConnectAsync(server);
        await client.RunAsync(WireClient.Create(Hello));
        await client.RunAsync("{}");

        using var http = server.CreateHttpClient();
        using var otherHttp = other.CreateHttpClient();
        var text = await http.GetStringAsyncOf("/metrics", HttpStatusCode.OK);
        var otherText = await otherHttp.GetStringAsyncOf("/metrics", HttpStatusCode.OK);

        Assert.Contains("\nevergrain_turns_started_total{} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("\nevergrain_connections_held{state=\"closing\"} 0\n", text, StringComparison.Ordinal);
        Assert.Contains("\nevergrain_turns_ended_seconds_count{outcome=\"delivered\"} 1\n", text,
            StringComparison.Ordinal);
        Assert.Contains("\nevergrain_errors_sent_total{code=\"missing_required_parameter\"} 1\n", text,
            StringComparison.Ordinal);
        Assert.Contains("\nevergrain_phases_ended_seconds_bucket{phase=\"queue\",le=\"+Inf\"} 1\n", text,
            StringComparison.Ordinal);
        Assert.Contains("\ndotnet_gc_heap_total_allocated_bytes_total{} ", text, StringComparison.Ordinal);
        Assert.Contains("\ndotnet_process_cpu_time_seconds_total{cpu_mode=\"user\"} ", text, StringComparison.Ordinal);
        Assert.DoesNotContain("evergrain_turns_started", otherText, StringComparison.Ordinal);
    }

    private static async Task<string> ErrorOfAsync(HttpResponseMessage answer, HttpStatusCode status, string code)
    {
        Assert.Equal(status, answer.StatusCode);
        var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(code, body.CodeOf());
        return body.GetProperty("error").GetProperty("message").GetString()!;
    }
}
