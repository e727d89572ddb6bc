using System.Net;
using System.Text;
using System.Text.Json;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;

namespace Evergrain.Suites.Http;

/// <summary>
/// <c>GET /v1/chat/completions</c> and <c>POST /v1/chat/completions/{id}</c>: stored completions in pages, and other
/// metadata for one.
/// </summary>
public abstract class CompletionListSuite(IWireHosts hosts)
{
    private const string Hello = """[{"say":"hello"}]""";
    private const string Stored = ",\"store\":true";

    [Theory]
    [InlineData("asc", 1)]
    [InlineData("asc", 3)]
    [InlineData("desc", 2)]
    [InlineData("desc", 100)]
    public async Task List_InPages_IsEveryStoredCompletion(string order, int limit)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var first = await http.ChatAsync(ChatRequests.Of(Hello, Stored));
        var second = await http.AnswerAsync(Creates.Of(Hello));
        var third = await http.AnswerAsync(Creates.Next(second.Id, "\"more\""));
        var fourth = await http.ChatAsync(ChatRequests.Of(Hello, Stored));
        await http.ChatAsync(ChatRequests.Of(Hello));
        await http.AnswerAsync(Creates.Of("""[{"fail":"server_error"}]"""));

        var listed = await PagesAsync(http, $"order={order}&limit={limit}");

