using System.Net;
using System.Text.Json;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;

namespace Evergrain.Suites.Http;

/// <summary>
/// <c>POST /v1/chat/completions</c> over real conversations: what is answered, and what items it makes.
/// </summary>
public abstract class CompletionsSuite(IWireHosts hosts)
{
    private const string Hello = """[{"say":"hello"}]""";
    private const string Calls = """[{"parallel":[{"call":"f","args":{"a":1}},{"call":"g"}]},{"say":"both"}]""";
    private const string Stored = ",\"store\":true";

    private const string Tools = """
        ,"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]
        """;

    private static readonly JsonSerializerOptions Relaxed =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Fact]
    public async Task Text_AsJson_IsACompletion()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var completion = await http.ChatAsync(ChatRequests.Of(Hello));

        Assert.StartsWith("chatcmpl-", completion.GetProperty("id").GetString(), StringComparison.Ordinal);
        Assert.Equal(("chat.completion", "demo"),
            (completion.GetProperty("object").GetString(), completion.GetProperty("model").GetString()));
        var choice = completion.GetProperty("choices").EnumerateArray().Single();
        Assert.Equal(("stop", 0, JsonValueKind.Null), (completion.FinishOf(), choice.GetProperty("index").GetInt32(),
            choice.GetProperty("logprobs").ValueKind));
        Assert.Equal("""{"role":"assistant","content":"hello","refusal":null,"annotations":[]}""",
            completion.MessageOf().GetRawText());
    }

    [Fact]
    public async Task Text_Streamed_IsTheSameInChunks()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var chunks = await http.ChunksAsync(ChatRequests.Of("""[{"say":"hello there"}]"""));

        Assert.Equal(("assistant", "hello there"), (chunks.Joined("role"), chunks.Joined("content")));
        Assert.Equal("stop", chunks[^1].FinishOf());
        Assert.All(chunks, chunk =>
        {
            Assert.Equal("chat.completion.chunk", chunk.GetProperty("object").GetString());
            Assert.Equal(chunks[0].GetProperty("id").GetString(), chunk.GetProperty("id").GetString());
            Assert.False(chunk.TryGetProperty("usage", out _));
        });
        Assert.All(chunks.SkipLast(1), static chunk => Assert.Null(chunk.FinishOf()));
    }

    [Fact]
    public async Task Usage_OfAStream_IsTheLastChunkIfAskedFor()
    {
        const string Script = """
            [{"say":"hi","usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":7,
            """ + """ "output_tokens_details":{"reasoning_tokens":3}}}]""";
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var json = (await http.ChatAsync(ChatRequests.Of(Script))).GetProperty("usage");
        var chunks = await http.ChunksAsync(
            ChatRequests.Of(Script, ",\"stream_options\":{\"include_usage\":true}"));

        Assert.Equal(json.GetRawText(), chunks[^1].GetProperty("usage").GetRawText());
        Assert.Empty(chunks[^1].GetProperty("choices").EnumerateArray());
        Assert.All(chunks.SkipLast(1), static chunk =>
            Assert.Equal(JsonValueKind.Null, chunk.GetProperty("usage").ValueKind));
        Assert.Equal((9, 7, 4, 3), (json.GetProperty("prompt_tokens").GetInt32(),
            json.GetProperty("completion_tokens").GetInt32(),
            json.GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32(),
            json.GetProperty("completion_tokens_details").GetProperty("reasoning_tokens").GetInt32()));
    }

    [Fact]
    public async Task Store_LeftOut_IsFalse()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var unstored = await http.ChatAsync(ChatRequests.Of(Hello));
        var stored = await http.ChatAsync(ChatRequests.Of(Hello, Stored));

        using var gone = await http.GetAsync(ResponsePath(unstored));
        using var kept = await http.GetAsync(ResponsePath(stored));
        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.OK), (gone.StatusCode, kept.StatusCode));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_InParallel_AreAnsweredByToolMessages(bool isStreamed)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var message = isStreamed
            ? MessageOf(await http.ChunksAsync(ChatRequests.Of(Calls, Tools)))
            : (await http.ChatAsync(ChatRequests.Of(Calls, Tools))).MessageOf();
        var calls = message.GetProperty("tool_calls").EnumerateArray().ToList();
        var last = await http.ChatAsync(ChatRequests.With($$"""
            {{ChatRequests.User(Calls)}},{{message.GetRawText()}},
            {"role":"tool","tool_call_id":{{calls[0].GetProperty("id").GetRawText()}},"content":"1"},
            {"role":"tool","tool_call_id":{{calls[1].GetProperty("id").GetRawText()}},
            "content":[{"type":"text","text":"2"}]}
            """, Tools));

        Assert.Equal(JsonValueKind.Null, message.GetProperty("content").ValueKind);
        Assert.Equal(["f {\"a\":1}", "g {}"], calls.Select(static call => call.GetProperty("function"))
            .Select(static f => $"{f.GetProperty("name")} {f.GetProperty("arguments")}"));
        Assert.Equal(("stop", "both"), (last.FinishOf(), last.MessageOf().GetProperty("content").GetString()));
    }

    [Fact]
    public async Task CustomTool_Called_TakesItsInputAsItIs()
    {
        const string Script = """[{"custom":"c","input":"a \"b\""},{"say":"done"}]""";
        const string Offered = ""","tools":[{"type":"custom","custom":{"name":"c","format":{"type":"grammar","""
            + """ "grammar":{"syntax":"regex","definition":".*"}}}}]""";
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var called = await http.ChatAsync(ChatRequests.Of(Script, Offered));
        var streamed = MessageOf(await http.ChunksAsync(ChatRequests.Of(Script, Offered)));
        var call = called.MessageOf().GetProperty("tool_calls")[0];
        var last = await http.ChatAsync(ChatRequests.With($$"""
            {{ChatRequests.User(Script)}},{{called.MessageOf().GetRawText()}},
            {"role":"tool","tool_call_id":{{call.GetProperty("id").GetRawText()}},"content":"ok"}
            """, Offered + Stored));

        Assert.Equal("tool_calls", called.FinishOf());
        Assert.Equal("""{"name":"c","input":"a \"b\""}""", call.GetProperty("custom").GetRawText());
        Assert.Equal("""{"name":"c","input":"a \"b\""}""",
            streamed.GetProperty("tool_calls")[0].GetProperty("custom").GetRawText());
        Assert.Equal(["message", "custom_tool_call", "custom_tool_call_output"],
            (await ItemsAsync(http, last)).Select(static item => item.GetProperty("type").GetString()));
    }

    [Fact]
    public async Task Reasoning_SentBack_IsTheSameItem()
    {
        const string Script = """[{"think":"Hm.","then":{"say":"so"}},{"say":"then"}]""";
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var first = await http.ChatAsync(ChatRequests.Of(Script, Stored));
        var chunks = await http.ChunksAsync(ChatRequests.Of(Script));
        var next = await http.ChatAsync(ChatRequests.With(
            $$"""{{ChatRequests.User(Script)}},{{first.MessageOf().GetRawText()}},{"role":"user","content":"on"}""",
            Stored));

        Assert.Equal("Hm.", first.MessageOf().GetProperty("reasoning_content").GetString());
        Assert.Equal(("Hm.", "so"), (chunks.Joined("reasoning_content"), chunks.Joined("content")));
        var made = await OutputAsync(http, first);
        var sent = await ItemsAsync(http, next);
        Assert.Equal(["message", "reasoning", "message", "message"],
            sent.Select(static item => item.GetProperty("type").GetString()));
        Assert.Equal(KnownOf(made[0]), KnownOf(sent[1]));
    }

    [Fact]
    public async Task Messages_OfEveryKind_BecomeItems()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var completion = await http.ChatAsync(ChatRequests.With("""
            {"role":"system","content":"s"},{"role":"developer","content":[{"type":"text","text":"d"}]},
            {"role":"user","name":"ann","content":[{"type":"text","text":"u"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,AA","detail":"low"}},
            {"type":"input_audio","input_audio":{"data":"AA","format":"wav"}},
            {"type":"file","file":{"file_data":"data:text/plain;base64,AA","filename":"a.txt"}}]},
            {"role":"assistant","content":"a","refusal":"r"},
            {"role":"assistant","content":[{"type":"text","text":"b"},{"type":"refusal","refusal":"q"}]},
            {"role":"assistant","content":"","reasoning_content":"Hm.","tool_calls":[
            {"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"c1","content":"t"},{"role":"user","content":"\ud83d\ude00"}
            """, Tools + Stored));

        string[] expected =
        [
            """{"type":"message","role":"system","content":[{"type":"input_text","text":"s"}]}""",
            """{"type":"message","role":"developer","content":[{"type":"input_text","text":"d"}]}""",
            """{"type":"message","role":"user","content":[{"type":"input_text","text":"u"},"""
                + """{"type":"input_image","image_url":"data:image/png;base64,AA","detail":"low"},"""
                + """{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}},"""
                + """{"type":"input_file","file_data":"data:text/plain;base64,AA","filename":"a.txt"}]}""",
            """{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"},"""
                + """{"type":"refusal","refusal":"r"}]}""",
            """{"type":"message","role":"assistant","content":[{"type":"output_text","text":"b"},"""
                + """{"type":"refusal","refusal":"q"}]}""",
            """{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"Hm."}]}""",
            """{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"}""",
            """{"type":"function_call_output","call_id":"c1","output":"t"}""",
            """{"type":"message","role":"user","content":[{"type":"input_text","text":"\ud83d\ude00"}]}""",
        ];
        Assert.Equal(expected.Select(KnownOf), (await ItemsAsync(http, completion)).Select(KnownOf));
    }

    [Fact]
    public async Task Parameters_OfARequest_AreThoseOfItsResponse()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var completion = await http.ChatAsync(ChatRequests.Of(Hello, """
            ,"store":true,"temperature":0.5,"top_p":0.25,"max_completion_tokens":64,"reasoning_effort":"low",
            "parallel_tool_calls":false,"metadata":{"a":"b"},"user":"u","prompt_cache_key":"k",
            "safety_identifier":"s","service_tier":"flex","verbosity":"low","response_format":{"type":"json_schema",
            "json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}},"tools":[{"type":"function",
            "function":{"name":"f","parameters":{"type":"object"}}}],
            "tool_choice":{"type":"function","function":{"name":"f"}}
            """));

        var response = await ReadAsync(http, ResponsePath(completion));
        (string Name, string Value)[] expected =
        [
            ("temperature", "0.5"), ("top_p", "0.25"), ("max_output_tokens", "64"),
            ("reasoning", """{"effort":"low","summary":null}"""), ("parallel_tool_calls", "false"),
            ("metadata", """{"a":"b"}"""), ("user", "\"u\""), ("prompt_cache_key", "\"k\""),
            ("safety_identifier", "\"s\""), ("service_tier", "\"flex\""),
            ("text", """{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true},"""
                + """ "verbosity":"low"}"""),
            ("tool_choice", """{"type":"function","name":"f"}"""),
        ];
        Assert.All(expected, field => Assert.True(JsonElement.DeepEquals(
            JsonElement.Parse(field.Value), response.GetProperty(field.Name)), $"{response.GetProperty(field.Name)}"));
        Assert.False(response.GetProperty("tools")[0].GetProperty("strict").GetBoolean());
        Assert.Equal("""{"a":"b"}""", completion.GetProperty("metadata").GetRawText());
    }

    [Theory]
    [InlineData("max_output_tokens", "length")]
    [InlineData("content_filter", "content_filter")]
    public async Task Answer_CutShort_SaysWhy(string reason, string finish)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var request = ChatRequests.Of($$"""[{"stop":"{{reason}}"}]""");

        Assert.Equal(finish, (await http.ChatAsync(request)).FinishOf());
        Assert.Equal(finish, (await http.ChunksAsync(request))[^1].FinishOf());
    }

    [Fact]
    public async Task IdempotencyKey_SentAgain_IsTheSameCompletion()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        http.DefaultRequestHeaders.Add("Idempotency-Key", "order-1");

        var first = await http.ChatAsync(ChatRequests.Of(Hello, Stored));
        var again = await http.ChatAsync(ChatRequests.Of(Hello, Stored));
        var other = await http.RefusedChatAsync(ChatRequests.Of(Hello, Stored + ",\"temperature\":0"));

        Assert.Equal(first.GetRawText(), again.GetRawText());
        other.AssertRefused(409, "idempotency_key_reused", "idempotency_key");
    }

    private static string ResponsePath(JsonElement completion) =>
        $"/v1/responses/resp_{completion.GetProperty("id").GetString()!["chatcmpl-".Length..]}";

    private static async Task<JsonElement> ReadAsync(HttpClient http, string path) =>
        JsonDocument.Parse(await http.GetStringAsyncOf(path, HttpStatusCode.OK)).RootElement;

    private static async Task<List<JsonElement>> ItemsAsync(HttpClient http, JsonElement completion) =>
        [.. (await ReadAsync(http, ResponsePath(completion) + "/input_items?order=asc&limit=100"))
            .GetProperty("data").EnumerateArray()];

    private static async Task<List<JsonElement>> OutputAsync(HttpClient http, JsonElement completion) =>
        [.. (await ReadAsync(http, ResponsePath(completion))).GetProperty("output").EnumerateArray()];

    /// <summary>An item without its id and status, which the server may add.</summary>
    private static string KnownOf(JsonElement item) => KnownOf(item.GetRawText());

    private static string KnownOf(string item)
    {
        var members = JsonElement.Parse(item).EnumerateObject()
            .Where(static member => member.Name is not ("id" or "status"))
            .OrderBy(static member => member.Name, StringComparer.Ordinal)
            .Select(static member => $"\"{member.Name}\":{member.Value.GetRawText()}");
        return $"{{{string.Join(',', members)}}}";
    }

    /// <summary>The message that chunks make together, as a client puts it together.</summary>
    private static JsonElement MessageOf(List<JsonElement> chunks)
    {
        var calls = new List<(string Head, string Kind, string Name, string Member, string Argument)>();
        foreach (var call in chunks.SelectMany(static chunk => chunk.GetProperty("choices").EnumerateArray())
            .Where(static choice => choice.GetProperty("delta").TryGetProperty("tool_calls", out _))
            .SelectMany(static choice => choice.GetProperty("delta").GetProperty("tool_calls").EnumerateArray()))
        {
            var kind = call.TryGetProperty("custom", out var called) ? "custom" : "function";
            called = call.GetProperty(kind);
            var member = kind == "custom" ? "input" : "arguments";
            if (call.GetProperty("index").GetInt32() == calls.Count)
            {
                calls.Add(($"\"id\":{call.GetProperty("id").GetRawText()},\"type\":\"{kind}\"", kind,
                    called.GetProperty("name").GetRawText(), member, ""));
            }

            calls[^1] = calls[^1] with { Argument = calls[^1].Argument + called.GetProperty(member).GetString() };
        }

        var written = calls.Select(static call => $"{{{call.Head},\"{call.Kind}\":{{\"name\":{call.Name}," +
            $"\"{call.Member}\":{JsonSerializer.Serialize(call.Argument, Relaxed)}}}}}");
        return JsonElement.Parse(
            $"{{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{string.Join(',', written)}]}}");
    }
}
