using System.Net;
using System.Text.Json;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;

namespace Evergrain.Suites.Http;

/// <summary>By what connections the turns of a conversation came, as the list of its turns says.</summary>
public abstract class TurnConnectionSuite(IWireHosts hosts) : IDisposable
{
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-connections-");

    public void Dispose() => _data.Delete(recursive: true);

    [Fact]
    public async Task Turns_ThatCameByOtherConnections_SaySo()
    {
        await using var server = await StartAsync();
        using var http = HttpTurns.Connect(server);
        using var one = await WireClient.ConnectAsync(server);
        using var two = await WireClient.ConnectAsync(server);

        var first = await RunAsync(one, null);
        var last = await RunAsync(two, await RunAsync(one, first));
        last = (await http.AnswerAsync(Creates.Next(last, "\"hi\""))).Id;
        last = (await http.AnswerAsync(Creates.Next(last, "\"hi\""))).Id;
        await RunAsync(two, last);

        Assert.Equal(
            ["websocket", "websocket", "websocket, other", "http, other", "http", "websocket, other"],
            await ConnectionsAsync(http, first));
    }

    [Fact]
    public async Task Turn_ThatIsReadOn_SaysFromWhichEvent()
    {
        await using var server = await StartAsync();
        using var http = HttpTurns.Connect(server);
        using var socket = await WireClient.ConnectAsync(server);
        var first = await RunAsync(socket, null);
        Assert.Equal(["websocket"], await ConnectionsAsync(http, first));

        await http.GetStringAsyncOf($"/v1/responses/{first}?stream=true&starting_after=2", HttpStatusCode.OK);
        Assert.Equal(["websocket, read on from 3"], await ConnectionsAsync(http, first));
        await http.GetStringAsyncOf($"/v1/responses/{first}?stream=true", HttpStatusCode.OK);

        Assert.Equal(["websocket, read on from 3"], await ConnectionsAsync(http, first));
    }

    [Fact]
    public async Task Turns_OfAnEarlierLife_AreContinuedByAnotherConnectionIfItIsNew()
    {
        var host = await hosts.StartStoredAsync(_data.FullName, TimeProvider.System);
        await using var server = await TestServer.StartAsync(host);
        using var http = HttpTurns.Connect(server);
        using var one = await WireClient.ConnectAsync(server);
        using var two = await WireClient.ConnectAsync(server);
        var first = await RunAsync(one, null);
        await PassivateAsync(host, async () => await ConnectionsAsync(http, first) is ["unknown"]);

        await RunAsync(one, first);
        await RunAsync(two, first);

        Assert.Equal(["unknown", "websocket", "websocket, other"], await ConnectionsAsync(http, first));
    }

    // A socket that has its last event may still be counted as a reader.
    private static async Task PassivateAsync(StoredHost host, Func<Task<bool>> hasLeft)
    {
        var begun = TimeProvider.System.GetTimestamp();
        do
        {
            Assert.InRange(TimeProvider.System.GetElapsedTime(begun), TimeSpan.Zero, TestServer.Patience);
            await host.PassivateAsync();
        }
        while (!await hasLeft());
    }

    private static async Task<string> RunAsync(WireClient client, string? previous)
    {
        var parent = JsonSerializer.Serialize(previous);
        var events = await client.RunAsync(
            $$"""{"type":"response.create","model":"demo","previous_response_id":{{parent}},"input":"hi"}""");
        Assert.Equal("response.completed", events[^1].TypeOf());
        return events[^1].IdOf();
    }

    private static async Task<List<string>> ConnectionsAsync(HttpClient http, string response)
    {
        var list = await http.GetStringAsyncOf(
            $"/evergrain/conversations/conv_{response.Split('_')[1]}/turns", HttpStatusCode.OK);
        return [.. JsonDocument.Parse(list).RootElement.GetProperty("data").EnumerateArray()
            .Select(static turn => Read(turn.GetProperty("connection")))];
    }

    private static string Read(JsonElement connection)
    {
        if (connection.ValueKind == JsonValueKind.Null)
        {
            return "unknown";
        }

        var from = connection.GetProperty("read_on_from");
        return connection.GetProperty("kind").GetString() +
            (connection.GetProperty("is_other").GetBoolean() ? ", other" : "") +
            (from.ValueKind == JsonValueKind.Null ? "" : $", read on from {from}");
    }

    private async Task<TestServer> StartAsync() =>
        await TestServer.StartAsync(await hosts.StartStoredAsync(_data.FullName, TimeProvider.System));
}
