using System.Net;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;
using Evergrain.Frontend.Completions;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Evergrain.Suites.Http;

/// <summary>The document is kept by hand; these hold it to the server.</summary>
public abstract class OpenApiSuite(IWireHosts hosts)
{
    [Fact]
    public async Task Document_Paths_AreTheMappedRoutes()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        var document = await ReadAsync(server);

        var described = document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject()
            .Where(static member => member.Name != "parameters")
            .Select(method => $"{method.Name.ToUpperInvariant()} {path.Name}"));
        var mapped = server.Get<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().SelectMany(static endpoint =>
            endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods

                // It is GET without the body.
                .Where(static method => method != HttpMethods.Head)
                .Select(method => $"{method} {endpoint.RoutePattern.RawText}"
                    .Replace("{**", "{", StringComparison.Ordinal)));

        Assert.Equal(mapped.Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Document_References_AllLeadSomewhere()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        var document = await ReadAsync(server);
        var references = new List<string>();
        Collect(document, references);

        Assert.StartsWith("3.1.", document.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        Assert.NotEmpty(references);
        foreach (var reference in references)
        {
            var at = document;
            foreach (var name in reference.Split('/')[1..])
            {
                Assert.True(at.TryGetProperty(name, out at), reference);
            }
        }
    }

    [Fact]
    public async Task Document_EveryOperation_HasAnIdOfItsOwnAndAnswers()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        var operations = (await ReadAsync(server)).GetProperty("paths").EnumerateObject()
            .SelectMany(static path => path.Value.EnumerateObject())
            .Where(static member => member.Name != "parameters").Select(static member => member.Value).ToList();

        Assert.All(operations, static operation =>
            Assert.NotEmpty(operation.GetProperty("responses").EnumerateObject()));
        Assert.Distinct(operations.Select(static operation => operation.GetProperty("operationId").GetString()));
    }

    [Fact]
    public async Task Document_CreateResponse_NamesEveryFieldThatIsTaken()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        var described = Names(Schema(await ReadAsync(server), "CreateResponse").GetProperty("properties"));

        Assert.Subset(described, ParameterFields.All.Select(static field => field.Name).ToHashSet());
        Assert.Subset(described, RequestFields.Names.Except(["client_metadata", "a_field_of_tomorrow"]).ToHashSet());
    }

    [Fact]
    public async Task Document_CreateChatCompletion_NamesEveryMemberThatIsRead()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        var described = Names(Schema(await ReadAsync(server), "CreateChatCompletion").GetProperty("properties"));

        Assert.Equal(CompletionFields.All.Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Document_Schemas_DescribeWhatIsAnswered()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var document = await ReadAsync(server);
        var fields = string.Join(',', RequestFields.All.Select(static field => $"\"{field.Name}\":{field.Value}"));
        var turn = await http.AnswerAsync($"{{{fields}}}");
        var path = $"/v1/responses/{turn.Id}";

        AssertDescribed(document, "Response", turn.Ended);
        var completion = $"{ChatRequests.Path}/{turn.Id.Replace("resp_", "chatcmpl-", StringComparison.Ordinal)}";
        AssertDescribed(document, "ChatCompletion", await GetAsync(http, completion, HttpStatusCode.OK));
        AssertDescribed(document, "ChatCompletionList", await GetAsync(http, ChatRequests.Path, HttpStatusCode.OK));
        AssertDescribed(document, "ChatMessageList", await GetAsync(http, $"{completion}/messages", HttpStatusCode.OK));
        AssertDescribed(document, "Usage", turn.Ended.GetProperty("usage"));
        AssertDescribed(document, "ItemList", await GetAsync(http, $"{path}/input_items", HttpStatusCode.OK));
        AssertDescribed(document, "ModelList", await GetAsync(http, "/v1/models", HttpStatusCode.OK));
        AssertDescribed(document, "Model", await GetAsync(http, "/v1/models/demo", HttpStatusCode.OK));
        AssertDescribed(document, "ErrorBody", await GetAsync(http, $"{path}?stream=x", HttpStatusCode.BadRequest));
        using var deleted = await http.DeleteAsync(path);
        AssertDescribed(document, "Deleted",
            JsonDocument.Parse(await deleted.Content.ReadAsStringAsync()).RootElement);
    }

    [Fact]
    public async Task Document_Errors_NameEveryTypeAndStatus()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        var document = await ReadAsync(server);
        var types = Schema(document, "ErrorBody").GetProperty("properties").GetProperty("error")
            .GetProperty("properties").GetProperty("type").GetProperty("enum").EnumerateArray()
            .Select(static type => type.GetString()).ToHashSet();
        var statuses = document.GetProperty("paths").EnumerateObject()
            .SelectMany(static path => path.Value.EnumerateObject())
            .Where(static member => member.Name != "parameters")
            .SelectMany(static operation => operation.Value.GetProperty("responses").EnumerateObject())
            .Select(static answer => answer.Name).ToHashSet(StringComparer.Ordinal);

        foreach (var kind in Enum.GetValues<RefusalKind>().Where(static kind => kind != RefusalKind.MethodNotAllowed))
        {
            var refusal = new Refusal(kind, "No.");
            var body = new System.Buffers.ArrayBufferWriter<byte>();
            ErrorWriter.WriteBody(body, refusal);
            var error = JsonDocument.Parse(body.WrittenMemory).RootElement.GetProperty("error");
            Assert.Contains(error.GetProperty("type").GetString(), types);
            Assert.Contains($"{ErrorWriter.StatusOf(refusal)}", statuses);
        }
    }

    private static void AssertDescribed(JsonElement document, string schema, JsonElement answer)
    {
        var described = Schema(document, schema);
        var required = described.GetProperty("required").EnumerateArray().Select(static name => name.GetString()!);
        Assert.Subset(Names(described.GetProperty("properties")), Names(answer));
        Assert.Subset(Names(answer), required.ToHashSet());
    }

    private static HashSet<string> Names(JsonElement json) =>
        json.EnumerateObject().Select(static member => member.Name).ToHashSet(StringComparer.Ordinal);

    private static JsonElement Schema(JsonElement document, string name) =>
        document.GetProperty("components").GetProperty("schemas").GetProperty(name);

    private static async Task<JsonElement> ReadAsync(TestServer server)
    {
        using var http = server.CreateHttpClient();
        return await GetAsync(http, "/openapi.json", HttpStatusCode.OK);
    }

    private static async Task<JsonElement> GetAsync(HttpClient http, string path, HttpStatusCode status) =>
        JsonDocument.Parse(await http.GetStringAsyncOf(path, status)).RootElement;

    private static void Collect(JsonElement json, List<string> references)
    {
        if (json.ValueKind == JsonValueKind.Array)
        {
            foreach (var element in json.EnumerateArray())
            {
                Collect(element, references);
            }
        }
        else if (json.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in json.EnumerateObject())
            {
                if (member.Name == "$ref")
                {
                    references.Add(member.Value.GetString()!);
                }

                Collect(member.Value, references);
            }
        }
    }
}
