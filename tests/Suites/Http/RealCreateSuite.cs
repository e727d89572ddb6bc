using System.Net;
using System.Text;
using System.Text.Json;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Transports;

namespace Evergrain.Suites.Http;

/// <summary>
/// What <c>POST /v1/responses</c> does that a socket does otherwise or not at all, over real conversations.
/// </summary>
public abstract class RealCreateSuite(IWireHosts hosts)
{
    private const string Hello = """[{"say":"hello"}]""";
    private const string Long = """[{"say":"late","delay_ms":60000}]""";
    private const string Slow = """[{"say":"late","delay_ms":600}]""";
    private const string Unstored = ",\"store\":false";

    [Theory]
    [InlineData("""{"model":"demo","input":"hi","stream":"?","background":7,"stream_options":[]}""")]
    public async Task Socket_StreamAndBackground_AreIgnored(string create)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var client = await SocketTransport.ConnectAsync(server, null);

        Assert.Equal("completed", (await client.RunAsync(create)).Status);
    }

    [Fact]
    public async Task IdempotencyKey_SentAgain_IsTheSameTurnOrAConflict()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        http.DefaultRequestHeaders.Add("Idempotency-Key", "order-1");

        var first = await http.AnswerAsync(Creates.Of(Hello));
        var again = await http.AnswerAsync(Creates.Of(Hello));
        using var other = await http.PostCreateAsync(Creates.Of(Hello, ",\"temperature\":0"));

        Assert.Equal(first.Id, again.Id);
        (await HttpTurns.ReadAsync(other)).AssertRefused(409, "idempotency_key_reused", "idempotency_key");
    }

    [Fact]
    public async Task Background_Create_IsAnsweredAtOnceAndRunsOn()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var begun = await http.AnswerAsync(Creates.Of(Slow, ",\"background\":true"));
        using var stream = await http.GetStreamAsyncOf($"/v1/responses/{begun.Id}?stream=true");
        var ended = TurnResult.Of(await stream.ReadToEndAsync());

        Assert.Equal(("in_progress", 0), (begun.Status, begun.Ended.GetProperty("output").GetArrayLength()));
        Assert.Equal((begun.Id, "completed", "late"), (ended.Id, ended.Status, ended.Text));
    }

    [Fact]
    public async Task Background_Refused_IsAnError()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        var turn = await http.AnswerAsync("""{"model":"nobody","input":"hi","background":true}""");

        turn.AssertRefused(400, "model_not_found", "model");
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"stream\":true")]
    public async Task Client_GoneDuringATurn_EndsTheModelCallIfItWasNotStored(string more)
    {
        var model = new GatedModel();
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(model));
        GatedCall stored, unstored;
        using (var raw = await RawSocket.ConnectAsync(server))
        using (var other = await RawSocket.ConnectAsync(server))
        {
            await raw.PostAsync(Gated("stored", more), "Idempotency-Key: cut\r\n");
            stored = await model.CallAsync("stored");
            await other.PostAsync(Gated("unstored", Unstored + more));
            unstored = await model.CallAsync("unstored");
        }

        await unstored.Cancelled;
        await stored.AnswerAsync("still here");
        using var http = HttpTurns.Connect(server);
        using var again = new HttpRequestMessage(HttpMethod.Post, "/v1/responses")
        {
            Content = new StringContent(Gated("stored", more), Encoding.UTF8, "application/json"),
        };
        again.Headers.Add("Idempotency-Key", "cut");
        using var answer = await http.SendAsync(again);
        var text = await answer.Content.ReadAsStringAsync();
        var id = text[text.IndexOf("resp_", StringComparison.Ordinal)..].Split('"')[0];
        using var stream = await http.GetStreamAsyncOf($"/v1/responses/{id}?stream=true");
        Assert.Equal("still here", TurnResult.Of(await stream.ReadToEndAsync()).Text);
    }

    // As SDKs do it behind a proxy that answers 504: it closes what it had open here, and the same bytes come again.
    [Theory]
    [InlineData("")]
    [InlineData(",\"stream\":true")]
    public async Task Create_SentAgainWhileNobodyReadsItsFirstTries_RunsOneModelCall(string more)
    {
        var model = new GatedModel();
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(model));
        var tries = new List<GatedCall>();
        for (var i = 0; i < 2; i++)
        {
            using var raw = await RawSocket.ConnectAsync(server);
            await raw.PostAsync(Gated("again", more));
            tries.Add(await model.CallAsync("again"));
        }

        using var http = HttpTurns.Connect(server);
        var last = http.PostCreateAsync(Gated("again", more));
        var answered = await model.CallAsync("again");
        await Task.WhenAll(tries.Select(static call => call.Cancelled)).WaitAsync(Waits.Patience);
        Assert.False(answered.Cancelled.IsCompleted);
        await answered.AnswerAsync("here");
        using var answer = await last;
        Assert.Contains("here", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var patience = new CancellationTokenSource(Waits.Patience);
        while (!(await http.GetStringAsync(new Uri("/metrics", UriKind.Relative), patience.Token))
            .Contains("evergrain_turns_repeated_total{} 2\n", StringComparison.Ordinal))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
        }
    }

    [Theory]
    [InlineData("other", "")]
    [InlineData("again", ",\"temperature\":1")]
    [InlineData("again", ",\"background\":true")]
    public async Task Create_ThatIsAnother_LeavesATurnThatNobodyReads(string text, string more)
    {
        var model = new GatedModel();
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(model));
        using var http = HttpTurns.Connect(server);
        var first = Gated("again", more.Contains("background", StringComparison.Ordinal) ? more : "");
        GatedCall unread;
        using (var raw = await RawSocket.ConnectAsync(server))
        {
            await raw.PostAsync(first);
            unread = await model.CallAsync("again");
        }

        var other = http.PostCreateAsync(Gated(text, more));
        var second = await model.CallAsync(text);
        await second.AnswerAsync();
        (await other).Dispose();

        // What is to end it has had its time: a create behind it is answered.
        Assert.False(unread.Cancelled.IsCompleted);
        await unread.AnswerAsync();
    }

    [Fact]
    public async Task Create_SentAgainWhileItsFirstTryIsReadById_LeavesIt()
    {
        var model = new GatedModel();
        await using var server = await TestServer.StartAsync(await hosts.StartAsync(model));
        using var http = HttpTurns.Connect(server);
        GatedCall first;
        string id;
        using (var raw = await RawSocket.ConnectAsync(server))
        {
            await raw.PostAsync(Gated("again", ",\"stream\":true"));
            first = await model.CallAsync("again");
            id = await NewestAsync(http);
        }

        using var stream = await http.GetStreamAsyncOf($"/v1/responses/{id}?stream=true");
        var other = http.PostCreateAsync(Gated("again", ",\"stream\":true"));
        await (await model.CallAsync("again")).AnswerAsync();
        (await other).Dispose();

        await first.AnswerAsync("still here");
        Assert.Equal("still here", TurnResult.Of(await stream.ReadToEndAsync()).Text);
    }

    [Fact]
    public async Task Cancel_EndedResponse_ChangesNothing()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var turn = await http.AnswerAsync(Creates.Of(Hello));

        var cancelled = await http.CancelAsync(turn.Id);

        Assert.Equal(turn.Ended.GetRawText(), cancelled.GetRawText());
    }

    [Fact]
    public async Task Cancel_RunningResponse_AnswersWithItsEndEachTime()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);
        var begun = await http.AnswerAsync(Creates.Of(Long, ",\"background\":true"));

        var first = await http.CancelAsync(begun.Id);
        var second = await http.CancelAsync(begun.Id);

        Assert.Equal("cancelled", first.GetProperty("status").GetString());
        Assert.Equal(first.GetRawText(), second.GetRawText());
    }

    [Theory]
    [InlineData("resp_x")]
    [InlineData("resp_0000000000000000000001_1")]
    public async Task Cancel_UnknownResponse_IsNotFound(string id)
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        using var answer = await http.PostAsync($"/v1/responses/{id}/cancel", null);

        Assert.Equal(404, (int)answer.StatusCode);
    }

    [Fact]
    public async Task Quota_UsedUp_IsNotWorthTryingAgain()
    {
        await using var server = await TestServer.StartAsync(await hosts.StartAsync());
        using var http = HttpTurns.Connect(server);

        using var answer = await http.PostCreateAsync(Creates.Of("""[{"fail":"insufficient_quota"}]"""));

        Assert.Equal((429, "false"), ((int)answer.StatusCode, Header(answer, "x-should-retry")));
        var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal("insufficient_quota", body.CodeOf());
    }

    private static string Gated(string text, string more) =>
        $$"""{"model":"gated","input":[{"role":"user","content":"{{text}}"}]{{more}}}""";

    private static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? values.Single() : null;

    private static async Task<string> NewestAsync(HttpClient http)
    {
        var list = await http.GetStringAsyncOf("/evergrain/conversations?limit=1", HttpStatusCode.OK);
        var conversation = JsonDocument.Parse(list).RootElement.GetProperty("data")[0].GetProperty("id").GetString();
        var turns = await http.GetStringAsyncOf($"/evergrain/conversations/{conversation}/turns", HttpStatusCode.OK);
        return JsonDocument.Parse(turns).RootElement.GetProperty("data")[0].GetProperty("id").GetString()!;
    }
}