        listed = order == "asc" ? listed : [.. listed.AsEnumerable().Reverse()];
        Assert.Equal([IdOf(first), CompletionOf(second.Id), CompletionOf(third.Id), IdOf(fourth)], listed.Select(IdOf));
        Assert.Equal((first.GetRawText(), fourth.GetRawText()), (listed[0].GetRawText(), listed[3].GetRawText()));
        Assert.Equal(await ReadAsync(http, $"/{IdOf(listed[1])}"), listed[1].GetRawText());
    }

    [Fact]
    public async Task List_OfNothing_IsEmpty()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        Assert.Equal("""{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}""",
            await ReadAsync(http, ""));
    }

    [Fact]
    public async Task List_WithFilters_IsWhatPassesAllOfThem()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var both = await MakeAsync(http, """{"a":"1","b c":"\u00e9&="}""");
        var one = await MakeAsync(http, """{"a":"1"}""");
        await MakeAsync(http, "{}");

        async Task<IEnumerable<string>> IdsAsync(string query) => (await PagesAsync(http, query)).Select(IdOf);
        Assert.Equal([both, one], await IdsAsync("metadata[a]=1"));
        Assert.Equal([both], await IdsAsync("metadata%5Ba%5D=1&metadata%5Bb%20c%5D=%C3%A9%26%3D&model=demo"));
        Assert.Empty(await IdsAsync("metadata[a]=2"));
        Assert.Empty(await IdsAsync("model=nobody"));
        Assert.Equal(3, (await IdsAsync("model=demo")).Count());
    }

    [Theory]
    [InlineData("limit=0", "limit", "invalid_value")]
    [InlineData("limit=101", "limit", "invalid_value")]
    [InlineData("limit=x", "limit", "invalid_value")]
    [InlineData("limit=1&limit=2", "limit", "invalid_value")]
    [InlineData("order=up", "order", "invalid_value")]
    [InlineData("metadata=x", "metadata", "invalid_value")]
    [InlineData("Metadata[a]=x", "metadata", "invalid_value")]
    [InlineData("metadata.a=x", "metadata", "invalid_value")]
    [InlineData("metadata[a=x", "metadata", "invalid_value")]
    [InlineData("metadata[a]=1&metadata[a]=2", "metadata[a]", "invalid_value")]
    public async Task List_WrongQuery_IsRefusedByName(string query, string param, string code)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        using var answer = await http.GetAsync($"{ChatRequests.Path}?{query}");

        (await HttpTurns.ReadAsync(answer)).AssertRefused(400, code, param);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("chatcmpl-0000000000000000000001_1")]
    [InlineData("chatcmpl-0000000000000000000001_0000000000000000000001")]
    public async Task List_BehindNoCompletion_IsNotFound(string after)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        foreach (var order in (string[])["asc", "desc"])
        {
            using var answer = await http.GetAsync($"{ChatRequests.Path}?order={order}&after={after}");
            (await HttpTurns.ReadAsync(answer)).AssertRefused(404, "not_found", "after");
        }
    }

    [Fact]
    public async Task Completions_OfAnotherTenant_AreNotListedAndNotChanged()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(),
            ("ApiKeys:0", "sk-a=a"), ("ApiKeys:1", "sk-b=b"));
        using var a = HttpTurns.Connect(server, "sk-a");
        using var b = HttpTurns.Connect(server, "sk-b");
        using var nobody = HttpTurns.Connect(server);
        var made = await MakeAsync(a, """{"k":"v"}""");
        var own = await MakeAsync(b, "{}");

        Assert.Equal([own], (await PagesAsync(b, "")).Select(IdOf));
        using var changed = await ChangeAsync(b, made, """{"metadata":{"k":"x"}}""");
        using var behind = await b.GetAsync($"{ChatRequests.Path}?after={made}");
        using var newer = await b.GetAsync($"{ChatRequests.Path}?order=desc&after={made}");
        using var unknown = await nobody.GetAsync(ChatRequests.Path);
        using var refused = await ChangeAsync(nobody, made, """{"metadata":{}}""");

        Assert.Equal([404, 404, 404, 401, 401], new[] { changed, behind, newer, unknown, refused }
            .Select(static answer => (int)answer.StatusCode));
        Assert.Equal("v", (await PagesAsync(a, "")).Single().GetProperty("metadata").GetProperty("k").GetString());
    }

    [Fact]
    public async Task Change_Metadata_IsShownByBothApisAndChangesNoEvent()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var id = await MakeAsync(http, """{"k":"v"}""");
        var response = $"/v1/responses/{id.Replace("chatcmpl-", "resp_", StringComparison.Ordinal)}";
        var events = await http.GetStringAsync($"{response}?stream=true");

        using var changed = await ChangeAsync(http, id, """{"metadata":{"k":"\u0077","l":""},"x":1}""");
        var completion = JsonDocument.Parse(await changed.Content.ReadAsStringAsync()).RootElement;

        Assert.Equal(HttpStatusCode.OK, changed.StatusCode);
        Assert.Equal((id, "w"), (IdOf(completion), completion.GetProperty("metadata").GetProperty("k").GetString()));
        Assert.Equal(completion.GetRawText(), await ReadAsync(http, $"/{id}"));
        Assert.Equal(completion.GetProperty("metadata").GetRawText(), JsonDocument.Parse(
            await http.GetStringAsync(response)).RootElement.GetProperty("metadata").GetRawText());
        Assert.Equal(events, await http.GetStringAsync($"{response}?stream=true"));
        using var emptied = await ChangeAsync(http, id, """{"metadata":null}""");
        Assert.Contains(",\"metadata\":{}", await emptied.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", null, "invalid_value")]
    [InlineData("[]", null, "invalid_value")]
    [InlineData("{} {}", null, "invalid_value")]
    [InlineData("{}", "metadata", "missing_required_parameter")]
    [InlineData("""{"metadata":"x"}""", "metadata", "invalid_value")]
    [InlineData("""{"metadata":{"k":1}}""", "metadata.k", "invalid_value")]
    [InlineData("""{"metadata":{},"metadata":{}}""", "metadata", "invalid_value")]
    public async Task Change_WrongBody_IsRefused(string body, string? param, string code)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var id = await MakeAsync(http, """{"k":"v"}""");

        using var answer = await ChangeAsync(http, id, body);

        (await HttpTurns.ReadAsync(answer)).AssertRefused(400, code, param);
        Assert.Contains("\"k\":\"v\"", await ReadAsync(http, $"/{id}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Change_OfNoCompletion_IsNotFound()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var unstored = IdOf(await http.ChatAsync(ChatRequests.Of(Hello)));
        var running = await http.AnswerAsync(
            Creates.Of("""[{"say":"late","delay_ms":60000}]""", ",\"background\":true"));
        var deleted = await MakeAsync(http, "{}");
        using var gone = await http.DeleteAsync($"{ChatRequests.Path}/{deleted}");

        foreach (var id in (string[])[unstored, CompletionOf(running.Id), deleted, "x"])
        {
            using var answer = await ChangeAsync(http, id, """{"metadata":{}}""");
            (await HttpTurns.ReadAsync(answer)).AssertRefused(404, "not_found", null);
        }

        await http.CancelAsync(running.Id);
        using var cancelled = await ChangeAsync(http, CompletionOf(running.Id), """{"metadata":{}}""");
        Assert.Equal(HttpStatusCode.NotFound, cancelled.StatusCode);
    }

    [Fact]
    public async Task Completions_AfterARestart_AreListedWithTheirMetadata()
    {
        var data = Directory.CreateTempSubdirectory("evergrain-list-");
        try
        {
            string id;
            await using (var server = await TestServer.StartAsync(
                await hosts.StartStoredAsync(data.FullName, TimeProvider.System)))
            {
                using var http = HttpTurns.Connect(server);
                id = await MakeAsync(http, "{}");
                using var changed = await ChangeAsync(http, id, """{"metadata":{"k":"v"}}""");
                await MakeAsync(http, "{}");
            }

            await using var next = await TestServer.StartAsync(
                await hosts.StartStoredAsync(data.FullName, TimeProvider.System));
            using var again = HttpTurns.Connect(next);
            foreach (var order in (string[])["asc", "desc"])
            {
                Assert.Equal([id], (await PagesAsync(again, $"order={order}&metadata[k]=v")).Select(IdOf));
                Assert.Equal(2, (await PagesAsync(again, $"order={order}&limit=1")).Count);
            }
        }
        finally
        {
            data.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Queries_Mutated_AreNeverAFaultOfOurs()
    {
        var seeds = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is null ? 500 : 10_000;
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var id = await MakeAsync(http, """{"a":"1"}""");
        string[] names = ["limit", "order", "after", "model", "metadata[a]", "metadata[", "metadata", "metadata[]"];
        string[] paths = ["", "", $"/{id}", $"/{id}/messages", "/x", "/x/messages"];
        string[] values = ["", "1", "100", "-1", "asc", "desc", "demo", id, id + "0", "%00", "%ff", "1e9", "[1]"];
        var counts = new Dictionary<int, int>();
        for (var seed = 1; seed <= seeds; seed++)
        {
            var random = new Random(seed);
            var query = string.Join('&', Enumerable.Range(0, random.Next(4)).Select(_ =>
                $"{names[random.Next(names.Length)]}={values[random.Next(values.Length)]}"));
            using var answer = await http.GetAsync($"{ChatRequests.Path}{paths[random.Next(paths.Length)]}?{query}");
            var status = (int)answer.StatusCode;
            Assert.True(status is 200 or 400 or 404, $"seed {seed}: {status} for {query}");
            JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).Dispose();
            counts[status] = counts.GetValueOrDefault(status) + 1;
        }

        Assert.All(new[] { 200, 400, 404 }, status => Assert.InRange(counts.GetValueOrDefault(status), 5, seeds));
    }

    [Fact]
    public async Task Routes_InAFlood_AreAllAnsweredAndTurnsToo()
    {
        const int Requests = 200;
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var id = await MakeAsync(http, "{}");
        string[] pages = ["", "?order=desc", $"?after={id}", $"/{id}", $"/{id}/messages", "?metadata[k]=none"];

        var flood = Enumerable.Range(0, Requests).Select(i => http.GetStringAsyncOf(
            $"{ChatRequests.Path}{pages[i % pages.Length]}", HttpStatusCode.OK)).ToList();
        var changes = Enumerable.Range(0, Requests / 4).Select(async i =>
        {
            using var answer = await ChangeAsync(http, id, $$"""{"metadata":{"n":"{{i}}"} }""");
            return answer.StatusCode;
        }).ToList();
        var other = await MakeAsync(http, "{}");
        await Task.WhenAll(flood).WaitAsync(TestServer.Patience);

        Assert.All(await Task.WhenAll(changes), static status => Assert.Equal(HttpStatusCode.OK, status));
        Assert.Equal([id, other], (await PagesAsync(http, "")).Select(IdOf));
    }

    private static string IdOf(JsonElement json) => json.GetProperty("id").GetString()!;

    private static string CompletionOf(string response) =>
        response.Replace("resp_", "chatcmpl-", StringComparison.Ordinal);

    private static async Task<string> MakeAsync(HttpClient http, string metadata) =>
        IdOf(await http.ChatAsync(ChatRequests.Of(Hello, $"{Stored},\"metadata\":{metadata}")));

    private static Task<string> ReadAsync(HttpClient http, string path) =>
        http.GetStringAsyncOf(ChatRequests.Path + path, HttpStatusCode.OK);

    private static async Task<HttpResponseMessage> ChangeAsync(HttpClient http, string id, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        return await http.PostAsync($"{ChatRequests.Path}/{id}", content);
    }

    private static async Task<List<JsonElement>> PagesAsync(HttpClient http, string query)
    {
        var listed = new List<JsonElement>();
        var after = "";
        JsonElement page;
        do
        {
            page = JsonDocument.Parse(await ReadAsync(http, $"?{query}{after}")).RootElement;
            var data = page.GetProperty("data").EnumerateArray().ToList();
            Assert.Equal(data.Count == 0 ? null : IdOf(data[0]), page.GetProperty("first_id").GetString());
            Assert.Equal(data.Count == 0 ? null : IdOf(data[^1]), page.GetProperty("last_id").GetString());
            listed.AddRange(data);
            after = $"&after={page.GetProperty("last_id").GetString()}";
        }
        while (page.GetProperty("has_more").GetBoolean());
        return listed;
    }
}
