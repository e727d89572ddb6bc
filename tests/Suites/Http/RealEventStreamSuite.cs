using System.Text.Json;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;

namespace Evergrain.Suites.Http;

/// <summary>The bytes of an event stream of a real conversation, and reading it again.</summary>
public abstract class RealEventStreamSuite(IWireHosts hosts)
{
    private const string Hello = """[{"say":"hello"}]""";

    [Fact]
    public async Task Events_OnTheWire_AreNeverSplitOverChunks()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var raw = await RawSocket.ConnectAsync(server);
        var create = Creates.Of($$"""[{"say":"{{new string('x', 300_000)}}"}]""",
            ",\"stream\":true,\"metadata\":{\r\n\t\"a\":\r\"b\"}");

        await raw.PostAsync(create);
        var head = await raw.ReadHeadAsync();
        var chunks = new List<string>();
        while (await raw.ReadChunkAsync() is { Length: > 0 } chunk)
        {
            chunks.Add(chunk);
        }

        Assert.Contains("\r\nContent-Type: text/event-stream", head, StringComparison.Ordinal);
        Assert.True(chunks.Count > 10);
        Assert.All(chunks, static chunk => Assert.EndsWith("\n\n", chunk, StringComparison.Ordinal));
        Assert.All(chunks, static chunk => Assert.DoesNotContain('\r', chunk));
        Assert.Equal("data: [DONE]\n\n", chunks[^1]);
        foreach (var whole in string.Concat(chunks[..^1]).Split("\n\n")[..^1])
        {
            var lines = whole.Split('\n');
            Assert.Equal(2, lines.Length);
            var json = JsonDocument.Parse(lines[1]["data: ".Length..]).RootElement;
            Assert.Equal(lines[0]["event: ".Length..], json.TypeOf());
        }
    }

    [Fact]
    public async Task Stream_AskedForAgain_GivesTheSameEventsFromAnyNumber()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        using var first = await EventStreamReader.OpenAsync(
            await http.PostCreateAsync(Creates.Of(Hello, ",\"stream\":true")));
        var whole = (await first.ReadToEndAsync()).ConvertAll(static e => e.GetRawText());
        var id = JsonDocument.Parse(whole[0]).RootElement.IdOf();

        for (var after = -1; after <= whole.Count; after++)
        {
            var query = after < 0 ? "" : $"&starting_after={after}";
            using var again = await http.GetStreamAsyncOf($"/v1/responses/{id}?stream=true{query}");
            var events = (await again.ReadToEndAsync()).ConvertAll(static e => e.GetRawText());
            Assert.Equal(whole.Skip(after + 1), events);
        }
    }

    [Fact]
    public async Task Stream_OfARunningTurn_GoesOnToItsEndForEveryReader()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        using var first = await EventStreamReader.OpenAsync(await http.PostCreateAsync(
            Creates.Of("""[{"say":"one two three four five six seven eight","chunk_ms":50}]""", ",\"stream\":true")));
        var created = (await first.ReadAsync())!.Value;

        using var second = await http.GetStreamAsyncOf($"/v1/responses/{created.IdOf()}?stream=true&starting_after=1");
        var rest = await first.ReadToEndAsync();

        Assert.Equal(rest.Skip(1).Select(static e => e.GetRawText()),
            (await second.ReadToEndAsync()).Select(static e => e.GetRawText()));
    }

    [Fact]
    public async Task Stream_UnknownResponse_IsNotFound()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        using var answer = await http.GetAsync("/v1/responses/resp_0000000000000000000001_1?stream=true");

        Assert.Equal(404, (int)answer.StatusCode);
    }
}
