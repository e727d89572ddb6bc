using System.Net;
using System.Text.Json;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Transports;

namespace Evergrain.Suites.Http;

/// <summary>
/// Conversations in lists, found again by a word, and looked at while they run: who sees which, and what.
/// </summary>
public abstract class ConversationListSuite(IWireHosts hosts)
{
    private const string List = "/evergrain/conversations";
    private const string Unknown = "conv_0000000000000000000000";
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";

    private const string Running = "evergrain:turn.running";

    private static readonly string[] TurnMembers =
    [
        "code", "connection", "created_at_ms", "digest", "ended_at_ms", "id", "items", "number", "object",
        "previous_response_id", "status", "timing",
    ];

    private static readonly (string, string)[] Keys =
        [("ApiKeys:0", "a=alice"), ("ApiKeys:1", "b=bob"), ("OperatorKeys:0", "op")];

    [Fact]
    public async Task List_OfATenant_HasItsOwnAloneAndNoContent()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(), Keys);
        using var alice = HttpTurns.Connect(server, "a");
        using var bob = HttpTurns.Connect(server, "b");
        using var operators = HttpTurns.Connect(server, "op");
        var (first, second) = (await RunAsync(alice), await RunAsync(alice));
        var theirs = await RunAsync(bob);

        Assert.Equal([second, first], Ids(await GetAsync(alice, List)));
        Assert.Equal([theirs], Ids(await GetAsync(bob, List)));
        Assert.Equal([theirs, second, first], Ids(await GetAsync(operators, List)));
        Assert.Equal([theirs], Ids(await GetAsync(operators, $"{List}?tenant=bob")));
        await bob.GetStringAsyncOf($"{List}?tenant=alice", HttpStatusCode.Forbidden);
        var all = (await GetAsync(operators, List)).GetRawText();
        Assert.DoesNotContain("secret", all, StringComparison.Ordinal);
        Assert.DoesNotContain("held, 1 processed", all, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_IsAsDescribedAndInPages()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var ids = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            ids.Add(await RunAsync(http));
        }

        var page = await GetAsync(http, $"{List}?limit=2");
        var found = Ids(page);
        var schemas = (await GetAsync(http, "/openapi.json")).GetProperty("components").GetProperty("schemas");
        Assert.Equal(Required(schemas, "ConversationList"), Names(page));
        Assert.Equal(Required(schemas, "Conversation"), Names(page.GetProperty("data")[0]));
        while (page.GetProperty("next").GetString() is { } next)
        {
            page = await GetAsync(http, $"{List}?limit=2&after={next}");
            found = [.. found, .. Ids(page)];
        }

        Assert.Equal(ids.AsEnumerable().Reverse(), found);
        Assert.False(page.GetProperty("has_more").GetBoolean());
    }

    [Fact]
    public async Task Search_ByIdAndByWord_FindsTheCallersOwnAlone()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(), Keys);
        using var alice = HttpTurns.Connect(server, "a");
        using var bob = HttpTurns.Connect(server, "b");
        alice.DefaultRequestHeaders.Add("session-id", "0198c0de");
        alice.DefaultRequestHeaders.Add("traceparent", $"00-{TraceId}-b7ad6b7169203331-01");
        using var answer = await alice.PostCreateAsync("""{"model":"demo","input":"secret words"}""");
        var response = IdOf(JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement);
        var id = ConversationOf(response);
        var request = answer.Headers.GetValues("x-request-id").Single();

        foreach (var search in new[]
            { $"id={id}", $"id={response}", $"request_id={request}", $"trace_id={TraceId}", "session_id=0198c0de" })
        {
            Assert.Equal([id], Ids(await GetAsync(alice, $"{List}?{search}")));

            // What another tenant finds is what nobody has.
            Assert.Equal(await bob.GetStringAsyncOf($"{List}?id={Unknown}", HttpStatusCode.OK),
                await bob.GetStringAsyncOf($"{List}?{search}", HttpStatusCode.OK));
        }
    }

    [Fact]
    public async Task Unstored_OverASocket_IsListedUntilTheSocketCloses()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(), Keys);
        using var alice = HttpTurns.Connect(server, "a");
        using var socket = await WireClient.ConnectAsync(
            server, ("Authorization", "Bearer a"), ("session-id", "of the handshake"));
        var events = await socket.RunAsync(WireClient.Create("""[{"say":"secret words"}]""", ",\"store\":false"));
        var id = ConversationOf(events[0].IdOf());

        var one = Assert.Single((await GetAsync(alice, List)).GetProperty("data").EnumerateArray());
        Assert.Equal((id, false), (IdOf(one), one.GetProperty("is_stored").GetBoolean()));
        Assert.Equal(1, one.GetProperty("memory").GetProperty("unstored").GetInt32());
        Assert.Equal([id], Ids(await GetAsync(alice, $"{List}?session_id=of+the+handshake")));

        await socket.SendAsync(WireClient.Create(
            """[{"say":"more"}]""", ",\"store\":false,\"client_metadata\":{\"session_id\":\"of the create\"}"));
        await socket.ReadTurnAsync();
        Assert.Single(Ids(await GetAsync(alice, $"{List}?session_id=of+the+create")));
        Assert.DoesNotContain("secret", (await GetAsync(alice, List)).GetRawText(), StringComparison.Ordinal);

        socket.Dispose();
        await UntilAsync(async () => Ids(await GetAsync(alice, List)).Count == 0);
    }

    [Fact]
    public async Task Live_TellsWhatRunsAndItsEndAndNoContent()
    {
        var model = new GatedModel();
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(model), Keys);
        using var alice = HttpTurns.Connect(server, "a");
        using var operators = HttpTurns.Connect(server, "op");
        using var stream = new StreamTransport(HttpTurns.Connect(server, "a"));
        var (response, ended) = await stream.BeginAsync("""{"model":"gated","input":"secret words"}""");
        var call = await model.CallAsync("secret words");
        var path = $"{List}/{ConversationOf(response)}/live";
        using var own = await alice.GetStreamAsyncOf(path);
        using var shapes = await operators.GetStreamAsyncOf($"{path}?tenant=alice");


        Assert.Equal((Running, response), await ReadAsync(own));
        Assert.Equal((Running, response), await ReadAsync(shapes));
        await call.AnswerAsync("secret answer");
        foreach (var live in new[] { own, shapes })
        {
            var next = await ReadAsync(live);
            while (next.Type == Running)
            {
                next = await ReadAsync(live);
            }

            Assert.Equal(("evergrain:turn", response), next);
        }

        Assert.Equal(response, (await ended).Id);
        await operators.GetStringAsyncOf(path, HttpStatusCode.BadRequest);
        await operators.GetStringAsyncOf($"{path}?tenant=bob", HttpStatusCode.NotFound);

        async Task<(string Type, string? Response)> ReadAsync(EventStreamReader live)
        {
            var told = (await live.ReadAsync())!.Value;
            Assert.DoesNotContain("secret", told.GetRawText(), StringComparison.Ordinal);
            Assert.Equal(TurnMembers, Names(told.GetProperty("turn")));
            return (told.TypeOf(), told.GetProperty("response_id").GetString());
        }
    }

    [Fact]
    public async Task Live_OverItsNumber_IsRefusedUntilAClientLeaves()
    {
        const int streamsOfCallerMax = 16;
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(), Keys);
        using var alice = HttpTurns.Connect(server, "a");
        using var bob = HttpTurns.Connect(server, "b");
        var path = $"{List}/{await RunAsync(alice)}/live";
        var streams = new List<EventStreamReader>();
        for (var i = 0; i < streamsOfCallerMax; i++)
        {
            streams.Add(await alice.GetStreamAsyncOf(path));
        }

        await alice.GetStringAsyncOf(path, HttpStatusCode.TooManyRequests);
        using var other = await bob.GetStreamAsyncOf($"{List}/{await RunAsync(bob)}/live");
        streams.ForEach(static stream => stream.Dispose());
        await UntilAsync(async () =>
        {
            using var answer = await alice.GetAsync(path, HttpCompletionOption.ResponseHeadersRead);
            return answer.StatusCode == HttpStatusCode.OK;
        });
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=101", "limit")]
    [InlineData("after=x", "after")]
    [InlineData("after=1-2-3", "after")]
    [InlineData("tenant=A", "tenant")]
    [InlineData("id=x&trace_id=y", "trace_id")]
    [InlineData("id=x&id=x", "id")]
    [InlineData("session_id=x&session_id=y", "session_id")]
    [InlineData("limit=1&limit=2", "limit")]
    public async Task List_WithAWrongQuery_IsRefusedByName(string query, string param)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var answer = await http.GetStringAsyncOf($"{List}?{query}", HttpStatusCode.BadRequest);

        Assert.Equal(param, JsonDocument.Parse(answer).RootElement.ParamOf());
    }

    [Fact]
    public async Task Routes_AskedForAtRandom_AreNeverAFaultOfOurs()
    {
        const int seeds = 400;
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var id = await RunAsync(http);
        string[] pages =
            ["", $"/{id}/turns", $"/{id}/verify", $"/{id}/context", $"/{Unknown}/live", $"/{id}/live2", $"/{id}"];
        string[] names =
            ["limit", "after", "tenant", "id", "request_id", "trace_id", "session_id", "response", "rendered"];
        string[] values =
        [
            "", "0", "1", "100", "-1", "9999999999", id, Unknown, "conv_", "resp_", TraceId, "default", "%00", "%ff",
            "%F0%9F%98%80", "1-1-0000000000000000000000", "9223372036854775807-1-0000000000000000000000", "'--",
            id.Replace("conv_", "resp_", StringComparison.Ordinal), new string('x', 200),
        ];
        var counts = new Dictionary<int, int>();
        for (var seed = 1; seed <= seeds; seed++)
        {
            var random = new Random(seed);
            var query = string.Join('&', Enumerable.Range(0, random.Next(4)).Select(_ =>
                $"{names[random.Next(names.Length)]}={values[random.Next(values.Length)]}"));
            var path = $"{List}{pages[random.Next(pages.Length)]}?{query}";
            using var answer = await http.GetAsync(path);
            var status = (int)answer.StatusCode;
            Assert.True(status is 200 or 400 or 403 or 404, $"seed {seed}: {status} for {path}");
            JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).Dispose();
            counts[status] = counts.GetValueOrDefault(status) + 1;
        }

        // Each kind of answer was walked.
        Assert.All(new[] { 200, 400, 404 }, status => Assert.InRange(counts.GetValueOrDefault(status), 5, seeds));
    }

    [Fact]
    public async Task Routes_InAFlood_AreAllAnsweredAndTurnsToo()
    {
        const int requests = 200;
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var id = await RunAsync(http);
        string[] pages = ["", $"?id={id}", "?session_id=nobody", $"/{id}/turns", $"/{id}/verify"];

        var flood = Enumerable.Range(0, requests).Select(i =>
            http.GetStringAsyncOf($"{List}{pages[i % pages.Length]}", HttpStatusCode.OK)).ToList();
        var other = await RunAsync(http);
        await Task.WhenAll(flood).WaitAsync(TestServer.Patience);

        Assert.Equal([other, id], Ids(await GetAsync(http, List)));
    }

    private static string ConversationOf(string response) => $"conv_{response.Split('_')[1]}";

    private static async Task<string> RunAsync(HttpClient http) =>
        ConversationOf((await http.AnswerAsync("""{"model":"demo","input":"secret words"}""")).Id);

    private static async Task<JsonElement> GetAsync(HttpClient http, string path) =>
        JsonDocument.Parse(await http.GetStringAsyncOf(path, HttpStatusCode.OK)).RootElement;

    private static IReadOnlyList<string> Ids(JsonElement page) =>
        [.. page.GetProperty("data").EnumerateArray().Select(IdOf)];

    private static string IdOf(JsonElement json) => json.GetProperty("id").GetString()!;

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var patience = new CancellationTokenSource(TestServer.Patience);
        while (!await isSo())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, patience.Token);
        }
    }

    private static IEnumerable<string> Required(JsonElement schemas, string name) => schemas.GetProperty(name)
        .GetProperty("required").EnumerateArray().Select(static item => item.GetString()!)
        .Order(StringComparer.Ordinal);

    private static IEnumerable<string> Names(JsonElement json) =>
        json.EnumerateObject().Select(static member => member.Name).Order(StringComparer.Ordinal);
}
