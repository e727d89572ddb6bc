using System.Net;
using System.Text.Json;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;

namespace Evergrain.Suites.Http;

/// <summary>Stored responses, read and deleted in the form of chat completions.</summary>
public abstract class StoredCompletionsSuite(IWireHosts hosts)
{
    private const string Calls = """[{"parallel":[{"call":"f","args":{"a":1}},{"call":"f"}]},{"say":"both"}]""";

    private const string Stored = """
        ,"store":true,"metadata":{"a":"b"},"tools":[{"type":"function","function":{"name":"f"}}]
        """;

    [Fact]
    public async Task Completion_Stored_IsReadAndDeleted()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var made = await http.ChatAsync(ChatRequests.Of("""[{"say":"hello"}]""", Stored));

        var read = await ReadAsync(http, PathOf(made), HttpStatusCode.OK);
        using var deleted = await http.DeleteAsync(PathOf(made));
        var gone = await ReadAsync(http, PathOf(made), HttpStatusCode.NotFound);

        Assert.Equal(made.GetRawText(), read.GetRawText());
        var answer = JsonDocument.Parse(await deleted.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(("chat.completion.deleted", true, made.GetProperty("id").GetString()),
            (answer.GetProperty("object").GetString(), answer.GetProperty("deleted").GetBoolean(),
                answer.GetProperty("id").GetString()));
        Assert.Equal("not_found", gone.CodeOf());
    }

    [Fact]
    public async Task Response_ThatIsNoCompletion_IsNotFound()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var unstored = await http.ChatAsync(ChatRequests.Of("""[{"say":"hello"}]"""));
        var running = await http.AnswerAsync(
            Creates.Of("""[{"say":"late","delay_ms":60000}]""", ",\"background\":true"));
        var cancelled = running.Id.Replace("resp_", "chatcmpl-", StringComparison.Ordinal);

        foreach (var path in (string[])[PathOf(unstored), $"{ChatRequests.Path}/{cancelled}",
            $"{ChatRequests.Path}/{running.Id}", $"{ChatRequests.Path}/x", $"{ChatRequests.Path}/x/messages",
            $"{PathOf(unstored)}/messages"])
        {
            Assert.Equal("not_found", (await ReadAsync(http, path, HttpStatusCode.NotFound)).CodeOf());
        }

        await http.CancelAsync(running.Id);
        await ReadAsync(http, $"{ChatRequests.Path}/{cancelled}", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Completion_OfAnotherTenant_IsNotFound()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(),
            ("ApiKeys:0", "sk-a=a"), ("ApiKeys:1", "sk-b=b"));
        using var a = HttpTurns.Connect(server, "sk-a");
        using var b = HttpTurns.Connect(server, "sk-b");
        var made = await a.ChatAsync(ChatRequests.Of("""[{"say":"hello"}]""", Stored));

        await ReadAsync(b, PathOf(made), HttpStatusCode.NotFound);
        await ReadAsync(b, PathOf(made) + "/messages", HttpStatusCode.NotFound);
        using var deleted = await b.DeleteAsync(PathOf(made));

        Assert.Equal(HttpStatusCode.NotFound, deleted.StatusCode);
        await ReadAsync(a, PathOf(made), HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("asc", 1)]
    [InlineData("asc", 2)]
    [InlineData("asc", 100)]
    [InlineData("desc", 1)]
    [InlineData("desc", 3)]
    public async Task Messages_InPages_AreThoseThatWereSent(string order, int limit)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var called = (await http.ChatAsync(ChatRequests.Of(Calls, Stored))).MessageOf();
        var ids = called.GetProperty("tool_calls").EnumerateArray()
            .Select(static call => call.GetProperty("id").GetRawText()).ToList();
        var made = await http.ChatAsync(ChatRequests.With($$"""
            {"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"u"},
            {"type":"image_url","image_url":{"url":"data:x","detail":"low"} }]},
            {{ChatRequests.User(Calls)}},{{called.GetRawText()}},
            {"role":"tool","tool_call_id":{{ids[0]}},"content":"1"},
            {"role":"tool","tool_call_id":{{ids[1]}},"content":"2"}
            """, Stored));

        var messages = await PagesAsync(http, PathOf(made), order, limit);

        messages = order == "asc" ? messages : [.. messages.AsEnumerable().Reverse()];
        Assert.Equal(["system", "user", "user", "assistant", "tool", "tool"],
            messages.Select(static message => message.GetProperty("role").GetString()));
        Assert.Equal("s", messages[0].GetProperty("content").GetString());
        Assert.Equal(
            """[{"type":"text","text":"u"},{"type":"image_url","image_url":{"url":"data:x","detail":"low"}}]""",
            messages[1].GetProperty("content_parts").GetRawText());
        Assert.Equal(called.GetProperty("tool_calls").GetRawText(), messages[3].GetProperty("tool_calls").GetRawText());
        Assert.Equal(ids, messages[4..].Select(static message => message.GetProperty("tool_call_id").GetRawText()));
    }

    private static string PathOf(JsonElement completion) =>
        $"{ChatRequests.Path}/{completion.GetProperty("id").GetString()}";

    private static async Task<JsonElement> ReadAsync(HttpClient http, string path, HttpStatusCode status) =>
        JsonDocument.Parse(await http.GetStringAsyncOf(path, status)).RootElement;

    private static async Task<List<JsonElement>> PagesAsync(HttpClient http, string path, string order, int limit)
    {
        var messages = new List<JsonElement>();
        var after = "";
        JsonElement page;
        do
        {
            page = await ReadAsync(http, $"{path}/messages?order={order}&limit={limit}{after}", HttpStatusCode.OK);
            var data = page.GetProperty("data").EnumerateArray().ToList();
            Assert.InRange(data.Count, 1, limit);
            Assert.Equal(data[^1].GetProperty("id").GetString(), page.GetProperty("last_id").GetString());
            messages.AddRange(data);
            after = $"&after={page.GetProperty("last_id").GetString()}";
        }
        while (page.GetProperty("has_more").GetBoolean());
        return messages;
    }
}
