using System.Net;
using System.Text.Json;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;

namespace Evergrain.Suites.Http;

/// <summary>Conversations as shapes: who may look at which, and at what.</summary>
public abstract class ConversationsSuite(IWireHosts hosts)
{
    private const string Unknown = "conv_0000000000000000000000";

    private static readonly (string, string)[] Keys =
        [("ApiKeys:0", "a=alice"), ("ApiKeys:1", "b=bob"), ("OperatorKeys:0", "op")];

    [Theory]
    [InlineData("turns")]
    [InlineData("verify")]
    [InlineData("live")]
    public async Task OfAnotherTenant_IsTheSameAsUnknown(string page)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(), Keys);
        var id = await RunAsync(server, "a");
        using var bob = HttpTurns.Connect(server, "b");

        var theirs = await bob.GetStringAsyncOf($"/evergrain/conversations/{id}/{page}", HttpStatusCode.NotFound);
        var unknown = await bob.GetStringAsyncOf($"/evergrain/conversations/{Unknown}/{page}", HttpStatusCode.NotFound);

        Assert.Equal(unknown.Replace(Unknown, id, StringComparison.Ordinal), theirs);
        await bob.GetStringAsyncOf($"/evergrain/conversations/{id}/{page}?tenant=alice", HttpStatusCode.Forbidden);
    }

    [Theory]
    [InlineData("turns")]
    [InlineData("verify")]
    public async Task ForAnOperator_IsShapesOfTheTenantThatItNames(string page)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(), Keys);
        var id = await RunAsync(server, "a");
        using var operators = HttpTurns.Connect(server, "op");
        var path = $"/evergrain/conversations/{id}/{page}";

        await operators.GetStringAsyncOf(path, HttpStatusCode.BadRequest);
        await operators.GetStringAsyncOf($"{path}?tenant=bob", HttpStatusCode.NotFound);
        var shapes = await operators.GetStringAsyncOf($"{path}?tenant=alice", HttpStatusCode.OK);
        Assert.DoesNotContain("secret", shapes, StringComparison.Ordinal);
        Assert.DoesNotContain("held, 1 processed", shapes, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Turns_AndVerification_AreAsDescribed()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(), Keys);
        var id = await RunAsync(server, "a");
        using var alice = HttpTurns.Connect(server, "a");
        var path = $"/evergrain/conversations/{id}";

        var turns = await GetAsync(alice, $"{path}/turns");
        var turn = Assert.Single(turns.GetProperty("data").EnumerateArray());
        var verification = await GetAsync(alice, $"{path}/verify");

        var schemas = (await GetAsync(alice, "/openapi.json")).GetProperty("components").GetProperty("schemas");
        Assert.Equal(Required(schemas, "TurnList"), Names(turns));
        Assert.Equal(Required(schemas, "Turn"), Names(turn));
        Assert.Equal(Required(schemas, "Verification"), Names(verification));
        Assert.True(verification.GetProperty("is_equal").GetBoolean());
        Assert.Equal(1, verification.GetProperty("turns").GetInt32());
    }

    [Fact]
    public async Task Context_IsShapesForOperatorsAndRenderedForItsTenantAlone()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(), Keys);
        using var alice = HttpTurns.Connect(server, "a");
        using var bob = HttpTurns.Connect(server, "b");
        using var operators = HttpTurns.Connect(server, "op");
        var response = (await alice.AnswerAsync("""{"model":"demo","input":"secret words"}""")).Id;
        var id = $"conv_{response.Split('_')[1]}";
        var path = $"/evergrain/conversations/{id}/context?response={response}";

        var own = await GetAsync(alice, $"{path}&rendered=100");
        var segment = own.GetProperty("segments").EnumerateArray().Last();
        var schemas = (await GetAsync(alice, "/openapi.json")).GetProperty("components").GetProperty("schemas");
        Assert.Equal(Required(schemas, "Context"), Names(own));
        Assert.Equal(Required(schemas, "Segment"), Names(segment));
        Assert.Equal(own.GetProperty("digest").GetString(), segment.GetProperty("digest").GetString());
        Assert.NotEmpty(own.GetProperty("rendered").GetProperty("items").EnumerateArray());
        Assert.Contains("secret words", own.GetRawText(), StringComparison.Ordinal);

        var shapes = await operators.GetStringAsyncOf($"{path}&tenant=alice", HttpStatusCode.OK);
        Assert.DoesNotContain("secret", shapes, StringComparison.Ordinal);
        await operators.GetStringAsyncOf($"{path}&tenant=alice&rendered=1", HttpStatusCode.Forbidden);
        var theirs = await bob.GetStringAsyncOf(path, HttpStatusCode.NotFound);
        var unknown = response.Replace(id[5..], Unknown[5..], StringComparison.Ordinal);
        Assert.Equal(theirs, (await bob.GetStringAsyncOf(
            $"/evergrain/conversations/{Unknown}/context?response={unknown}", HttpStatusCode.NotFound))
            .Replace(unknown, response, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("turns?limit=0", "limit")]
    [InlineData("turns?limit=501", "limit")]
    [InlineData("context?rendered=101", "rendered")]
    [InlineData("turns?after=-1", "after")]
    [InlineData("turns?after=x", "after")]
    public async Task Turns_OfAWrongPage_IsRefusedByName(string page, string param)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var answer = await http.GetStringAsyncOf(
            $"/evergrain/conversations/{Unknown}/{page}", HttpStatusCode.BadRequest);

        Assert.Equal(param, JsonDocument.Parse(answer).RootElement.ParamOf());
    }

    private static async Task<string> RunAsync(TestServer server, string key)
    {
        using var http = HttpTurns.Connect(server, key);
        var turn = await http.AnswerAsync("""{"model":"demo","input":"secret words"}""");
        return $"conv_{turn.Id.Split('_')[1]}";
    }

    private static async Task<JsonElement> GetAsync(HttpClient http, string path) =>
        JsonDocument.Parse(await http.GetStringAsyncOf(path, HttpStatusCode.OK)).RootElement;

    private static IEnumerable<string> Required(JsonElement schemas, string name) => schemas.GetProperty(name)
        .GetProperty("required").EnumerateArray().Select(static item => item.GetString()!)
        .Order(StringComparer.Ordinal);

    private static IEnumerable<string> Names(JsonElement json) =>
        json.EnumerateObject().Select(static member => member.Name).Order(StringComparer.Ordinal);
}
