using System.Net;
using System.Text.Json;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Transports;

namespace Evergrain.Suites.Http;

/// <summary>An operator erases what a tenant has: who may, and what is left.</summary>
public abstract class TenantErasureSuite(IWireHosts hosts)
{
    private const string List = "/evergrain/conversations";

    private static readonly (string, string)[] Keys =
        [("ApiKeys:0", "a=alice"), ("ApiKeys:1", "b=bob"), ("OperatorKeys:0", "op")];

    [Fact]
    public async Task Erasure_TakesAllOfATenant_AndNothingOfOthers()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(), Keys);
        using var alice = HttpTurns.Connect(server, "a");
        using var bob = HttpTurns.Connect(server, "b");
        using var operators = HttpTurns.Connect(server, "op");
        var ids = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            ids.Add(await RunAsync(alice));
        }

        var theirs = await RunAsync(bob);
        var page = await EraseAsync(operators, "alice", "?after=conv_" + ids[^2].Split('_')[1]);
        Assert.Equal(("alice", 1, 0, false), Told(page));
        ids[^1] = await RunAsync(alice);
        var part = await EraseAsync(operators, "alice", "?limit=2");
        Assert.Equal(("alice", 2, 0, true), Told(part));
        var schemas = (await GetAsync(alice, "/openapi.json")).GetProperty("components").GetProperty("schemas");
        Assert.Equal(schemas.GetProperty("Erasure").GetProperty("required").EnumerateArray()
            .Select(static name => name.GetString()), part.EnumerateObject().Select(static member => member.Name));
        Assert.Equal(("alice", 3, 0, false), Told(await EraseAsync(operators, "alice")));
        Assert.Equal(("alice", 0, 0, false), Told(await EraseAsync(operators, "alice")));
        foreach (var id in ids)
        {
            await alice.GetStringAsyncOf($"/v1/responses/{id}", HttpStatusCode.NotFound);
        }

        Assert.Equal(0, (await GetAsync(alice, List)).GetProperty("data").GetArrayLength());
        await bob.GetStringAsyncOf($"/v1/responses/{theirs}", HttpStatusCode.OK);
        var next = await RunAsync(alice);
        await alice.GetStringAsyncOf($"/v1/responses/{next}", HttpStatusCode.OK);
    }

    [Fact]
    public async Task Erasure_OfARunningTurn_CancelsIt()
    {
        var model = new GatedModel();
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(model), Keys);
        using var operators = HttpTurns.Connect(server, "op");
        using var stream = new StreamTransport(HttpTurns.Connect(server, "a"));
        var (response, ended) = await stream.BeginAsync("""{"model":"gated","input":"secret words"}""");
        var call = await model.CallAsync("secret words");
        Assert.Equal(1, Told(await EraseAsync(operators, "alice")).Erased);
        await call.Cancelled;
        Assert.Equal("cancelled", (await ended).Ended.GetProperty("status").GetString());
        using var alice = HttpTurns.Connect(server, "a");
        await alice.GetStringAsyncOf($"/v1/responses/{response}", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Erasure_IsForOperatorsAlone()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(), Keys);
        using var alice = HttpTurns.Connect(server, "a");
        using var stranger = HttpTurns.Connect(server, "nobody's");
        var id = await RunAsync(alice);
        foreach (var tenant in new[] { "alice", "bob", "%2A", "!operator" })
        {
            using var refused = await alice.DeleteAsync(PathOf(tenant));
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
            using var unknown = await stranger.DeleteAsync(PathOf(tenant));
            Assert.Equal(HttpStatusCode.Unauthorized, unknown.StatusCode);
        }

        await alice.GetStringAsyncOf($"/v1/responses/{id}", HttpStatusCode.OK);
    }

    [Fact]
    public async Task Erasure_AskedForAtRandom_IsNeverAFaultOfOurs()
    {
        const int seeds = 200;
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(), Keys);
        using var operators = HttpTurns.Connect(server, "op");
        using var bob = HttpTurns.Connect(server, "b");
        var id = await RunAsync(bob);
        string[] tenants =
        [
            "alice", "nobody", "A", "*", "%00", "%ff", "%2e%2e", "..", "%2Fbob", "bob%2F", "b%6fb2", "'--", "!operator",
            "%F0%9F%98%80", new string('x', 65), new string('x', 3_000),
        ];
        string[] queries =
            ["", "?limit=0", "?limit=1001", "?limit=-1", "?limit=x", "?limit=1&tenant=bob", "?%00", "?=",
            "?after=x", "?after=conv_0000000000000000000000"];
        var counts = new Dictionary<int, int>();
        for (var seed = 1; seed <= seeds; seed++)
        {
            var random = new Random(seed);
            var path = PathOf(tenants[random.Next(tenants.Length)]) + queries[random.Next(queries.Length)];
            using var answer = await operators.DeleteAsync(path);
            var status = (int)answer.StatusCode;
            Assert.True(status is 200 or 400 or 403 or 404 or 405, $"seed {seed}: {status} for {path}");
            counts[status] = counts.GetValueOrDefault(status) + 1;
        }

        Assert.All(new[] { 200, 400 }, status => Assert.InRange(counts.GetValueOrDefault(status), 5, seeds));
        await bob.GetStringAsyncOf($"/v1/responses/{id}", HttpStatusCode.OK);
    }

    [Fact]
    public async Task Erasure_InAFlood_IsAnsweredEachTime_AndTurnsOfOthersToo()
    {
        const int requests = 40;
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(), Keys);
        using var alice = HttpTurns.Connect(server, "a");
        using var bob = HttpTurns.Connect(server, "b");
        using var operators = HttpTurns.Connect(server, "op");
        for (var i = 0; i < 10; i++)
        {
            await RunAsync(alice);
        }

        var flood = Enumerable.Range(0, requests).Select(_ => EraseAsync(operators, "alice", "?limit=3")).ToList();
        var other = await RunAsync(bob);
        var told = await Task.WhenAll(flood).WaitAsync(TestServer.Patience);

        Assert.Equal(10, told.Sum(static one => Told(one).Erased));
        Assert.DoesNotContain(told, static one => Told(one).Failed > 0);
        await bob.GetStringAsyncOf($"/v1/responses/{other}", HttpStatusCode.OK);
    }

    private static Uri PathOf(string tenant) => new($"/evergrain/tenants/{tenant}/conversations", UriKind.Relative);

    private static async Task<string> RunAsync(HttpClient http) =>
        (await http.AnswerAsync("""{"model":"demo","input":"secret words"}""")).Id;

    private static async Task<JsonElement> EraseAsync(HttpClient http, string tenant, string query = "")
    {
        using var answer = await http.DeleteAsync(PathOf(tenant) + query);
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, body);
        return JsonDocument.Parse(body).RootElement;
    }

    private static async Task<JsonElement> GetAsync(HttpClient http, string path) =>
        JsonDocument.Parse(await http.GetStringAsyncOf(path, HttpStatusCode.OK)).RootElement;

    private static (string? Tenant, int Erased, int Failed, bool HasMore) Told(JsonElement json) => (
        json.GetProperty("tenant").GetString(), json.GetProperty("erased").GetInt32(),
        json.GetProperty("failed").GetInt32(), json.GetProperty("has_more").GetBoolean());
}
