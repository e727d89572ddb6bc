using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Frontend.Tests.Hosts;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Tests.Access;

/// <summary>The audit, and the log of refusals beside it.</summary>
public sealed class AuditTests : IDisposable
{
    private const int Refusals = 200;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("evergrain-audit-");
    private readonly ManualTime _time = new();

    private string AuditFile => Path.Combine(_folder.FullName, "audit.jsonl");

    private string KeyFile => Path.Combine(_folder.FullName, "keys.txt");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Deletion_OfAStoredResponse_IsALineWithoutContent()
    {
        var server = await StartAsync();
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "secret-1");
        using var created = await http.PostAsync("/v1/responses", new StringContent(
            """{"model":"demo","input":[{"role":"user","content":"go\n@@script [{\"say\":\"secret\"}]"}]}""",
            new MediaTypeHeaderValue("application/json")));
        var text = await created.Content.ReadAsStringAsync();
        Assert.True(created.IsSuccessStatusCode, text);
        var id = JsonDocument.Parse(text).RootElement.GetProperty("id").GetString();
        using var deleted = await http.DeleteAsync(new Uri($"/v1/responses/{id}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, deleted.StatusCode);
        using var again = await http.DeleteAsync(new Uri($"/v1/responses/{id}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);

        var line = Assert.Single(await StopAndReadAsync(server));
        Assert.Equal("deletion", line.GetProperty("event").GetString());
        Assert.Equal("alice", line.GetProperty("tenant").GetString());
        Assert.Equal(id, line.GetProperty("response").GetString());
        Assert.Equal(deleted.Headers.GetValues("x-request-id").Single(), line.GetProperty("request").GetString());
        Assert.Equal("127.0.0.1", line.GetProperty("address").GetString());
        Assert.Equal(_time.GetUtcNow(), line.GetProperty("time").GetDateTimeOffset());
    }

    [Fact]
    public async Task Erasure_OfATenant_IsALineWithItsNumber()
    {
        var server = await TestServer.StartAsync(await InProcessWire.Hosts.StartAsync(),
            ("ApiKeys:0", "secret-1=alice"), ("OperatorKeys:0", "secret-2"), ("Audit", AuditFile));
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "secret-1");
        using var created = await http.PostAsync("/v1/responses", new StringContent(
            """{"model":"demo","input":"secret"}""", new MediaTypeHeaderValue("application/json")));
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "secret-2");
        using var erased = await http.DeleteAsync(
            new Uri("/evergrain/tenants/alice/conversations", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, erased.StatusCode);

        var line = Assert.Single(await StopAndReadAsync(server));
        Assert.Equal(("erasure", "alice", 1), (line.GetProperty("event").GetString(),
            line.GetProperty("tenant").GetString(), line.GetProperty("conversations").GetInt32()));
        Assert.Equal(erased.Headers.GetValues("x-request-id").Single(), line.GetProperty("request").GetString());
    }

    [Fact]
    public async Task List_OfEveryTenantsConversations_IsALineWithoutATenant()
    {
        var server = await TestServer.StartAsync(await InProcessWire.Hosts.StartAsync(),
            ("ApiKeys:0", "secret-1=alice"), ("OperatorKeys:0", "secret-2"), ("Audit", AuditFile));
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "secret-2");
        foreach (var query in new[] { "", "?tenant=alice" })
        {
            using var listed = await http.GetAsync(new Uri($"/evergrain/conversations{query}", UriKind.Relative));
            Assert.Equal(HttpStatusCode.OK, listed.StatusCode);
        }

        var lines = await StopAndReadAsync(server);

        Assert.Equal([null, "alice"], lines.Select(static line => line.GetProperty("tenant").GetString()));
        Assert.All(lines, static line => Assert.Equal(("operator_read", "/evergrain/conversations"),
            (line.GetProperty("event").GetString(), line.GetProperty("page").GetString())));
    }

    [Fact]
    public async Task RefusedKeys_InAFlood_AreBoundedAndCounted()
    {
        var server = await StartAsync();
        await RefuseAsync(server, Refusals);
        _time.Advance(TimeSpan.FromSeconds(61));
        await RefuseAsync(server, 1);

        var lines = await StopAndReadAsync(server);

        Assert.Equal(AuditLog.RefusedKeysPerMinute + 1, lines.Count);
        Assert.All(lines, static line => Assert.Equal("key_refused", line.GetProperty("event").GetString()));
        Assert.All(lines, static line => Assert.Equal("unknown", line.GetProperty("why").GetString()));
        Assert.Equal(Refusals - AuditLog.RefusedKeysPerMinute, lines[^1].GetProperty("left_out").GetInt64());
    }

    [Fact]
    public async Task RefusedKeys_InAFlood_AreOneLineAMinuteInTheLog()
    {
        await using var server = await StartAsync();
        await RefuseAsync(server, Refusals);
        Assert.Contains("(401); 1 since", Assert.Single(server.Warnings), StringComparison.Ordinal);

        _time.Advance(TimeSpan.FromSeconds(61));
        await RefuseAsync(server, 1);

        Assert.Equal(2, server.Warnings.Count);
        Assert.Contains($"(401); {Refusals} since", server.Warnings.Last(), StringComparison.Ordinal);
        Assert.All(server.Warnings, static line => Assert.DoesNotContain("secret", line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("secret-operator", "/v1/responses/resp_x", "!operator")]
    [InlineData("secret-1", "/metrics", "alice")]
    public async Task Key_InTheWrongPlace_IsALine(string key, string path, string tenant)
    {
        var server = await StartAsync();
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        await http.GetStringAsyncOf(path, HttpStatusCode.Forbidden);

        var line = Assert.Single(await StopAndReadAsync(server));

        Assert.Equal(("key_refused", "wrong_place", tenant), (line.GetProperty("event").GetString(),
            line.GetProperty("why").GetString(), line.GetProperty("tenant").GetString()));
    }

    [Fact]
    public async Task Keys_Changed_AreALineWithTenants()
    {
        await File.WriteAllTextAsync(KeyFile, "secret-a=anna\nsecret-b=berta\n");
        var server = await StartAsync(("ApiKeysFile", KeyFile), ("ApiKeysInterval", "01:00:00"));
        await File.WriteAllTextAsync(KeyFile, "secret-a=anna\nsecret-c=carla\nsecret-d=carla\n");
        Assert.True(server.Get<ApiKeyStore>().Reload());

        var line = Assert.Single(await StopAndReadAsync(server));

        Assert.Equal("keys_changed", line.GetProperty("event").GetString());
        Assert.Equal("""{"keys":2,"tenants":["carla"]}""", line.GetProperty("added").GetRawText());
        Assert.Equal("""{"keys":1,"tenants":["berta"]}""", line.GetProperty("removed").GetRawText());
    }

    [Fact]
    public async Task Place_ThatCannotBeWritten_IsAMistakeAtStart()
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() =>
            TestServer.StartAsync(new ScriptedConversations(), ("Audit", _folder.FullName)));

        Assert.StartsWith("Audit: ", Assert.Single(error.Failures), StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_MovedAway_IsMadeAgain()
    {
        var server = await StartAsync();
        await RefuseAsync(server, 1);
        while (new FileInfo(AuditFile).Length == 0)
        {
            await Task.Yield();
        }

        File.Move(AuditFile, AuditFile + ".1");
        await RefuseAsync(server, 1);

        Assert.Single(await StopAndReadAsync(server));
        Assert.Single(await File.ReadAllLinesAsync(AuditFile + ".1"));
    }

    private Task<TestServer> StartAsync(params (string, string)[] settings) => TestServer.StartAsync(
        new ScriptedConversations { Time = _time },
        [("Audit", AuditFile), ("ApiKeys:0", "secret-1=alice"), ("OperatorKeys:0", "secret-operator"), .. settings]);

    private static async Task RefuseAsync(TestServer server, int count)
    {
        using var http = server.CreateHttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "secret-wrong");
        for (var asked = 0; asked < count; asked++)
        {
            await http.GetStringAsyncOf("/v1/models", HttpStatusCode.Unauthorized);
        }
    }

    /// <summary>The lines that were written; none holds a key's text.</summary>
    private async Task<IReadOnlyList<JsonElement>> StopAndReadAsync(TestServer server)
    {
        await server.DisposeAsync();
        var lines = await File.ReadAllLinesAsync(AuditFile);
        Assert.All(lines, static line => Assert.DoesNotContain("secret", line, StringComparison.Ordinal));
        return [.. lines.Select(static line => JsonDocument.Parse(line).RootElement.Clone())];
    }
}
