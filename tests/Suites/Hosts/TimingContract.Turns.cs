using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Hosts;

/// <content>How its turns are asked for, and what is read of them.</content>
public abstract partial class TimingContract
{
    private static string Create(string text, string? previous = null, string model = "gated") =>
        JsonSerializer.Serialize(new
        {
            type = "response.create",
            model,
            previous_response_id = previous,
            input = new[] { new { role = "user", content = text } },
        });

    private static string Reply(JsonElement asked, params string[] calls) => JsonSerializer.Serialize(new
    {
        type = "response.create",
        model = "echo",
        previous_response_id = asked.GetProperty("response_id").GetString(),
        input = calls.Select(static id => new { type = "function_call_output", call_id = id, output = "done" }),
    });

    private static Task<WireClient> ConnectAsync(TestServer server) =>
        WireClient.ConnectAsync(server, ("evergrain-timing", "1"));

    private static async Task<JsonElement> RunAsync(WireClient client, string create)
    {
        await client.SendAsync(create);
        return await ReadTimingAsync(client);
    }

    private static Task<JsonElement> ReadTimingAsync(WireClient client) => ReadUntilAsync(client, "evergrain:turn");

    private static async Task<JsonElement> ReadUntilAsync(WireClient client, string type)
    {
        using var patience = new CancellationTokenSource(TestServer.Patience);
        var buffer = new byte[1 << 20];
        while (true)
        {
            using var frame = new MemoryStream();
            ValueWebSocketReceiveResult result;
            do
            {
                result = await client.Socket.ReceiveAsync(buffer.AsMemory(), patience.Token);
                Assert.Equal(WebSocketMessageType.Text, result.MessageType);
                await frame.WriteAsync(buffer.AsMemory(0, result.Count), patience.Token);
            }
            while (!result.EndOfMessage);

            var json = JsonDocument.Parse(frame.ToArray()).RootElement;
            Assert.NotEqual("error", json.TypeOf());
            if (json.TypeOf() == type)
            {
                return json;
            }
        }
    }

    /// <summary>One phase took the delay, or none did; the others took nothing.</summary>
    private static void AssertOnly(string? phase, JsonElement turn)
    {
        var expected = turn.GetProperty("phases_ms").EnumerateObject().Select(
            each => (each.Name, each.Name == phase ? Delay.TotalMilliseconds : 0)).ToList();
        Assert.Equal(8, expected.Count);
        Assert.Equal(expected, turn.GetProperty("phases_ms").EnumerateObject().Select(
            static each => (each.Name, each.Value.GetDouble())));
        Assert.Equal(expected.Sum(static each => each.Item2), turn.GetProperty("total_ms").GetDouble());
    }

    private static (int Held, int New, int Rendered) ItemsOf(JsonElement turn)
    {
        var items = turn.GetProperty("items");
        return (items.GetProperty("held").GetInt32(), items.GetProperty("new").GetInt32(),
            items.GetProperty("rendered").GetInt32());
    }

    private static string HeaderOf(HttpResponseMessage answer) => answer.Headers.GetValues("Server-Timing").Single();

    private static async Task<HttpResponseMessage> PostAsync(HttpClient http, string create)
    {
        using var body = new StringContent(create, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        var answer = await http.PostAsync(new Uri("/v1/responses", UriKind.Relative), body);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return answer;
    }

    private static async Task UntilAsync(TestServer server, string path, string text)
    {
        using var http = server.CreateHttpClient();
        using var patience = new CancellationTokenSource(TestServer.Patience);
        while (!(await http.GetStringAsyncOf(path, HttpStatusCode.OK)).Contains(text, StringComparison.Ordinal))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, patience.Token);
        }
    }

    /// <summary>Begins a turn whose client has read some of its answer.</summary>
    private async Task<GatedCall> StreamAsync(WireClient client)
    {
        await client.SendAsync(Create("hello"));
        var call = await Model.CallAsync("hello");
        await call.SayAsync(Speech.Message("first")[..3]);
        await ReadUntilAsync(client, "response.output_text.delta");
        return call;
    }

    private static async Task FinishAsync(GatedCall call)
    {
        await call.SayAsync(new(ModelEventKind.PartDone), new(ModelEventKind.ItemDone), Speech.Completed);
        call.End();
    }

    private Task<TestServer> StartAsync(
        ITurns? turns = null, params (string Option, string Value)[] settings) =>
        TestServer.StartAsync(new Kept(Host, turns ?? Host.Turns), settings);
}
