using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;

namespace Evergrain.Suites.Http;

/// <summary>
/// Creates with bytes changed, cut, doubled and swapped, plain and packed: whatever comes, the answer is the client's
/// fault or a turn, never a fault of ours.
/// </summary>
public abstract class MutatedBodiesSuite(IWireHosts hosts)
{
    private const int SeedsMax = 3000;
    private const int SeedsMaxLong = 30_000;
    private const int ChangesMax = 4;

    private static readonly string[] Tokens =
    [
        "{", "}", "[", "]", ",", ":", "\"", "null", "true", "false", "0", "-1", "1e999", "\"\\ud800\"", "\\u0000",
        "\"stream\":true", "\"store\":false", "\"background\":true", "\"type\":\"message\"", "\"id\":\"msg_1\"",
        "\"previous_response_id\":\"resp_0000000000000000000001_1\"", "{\"type\":\"item_reference\",\"id\":\"x\"}",
        "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"}", "\u00e9", "\r\n",
    ];

    private static readonly string[] Chats =
    [
        ChatRequests.Of("""[{"say":"hello"}]"""),
        ChatRequests.With("""
            {"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}}]},
            {"role":"assistant","content":null,"reasoning_content":"Hm.","tool_calls":[
            {"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"c1","content":"ok"}
            """, ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"),
        ChatRequests.Of("""[{"say":"hello"}]""", """
            ,"store":true,"temperature":0.5,"max_tokens":64,"reasoning_effort":"low","metadata":{"a":"b"},
            "response_format":{"type":"json_object"},"tool_choice":"auto","logprobs":true,"n":1
            """),
    ];

    private static readonly string[] Metadata =
    [
        """{"metadata":{"a":"b","\u0063":"\ud83d\ude00"},"x":[1]}""", """{"metadata":null}""", """{"metadata":{}}""",
    ];

    [Fact]
    public async Task Create_Mutated_IsNeverAFaultOfOurs()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var parent = (await http.AnswerAsync(Creates.Of("""[{"call":"f"}]""",
            ",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]"))).Ended;

        await MutateAsync(http, "/v1/responses", Bodies(parent));
    }

    [Fact]
    public async Task Completion_Mutated_IsNeverAFaultOfOurs()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        await MutateAsync(http, ChatRequests.Path, [.. Chats.Select(Encoding.UTF8.GetBytes)]);
    }

    [Fact]
    public async Task Metadata_Mutated_IsNeverAFaultOfOurs()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var id = (await http.ChatAsync(ChatRequests.Of("""[{"say":"hello"}]""", ",\"store\":true")))
            .GetProperty("id").GetString();

        // Each is one value more in the conversation.
        await MutateAsync(http, $"{ChatRequests.Path}/{id}", [.. Metadata.Select(Encoding.UTF8.GetBytes)], part: 4);
    }

    private static async Task MutateAsync(HttpClient http, string path, byte[][] bodies, int part = 1)
    {
        var isLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is not null;
        var seeds = (isLong ? SeedsMaxLong : SeedsMax) / part;
        var taken = 0;

        for (var seed = 1; seed <= seeds; seed++)
        {
            var random = new Random(seed);
            var body = Mutate(random, bodies[random.Next(bodies.Length)]);
            using var answer = await SendAsync(http, path, random, body);
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True((int)answer.StatusCode is 200 or 400 or 413, $"seed {seed}: {answer.StatusCode} {text}");
            Check(answer, text, seed);
            taken += answer.IsSuccessStatusCode ? 1 : 0;
        }

        // Neither all wrong nor all right: both paths were walked.
        Assert.InRange(taken, seeds / 50, seeds - (seeds / 50));
    }

    private static byte[][] Bodies(JsonElement parent)
    {
        var call = parent.GetProperty("output")[0].GetProperty("call_id").GetRawText();
        var fields = string.Join(',', RequestFields.All.Select(static field => $"\"{field.Name}\":{field.Value}"));
        string[] bodies =
        [
            Creates.Of("""[{"say":"hello"}]"""),
            Creates.Next(parent.GetProperty("id").GetString()!,
                $$"""[{"type":"function_call_output","call_id":{{call}},"output":"ok"}]"""),
            $"{{{fields}}}",
            """{"model":"demo","input":[{"role":"user","content":[{"type":"input_text","text":"a"}]}]}""",
        ];
        return [.. bodies.Select(Encoding.UTF8.GetBytes)];
    }

    private static byte[] Mutate(Random random, byte[] body)
    {
        for (var changes = random.Next(ChangesMax + 1); changes > 0; changes--)
        {
            var (from, to) = (random.Next(body.Length + 1), random.Next(body.Length + 1));
            (from, to) = (Math.Min(from, to), Math.Min(Math.Max(from, to), Math.Min(from, to) + 40));
            body = random.Next(6) switch
            {
                0 => [.. body[..from], .. body[to..]],
                1 => [.. body[..to], .. body[from..]],
                2 => [.. body[..from], .. Encoding.UTF8.GetBytes(Tokens[random.Next(Tokens.Length)]), .. body[from..]],
                3 => [.. body[..from], .. Encoding.UTF8.GetBytes(Tokens[random.Next(Tokens.Length)]), .. body[to..]],
                4 => [.. body[..from], (byte)random.Next(256), .. body[from..]],
                _ => [.. Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(body)
                    .Replace("{", "{" + (random.Next(2) == 0 ? "\"stream\":true," : "\"x\":[],"),
                        StringComparison.Ordinal))],
            };
        }

        return body;
    }

    private static async Task<HttpResponseMessage> SendAsync(
        HttpClient http, string path, Random random, byte[] body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        var isPacked = random.Next(8) == 0;
        request.Content = new ByteArrayContent(isPacked ? Mutate(random, Gzip(body)) : body);
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        if (isPacked)
        {
            request.Content.Headers.TryAddWithoutValidation("Content-Encoding", "gzip");
        }

        return await http.SendAsync(request);
    }

    private static byte[] Gzip(byte[] body)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(body);
        }

        return packed.ToArray();
    }

    private static void Check(HttpResponseMessage answer, string text, int seed)
    {
        if (answer.Content.Headers.ContentType?.MediaType == "text/event-stream")
        {
            Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
            Assert.DoesNotContain("event: error\n", text, StringComparison.Ordinal);
            return;
        }

        using var json = JsonDocument.Parse(text);
        Assert.True(json.RootElement.TryGetProperty(answer.IsSuccessStatusCode ? "id" : "error", out _),
            $"seed {seed}: {text}");
    }
}
