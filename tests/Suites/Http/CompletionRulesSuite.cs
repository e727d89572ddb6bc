using System.Text.Json;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Transports;

namespace Evergrain.Suites.Http;

/// <summary>
/// What <c>POST /v1/chat/completions</c> refuses, and in which words; how turns that fail are answered.
/// </summary>
public abstract class CompletionRulesSuite(IWireHosts hosts)
{
    private const string Hello = """[{"say":"hello"}]""";

    private const string Called = """
        {"role":"user","content":"u"},{"role":"assistant","content":null,"tool_calls":[
        {"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]}
        """;

    [Theory]
    [InlineData("\"n\":2", "n")]
    [InlineData("\"n\":\"1\"", "n")]
    [InlineData("\"functions\":[]", "functions")]
    [InlineData("\"function_call\":\"auto\"", "function_call")]
    [InlineData("\"modalities\":[\"text\",\"audio\"]", "modalities")]
    [InlineData("\"modalities\":[]", "modalities")]
    [InlineData("\"modalities\":\"text\"", "modalities")]
    [InlineData("\"audio\":{\"voice\":\"ash\",\"format\":\"mp3\"}", "audio")]
    [InlineData("\"web_search_options\":{}", "web_search_options")]
    [InlineData("\"prediction\":{\"type\":\"content\",\"content\":\"x\"}", "prediction")]
    [InlineData("\"stream_options\":{\"include_usage\":true}", "stream_options")]
    [InlineData("\"stream\":true,\"stream_options\":{\"include_usage\":1}", "stream_options.include_usage")]
    [InlineData("\"stream\":1", "stream")]
    [InlineData("\"store\":\"yes\"", "store")]
    [InlineData("\"logprobs\":1", "logprobs")]
    [InlineData("\"temperature\":3", "temperature")]
    [InlineData("\"max_tokens\":\"x\"", "max_tokens")]
    [InlineData("\"max_tokens\":5", "max_tokens")]
    [InlineData("\"max_tokens\":1", "max_tokens")]
    [InlineData("\"max_tokens\":0", "max_tokens")]
    [InlineData("\"max_tokens\":64,\"max_completion_tokens\":0", "max_completion_tokens")]
    [InlineData("\"max_tokens\":64,\"max_completion_tokens\":1", "max_completion_tokens")]
    [InlineData("\"max_tokens\":64,\"max_completion_tokens\":\"x\"", "max_completion_tokens")]
    [InlineData("\"reasoning_effort\":{}", "reasoning_effort")]
    [InlineData("\"response_format\":\"json\"", "response_format")]
    [InlineData("\"tools\":{}", "tools")]
    [InlineData("\"tools\":[{\"type\":\"web_search\"}]", "tools[0].type")]
    [InlineData("\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]", "tools[0].function")]
    [InlineData("\"tool_choice\":{\"type\":\"mcp\"}", "tool_choice.type")]
    [InlineData("\"model\":\"demo\"", "model")]
    [InlineData("\"stop\":\"x\"", "stop")]
    [InlineData("\"stop\":{}", "stop")]
    [InlineData("\"stop\":[5]", "stop")]
    [InlineData("\"seed\":0", "seed")]
    [InlineData("\"logit_bias\":{\"1\":2}", "logit_bias")]
    [InlineData("\"presence_penalty\":0.5", "presence_penalty")]
    [InlineData("\"frequency_penalty\":-1", "frequency_penalty")]
    public async Task Parameter_ThatIsNotTaken_IsRefusedByName(string member, string param)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var json = await http.RefusedChatAsync(ChatRequests.Of(Hello, "," + member));

        Assert.Equal((400, param), (json.Refused?.Status, json.Refused?.Error.GetProperty("param").GetString()));
        Assert.Contains($"'{param}'", json.Refused?.Error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Parameters_ThatSayTheDefault_AreTaken()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var completion = await http.ChatAsync(ChatRequests.Of(Hello, """
            ,"n":1.0,"stop":null,"seed":null,"logit_bias":{},"presence_penalty":0.0,"frequency_penalty":0,
            "modalities":["text"],"functions":null,"stream":false,"stream_options":null,"logprobs":false,
            "audio":null,"max_tokens":null,"a_member_of_tomorrow":[1]
            """));

        Assert.Equal("hello", completion.MessageOf().GetProperty("content").GetString());
    }

