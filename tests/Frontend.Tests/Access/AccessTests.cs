using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Access;

public sealed class AccessTests
{
    [Theory]
    [InlineData("localhost", null, 200)]
    [InlineData("127.0.0.1:8080", null, 200)]
    [InlineData("[::1]:1", null, 200)]
    [InlineData("LOCALHOST", "http://localhost", 200)]
    [InlineData("localhost:1", "http://localhost:1", 200)]
    [InlineData("localhost:1", "http://localhost:2", 403)]
    [InlineData("localhost", "https://localhost", 403)]
    [InlineData("localhost", "null", 403)]
    [InlineData("localhost", "https://evil.example", 403)]
    [InlineData("evil.example", null, 403)]
    [InlineData("127.0.0.1.evil.example", null, 403)]
    public async Task Keyless_HostAndOrigin_AreThisMachines(string host, string? origin, int status)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var raw = await RawSocket.ConnectAsync(server);

        var head = await raw.UpgradeAsync(host, headers: origin is null ? "" : $"Origin: {origin}\r\n");

        Assert.StartsWith($"HTTP/1.1 {(status == 200 ? 101 : status)} ", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, 401)]
    [InlineData("Bearer wrong", 401)]
    [InlineData("Basic a2V5LTE=", 401)]
    [InlineData("Bearer key-1", 101)]
    [InlineData("bearer key-1", 101)]
    [InlineData("Bearer key=2", 101)]
    [InlineData("Bearer hashed", 101)]
    public async Task Keys_Upgrade_TakesKnownOnesOnly(string? authorization, int status)
    {
        await using var server = await StartWithKeysAsync();
        using var raw = await RawSocket.ConnectAsync(server);

        var head = await raw.UpgradeAsync("anything.example",
            headers: authorization is null ? "" : $"Authorization: {authorization}\r\n");

        Assert.StartsWith($"HTTP/1.1 {status} ", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_MissingOne_IsAnErrorBodyBeforeAnythingIsRead()
    {
        await using var server = await StartWithKeysAsync();
        using var raw = await RawSocket.ConnectAsync(server);

        var head = await raw.UpgradeAsync(headers: "Content-Length: 100000\r\n");

        Assert.StartsWith("HTTP/1.1 401 ", head, StringComparison.Ordinal);
        Assert.Contains("WWW-Authenticate: Bearer", head, StringComparison.Ordinal);
        using var http = server.CreateHttpClient();
        var text = await http.GetStringAsyncOf("/v1/models", HttpStatusCode.Unauthorized);
        var body = JsonDocument.Parse(text).RootElement;
        Assert.Equal("invalid_api_key", body.CodeOf());
    }

    [Theory]
    [InlineData(null, "the subprotocol 'evergrain.key.KEY' with the key in base64url")]
    [InlineData("other", "the subprotocol 'evergrain.key.KEY' with the key in base64url")]
    [InlineData("evergrain.key.a*b", "in the subprotocol is not a key in base64url")]
    public async Task Keys_MissingOne_OfASocketIsTold(string? protocol, string expected)
    {
        await using var server = await StartWithKeysAsync();
        using var http = server.CreateHttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/responses");
        request.Headers.Add("Connection", "Upgrade");
        request.Headers.Add("Upgrade", "websocket");
        request.Headers.Add("Sec-WebSocket-Version", "13");
        request.Headers.Add("Sec-WebSocket-Key", "AAECAwQFBgcICQoLDA0ODw==");
        if (protocol is not null)
        {
            request.Headers.Add("Sec-WebSocket-Protocol", protocol);
        }

        using var answer = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Contains(expected, body.GetProperty("error").GetProperty("message").GetString(),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Origin_ThatIsRefused_IsNamed()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var http = server.CreateHttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.Add("Origin", "http://evil.example");

        using var answer = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Contains("The origin 'http://evil.example' is not in the setting AllowedOrigins.",
            JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("error")
                .GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_AsSubprotocol_LetABrowserInAndAreSelected()
    {
        await using var server = await StartWithKeysAsync();
        using var client = new ClientWebSocket();
        var protocol = "evergrain.key." + System.Buffers.Text.Base64Url.EncodeToString("key-1"u8);
        client.Options.AddSubProtocol("other");
        client.Options.AddSubProtocol(protocol);
        using var patience = new CancellationTokenSource(TestServer.Patience);

        await client.ConnectAsync(server.Socket, patience.Token);

        Assert.Equal(protocol, client.SubProtocol);
    }

    [Theory]
    [InlineData("evergrain.key.")]
    [InlineData("evergrain.key.****")]
    [InlineData("evergrain.key.d3Jvbmc")]
    public async Task Keys_AsWrongSubprotocol_AreRefused(string protocol)
    {
        await using var server = await StartWithKeysAsync();
        using var raw = await RawSocket.ConnectAsync(server);

        var head = await raw.UpgradeAsync(headers: $"Sec-WebSocket-Protocol: {protocol}\r\n");

        Assert.StartsWith("HTTP/1.1 401 ", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_Probes_NeedNone()
    {
        await using var server = await StartWithKeysAsync();
        using var http = server.CreateHttpClient();

        await http.GetStringAsyncOf("/health/ready", HttpStatusCode.OK);
        await http.GetStringAsyncOf("/health/live", HttpStatusCode.OK);
    }

    private static Task<TestServer> StartWithKeysAsync()
    {
        var hash = Convert.ToHexString(SHA256.HashData(Encoding.ASCII.GetBytes("hashed")));
        return TestServer.StartAsync(new ScriptedConversations(),
            ("ApiKeys:0", "key-1"), ("ApiKeys:1", "key=2=team"), ("ApiKeys:2", $"sha256:{hash}=other"));
    }
}
