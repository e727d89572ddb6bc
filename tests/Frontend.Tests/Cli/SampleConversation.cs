using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Evergrain.Frontend.Tests.Crash;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary>
/// A conversation on a server: a turn, behind it a call of a tool and its answer, and a fork of the first turn.
/// </summary>
internal sealed class SampleConversation
{
    private const string Script = """@@script [{"call":"lookup","args":{}},{"say":"looked up"}]""";

    private static readonly Uri Responses = new("v1/responses", UriKind.Relative);

    private readonly HttpClient _http;

    private SampleConversation(HttpClient http) => _http = http;

    /// <summary>Its responses, in order.</summary>
    public List<string> Turns { get; } = [];

    public string Id => $"conv_{Turns[0].Split('_')[1]}";

    public static async Task<SampleConversation> MakeAsync(ServerProcess server, CancellationToken cancellationToken)
    {
        using var http = server.CreateHttpClient();
        var sample = new SampleConversation(http);
        await sample.AddAsync(null, "Hello", cancellationToken);
        var called = await sample.AddAsync(0, Script, cancellationToken);
        var call = Assert.Single(called.GetProperty("output").EnumerateArray()).GetProperty("call_id").GetString();
        await sample.AddAsync(1, new JsonArray(new JsonObject
        {
            ["type"] = "function_call_output", ["call_id"] = call, ["output"] = "found",
        }), cancellationToken);
        await sample.AddAsync(0, "A fork", cancellationToken);
        return sample;
    }

    private async Task<JsonElement> AddAsync(int? parent, JsonNode input, CancellationToken cancellationToken)
    {
        var create = new JsonObject
        {
            ["model"] = "demo",
            ["input"] = input,
            ["previous_response_id"] = parent is { } index ? Turns[index] : null,
            ["metadata"] = new JsonObject { ["turn"] = $"{Turns.Count}" },
            ["tools"] = new JsonArray(new JsonObject
            {
                ["type"] = "function", ["name"] = "lookup", ["parameters"] = new JsonObject { ["type"] = "object" },
            }),
        };
        using var answer = await _http.PostAsJsonAsync(Responses, create, cancellationToken);
        var response = JsonElement.Parse(await answer.Content.ReadAsByteArrayAsync(cancellationToken));
        Assert.Equal("completed", response.GetProperty("status").GetString());
        Turns.Add(response.GetProperty("id").GetString()!);
        return response;
    }
}