    [Theory]
    [InlineData("", "messages", "invalid_value")]
    [InlineData("1", "messages[0]", "invalid_value")]
    [InlineData("""{"content":"x"}""", "messages[0].role", "missing_required_parameter")]
    [InlineData("""{"role":"function","name":"f","content":"x"}""", "messages[0].role", "invalid_value")]
    [InlineData("""{"role":"robot","content":"x"}""", "messages[0].role", "invalid_value")]
    [InlineData("""{"role":"user"}""", "messages[0].content", "missing_required_parameter")]
    [InlineData("""{"role":"user","content":7}""", "messages[0].content", "invalid_value")]
    [InlineData("""{"role":"user","content":"a","content":"b"}""", "messages[0].content", "invalid_value")]
    [InlineData("""{"role":"user","content":[{"type":"video"}]}""", "messages[0].content[0].type", "invalid_value")]
    [InlineData("""{"role":"system","content":[{"type":"image_url","image_url":{"url":"x"}}]}""",
        "messages[0].content[0].type", "invalid_value")]
    [InlineData("""{"role":"assistant","content":"x","function_call":{"name":"f","arguments":"{}"}}""",
        "messages[0].function_call", "invalid_value")]
    [InlineData("""{"role":"tool","content":"x"}""", "messages[0].tool_call_id", "missing_required_parameter")]
    [InlineData("""{"role":"user","content":"u"},{"role":"tool","tool_call_id":"c9","content":"x"}""",
        "messages", "invalid_value")]
    [InlineData(Called, "messages", "invalid_value")]
    public async Task Message_Wrong_IsRefusedByItsPlace(string messages, string param, string code)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        (await http.RefusedChatAsync(ChatRequests.With(messages))).AssertRefused(400, code, param);
        (await http.RefusedChatAsync(ChatRequests.With(messages, ",\"stream\":true"))).AssertRefused(400, code, param);
    }

    [Theory]
    [InlineData("", null, "invalid_value")]
    [InlineData("[]", null, "invalid_value")]
    [InlineData("{} {}", null, "invalid_value")]
    [InlineData("""{"model":"demo"}""", "messages", "missing_required_parameter")]
    [InlineData("""{"model":"demo","messages":null}""", "messages", "missing_required_parameter")]
    [InlineData("""{"model":"demo","messages":"x"}""", "messages", "invalid_value")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}]}""", "model", "missing_required_parameter")]
    [InlineData("""{"model":"nobody","messages":[{"role":"user","content":"x"}]}""", "model", "model_not_found")]
    [InlineData("""{"model":"\ud800","messages":[{"role":"user","content":"x"}]}""", null, "invalid_value")]
    public async Task Body_Wrong_IsRefused(string body, string? param, string code)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        (await http.RefusedChatAsync(body)).AssertRefused(400, code, param);
    }

    [Theory]
    [InlineData("rate_limit_exceeded", 429)]
    [InlineData("context_length_exceeded", 400)]
    [InlineData("server_error", 500)]
    public async Task Turn_ThatFailsBeforeItsOutput_IsAnErrorStatus(string code, int status)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var request = ChatRequests.Of($$"""[{"fail":"{{code}}"}]""");

        (await http.RefusedChatAsync(request)).AssertRefused(status, code, null);
        (await http.RefusedChatAsync(request.With("stream"))).AssertRefused(status, code, null);
    }

    [Fact]
    public async Task Turn_ThatFailsBehindSomeOutput_EndsItsStreamWithAnError()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var request = ChatRequests.Of("""[{"fail":"server_error","after_events":4}]""");

        var chunks = await http.ChunksAsync(request);

        (await http.RefusedChatAsync(request)).AssertRefused(500, "server_error", null);
        Assert.Equal("server_error", chunks[^1].GetProperty("error").GetProperty("code").GetString());
        Assert.DoesNotContain(chunks.SkipLast(1), static chunk => chunk.FinishOf() is not null);
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"stream\":true")]
    public async Task Client_GoneDuringAnUnstoredTurn_EndsItsModelCall(string more)
    {
        var model = new GatedModel();
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(model));
        GatedCall unstored;
        using (var http = HttpTurns.Connect(server))
        {
            using var leave = new CancellationTokenSource();
            using var content = new StringContent(
                $$"""{"model":"gated","messages":[{"role":"user","content":"unstored"}]{{more}}}""",
                System.Text.Encoding.UTF8, "application/json");
            var posting = http.PostAsync(ChatRequests.Path, content, leave.Token);
            unstored = await model.CallAsync("unstored");
            await leave.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => posting);
        }

        await unstored.Cancelled.WaitAsync(TestServer.Patience);
    }

    [Theory]
    [InlineData("max_tokens", 0, "'max_tokens' must be at least 1.")]
    [InlineData("max_tokens", 1, "'max_tokens' below 16 is not supported with the model 'demo'")]
    [InlineData("max_completion_tokens", 15, "'max_completion_tokens' below 16 is not supported with")]
    public async Task Bound_ThatIsTooClose_IsRefusedInTheWordsOfTheRequest(string name, int tokens, string message)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var refused = await http.RefusedChatAsync(ChatRequests.Of(Hello, $",\"{name}\":{tokens}"));

        Assert.StartsWith(message, refused.Refused?.Error.GetProperty("message").GetString(),
            StringComparison.Ordinal);
        Assert.DoesNotContain("evergrain", refused.Refused?.Error.GetRawText(), StringComparison.Ordinal);
    }

    // A stream of responses ends with the cancelled response; the other answers have no such object any more.
    [Theory]
    [InlineData(ChatRequests.Path, """{"model":"gated","store":true,"messages":[{"role":"user","content":"go"}]}""")]
    [InlineData("/v1/responses", """{"model":"gated","input":"go"}""")]
    public async Task Turn_DeletedWhileItRuns_IsCancelledForItsClient(string path, string body)
    {
        var model = new GatedModel();
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(model));
        using var http = HttpTurns.Connect(server);
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        var posting = http.PostAsync(path, content);
        await model.CallAsync("go");

        using var deleted = await http.DeleteAsync($"/v1/responses/{await RunningAsync(http)}");
        using var answer = await posting;

        Assert.True(deleted.IsSuccessStatusCode);
        (await HttpTurns.ReadAsync(answer)).AssertRefused(409, "cancelled", null);
    }

    [Fact]
    public async Task Completion_OfATenant_IsUnknownToOthers()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(),
            ("ApiKeys:0", "sk-a=a"), ("ApiKeys:1", "sk-b=b"));
        using var a = HttpTurns.Connect(server, "sk-a");
        using var b = HttpTurns.Connect(server, "sk-b");
        using var nobody = HttpTurns.Connect(server);

        var stored = await a.ChatAsync(ChatRequests.Of(Hello, ",\"store\":true"));
        using var other = await b.GetAsync(PathOf(stored));
        using var none = await nobody.PostChatAsync(ChatRequests.Of(Hello));
        using var own = await a.GetAsync(PathOf(stored));

        Assert.Equal((404, 401, 200), ((int)other.StatusCode, (int)none.StatusCode, (int)own.StatusCode));
    }

    [Fact]
    public async Task Content_Unstored_IsInNoFileAndNoLog()
    {
        var data = Directory.CreateTempSubdirectory("evergrain-chat-");
        try
        {
            var host = await hosts.StartStoredAsync(data.FullName, TimeProvider.System);
            await using (var server = await TestServer.StartAsync(host))
            {
                using var http = HttpTurns.Connect(server);
                await http.ChatAsync(ChatRequests.Of("""[{"say":"stored-text"}]""", ",\"store\":true"));
                await http.ChatAsync(ChatRequests.Of("""[{"say":"hidden-text"}]"""));
                await http.ChunksAsync(ChatRequests.Of("""[{"say":"hidden-text"}]""", ",\"store\":false"));
                await http.RefusedChatAsync(ChatRequests.With("""{"role":"user","content":["hidden-text"]}"""));
                Assert.DoesNotContain(server.Warnings, HasHidden);
            }

            Assert.DoesNotContain(host.Log.Lines, HasHidden);
            var disk = string.Concat(data.GetFiles().Select(static file =>
                System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(file.FullName))));
            Assert.Contains("stored-text", disk, StringComparison.Ordinal);
            Assert.False(HasHidden(disk));
        }
        finally
        {
            data.Delete(recursive: true);
        }
    }

    private static async Task<string?> RunningAsync(HttpClient http)
    {
        const string List = "/evergrain/conversations";
        using var patience = new CancellationTokenSource(TestServer.Patience);
        while (true)
        {
            var page = JsonDocument.Parse(await http.GetStringAsync(List)).RootElement.GetProperty("data");
            foreach (var id in page.EnumerateArray().Select(static one => one.GetProperty("id").GetString()))
            {
                // It is shown once its start is stored.
                using var answer = await http.GetAsync($"{List}/{id}/turns");
                var turns = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
                if (answer.IsSuccessStatusCode && turns.GetProperty("data").GetArrayLength() > 0)
                {
                    return turns.GetProperty("data")[0].GetProperty("id").GetString();
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
        }
    }

    private static bool HasHidden(string text) => text.Contains("hidden-text", StringComparison.Ordinal);

    private static string PathOf(JsonElement completion) =>
        $"/v1/responses/resp_{completion.GetProperty("id").GetString()!["chatcmpl-".Length..]}";
}
