using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Turns;

public sealed class ConversationTests
{
    private readonly ConversationDriver _driver = new();

    [Fact]
    public void StartTurn_Stored_ShowsNoEventBeforeItIsDurable()
    {
        var id = _driver.Create(ConversationDriver.Json("hello"));
        _driver.Model(id, ConversationDriver.Message("hi"));
        Assert.Empty(_driver.Events(id));
        _driver.AppendOne();
        Assert.NotEmpty(_driver.Events(id));
    }

    [Fact]
    public void Finish_Stored_ShowsTerminalEventOnlyWhenDurable()
    {
        var id = _driver.Say("hello");
        _driver.Model(id, [.. ConversationDriver.Message("hi"), new ModelEvent(ModelEventKind.Completed)]);
        Assert.Equal("response.output_item.done", ConversationDriver.TypeOf(_driver.Events(id)[^1]));
        _driver.AppendAll();
        Assert.Equal("response.completed", ConversationDriver.TypeOf(_driver.Events(id)[^1]));
    }

    [Fact]
    public void ListLive_AskedWhileAnEndIsWritten_GivesTheEndNextTime()
    {
        var id = _driver.Say("hello");
        _driver.Model(id, new ModelEvent(ModelEventKind.Completed) { Usage = new Usage(3, 0, 1, 0) });
        _driver.Now += TimeSpan.FromSeconds(1);

        var (running, since) = Read(_driver.Conversation.ListLive(long.MaxValue, _driver.Now));
        _driver.AppendAll();
        _driver.Now += TimeSpan.FromSeconds(1);
        var (ended, later) = Read(_driver.Conversation.ListLive(since, _driver.Now));

        Assert.Equal(("in_progress", "completed"), (running, ended));
        Assert.Equal(_driver.Now.ToUnixTimeMilliseconds(), later);

        static (string? Status, long Now) Read(ReadOnlyMemory<byte> list)
        {
            var root = JsonDocument.Parse(list).RootElement;
            return (Assert.Single(root.GetProperty("data").EnumerateArray()).GetProperty("status").GetString(),
                root.GetProperty("now_ms").GetInt64());
        }
    }

    [Fact]
    public void Call_Stored_IsDurableBeforeItsDoneEventLeaves()
    {
        var id = _driver.Say("hello");
        _driver.Model(id, ConversationDriver.Call("call_1"));
        Assert.Equal("response.function_call_arguments.done", ConversationDriver.TypeOf(_driver.Events(id)[^1]));
        _driver.AppendOne();
        Assert.Equal("response.output_item.done", ConversationDriver.TypeOf(_driver.Events(id)[^1]));
    }

    [Fact]
    public void Restart_CallSeenThenKilled_CanBeAnswered()
    {
        var id = _driver.Say("hello");
        _driver.Model(id, ConversationDriver.Call("call_1"));
        _driver.AppendAll();
        _driver.Restart();
        var failed = Assert.Single(_driver.Events(id, from: 9));
        using var json = JsonDocument.Parse(failed);
        Assert.Equal("response.failed", json.RootElement.GetProperty("type").GetString());
        Assert.Equal(9, json.RootElement.GetProperty("sequence_number").GetInt32());
        var response = json.RootElement.GetProperty("response");
        Assert.Equal("server_error", response.GetProperty("error").GetProperty("code").GetString());
        Assert.StartsWith("interrupted:", response.GetProperty("error").GetProperty("message").GetString()!,
            StringComparison.Ordinal);
        Assert.Equal("call_1", response.GetProperty("output")[0].GetProperty("call_id").GetString());

        var next = _driver.Create($$"""
            {"model":"m","previous_response_id":"{{id}}",
             "input":[{"type":"function_call_output","call_id":"call_1","output":"done"}]}
            """);
        _driver.AppendAll();
        _driver.Answer(next);
        Assert.Equal("completed", _driver.Get(next).GetProperty("status").GetString());
    }

    [Fact]
    public void Replay_EndedTurn_GivesTheSameBytesInAnyLife()
    {
        var id = _driver.Say("hello");
        _driver.Conversation.Attach(id.Turn, ConversationDriver.Lease, _driver.Now);
        _driver.Model(id,
        [
            new ModelEvent(ModelEventKind.ItemStarted) { Item = OutputKind.Reasoning },
            new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.SummaryText },
            ConversationDriver.Delta("thin\"k\\ing \ud83d\ude00"),
            new ModelEvent(ModelEventKind.PartDone),
            new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.ReasoningText },
            ConversationDriver.Delta("deep"),
            new ModelEvent(ModelEventKind.PartDone),
            new ModelEvent(ModelEventKind.ItemDone),
            .. ConversationDriver.Message("a longer \"answer\"\n with \u2028 lines"),
            .. ConversationDriver.Call("call_1", "na\"me"),
        ]);
        _driver.Model(id, new ModelEvent(ModelEventKind.Completed) { Usage = new Usage(10, 5, 3, 1) });
        _driver.AppendAll();
        var live = _driver.Events(id);
        _driver.Conversation.Detach(id.Turn, _driver.Now);
        var replayed = _driver.Events(id);
        _driver.Restart();
        Assert.Equal(live, replayed);
        Assert.Equal(live, _driver.Events(id));
        Assert.Equal(live.Skip(5), _driver.Events(id, from: 5));
        Assert.Equal(Enumerable.Range(0, live.Count), live.Select(json =>
            JsonDocument.Parse(json).RootElement.GetProperty("sequence_number").GetInt32()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Replay_TurnCutOrCancelled_GivesTheSameBytes(bool cancel)
    {
        var id = _driver.Say("hello");
        _driver.Conversation.Attach(id.Turn, ConversationDriver.Lease, _driver.Now);
        _driver.Model(id, ConversationDriver.Message("a whole answer and a half")[..5]);
        if (cancel)
        {
            _driver.Conversation.Cancel(id.Turn, default, _driver.Now);
            _driver.Take();
        }
        else
        {
            _driver.Model(id, new ModelEvent(ModelEventKind.Incomplete) { Code = "max_output_tokens" });
        }

        _driver.AppendAll();
        var live = _driver.Events(id);
        _driver.Restart();
        Assert.Equal(live, _driver.Events(id));
        var response = _driver.Get(id);
        Assert.Equal(cancel ? "cancelled" : "incomplete", response.GetProperty("status").GetString());
        Assert.Equal("response.incomplete", ConversationDriver.TypeOf(live[^1]));
        Assert.Equal(cancel ? JsonValueKind.Null : JsonValueKind.Object,
            response.GetProperty("incomplete_details").ValueKind);
        Assert.Equal(cancel ? 0 : 1, response.GetProperty("output").GetArrayLength());
    }

    [Fact]
    public void StartTurn_SameRequestId_AttachesEvenAfterRestart()
    {
        var id = _driver.Create(ConversationDriver.Json("hello"), request: 5);
        _driver.AppendAll();
        Assert.Equal(id, _driver.Create(ConversationDriver.Json("hello"), request: 5));
        _driver.Answer(id);
        _driver.Restart();
        Assert.Equal(id, _driver.Create(ConversationDriver.Json("hello"), request: 5));
        Assert.Null(_driver.Append);
    }

    [Fact]
    public void StartTurn_AfterAnotherActivation_ClaimsFirst()
    {
        var first = _driver.Say("one");
        _driver.Answer(first);
        _driver.Restart();
        _driver.Say("two", first);
        var claimed = RecordFrames.Read(_driver.Journal[^1].Records, _driver.Owner)[0];
        Assert.IsType<Claimed>(claimed);
    }

    [Fact]
    public void OnAppendFailed_RunningTurn_EndsTheActivation()
    {
        var id = _driver.Say("hello");
        _driver.Model(id, [.. ConversationDriver.Message("hi"), new ModelEvent(ModelEventKind.Completed)]);
        _driver.Conversation.OnAppendFailed();
        _driver.Take();
        Assert.True(_driver.Conversation.IsLost);
        Assert.Contains(_driver.Effects, effect => effect is Effect.CancelCall);
        Assert.True(_driver.Conversation.Read(id.Turn, default, 99).IsLost);
        Assert.DoesNotContain(_driver.Events(id), json => ConversationDriver.TypeOf(json) == "response.completed");
    }

    [Fact]
    public void Fork_TwoTurnsOfOneParent_SeeTheirOwnContext()
    {
        var root = _driver.Say("root");
        _driver.Answer(root);
        var left = _driver.Say("left", root);
        var right = _driver.Say("right", root);
        Assert.Equal(3, _driver.Calls[right.Turn].Context.ItemCount);
        _driver.Answer(right, "r");
        _driver.Answer(left, "l");
        Assert.Contains("left", Context(left), StringComparison.Ordinal);
        Assert.DoesNotContain("left", Context(right), StringComparison.Ordinal);
        var next = _driver.Say("again", right);
        Assert.Equal(5, _driver.Calls[next.Turn].Context.ItemCount);
        Assert.DoesNotContain("left", Context(next), StringComparison.Ordinal);
    }

    [Fact]
    public void Work_LongChain_TouchesEachItemOnce()
    {
        var backend = new ScriptedBackend();
        var driver = new ConversationDriver(backend);
        ResponseId? last = null;
        for (var i = 0; i < 50; i++)
        {
            last = driver.Say("turn", last);
            driver.Answer(last.Value);
        }

        Assert.Equal(100, driver.Conversation.Work.Validated);
        Assert.Equal(100, driver.Conversation.Work.Rendered);
        Assert.Equal(100, backend.RenderCalls);
    }

    [Fact]
    public void Unstored_Turn_WritesNothingAndDiesWithItsLease()
    {
        var first = _driver.Say("secret", store: false);
        _driver.Answer(first);
        var second = _driver.Say("more", first, store: false);
        _driver.Answer(second);
        Assert.Empty(_driver.Journal);
        Assert.Throws<ConversationException>(() => _driver.Events(second, lease: new LeaseId(8)));
        _driver.Conversation.Release(ConversationDriver.Lease, _driver.Now);
        Assert.Throws<ConversationException>(() => _driver.Events(second));
        Assert.True(_driver.Conversation.IsIdle);
    }

    [Fact]
    public void Unstored_LeaseNotRenewed_IsForgotten()
    {
        var first = _driver.Say("secret", store: false);
        _driver.Answer(first);
        WakeWhenAsked();
        _driver.Get(first);
        WakeWhenAsked();
        Assert.Throws<ConversationException>(() => _driver.Get(first));
    }

    [Theory]
    [InlineData(20)]
    [InlineData(3600)]
    public void Unstored_ProcessStoodStill_LeaseBeginsAnew(int secondsLate)
    {
        var first = _driver.Say("secret", store: false);
        _driver.Answer(first);
        WakeWhenAsked(TimeSpan.FromSeconds(secondsLate));
        var resumed = _driver.Now;
        WakeWhenAsked();
        _driver.Get(first);
        WakeWhenAsked();
        Assert.Equal(resumed + Limits.LeaseDuration, _driver.Now);
        Assert.Throws<ConversationException>(() => _driver.Get(first));
    }

    [Fact]
    public void Unstored_FailedContinuation_EvictsTheParent()
    {
        var first = _driver.Say("one", store: false);
        _driver.Answer(first);
        var bad = $$"""
            {"model":"m","store":false,"previous_response_id":"{{first}}",
             "input":[{"type":"function_call_output","call_id":"nope","output":"x"}]}
            """;
        Assert.Equal(RefusalKind.InvalidRequest, Refused(bad).Kind);
        Assert.Equal(RefusalKind.PreviousResponseNotFound, Refused(bad).Kind);
    }

    [Fact]
    public void Unstored_OnStoredParent_LeavesTheJournalAsItIs()
    {
        var stored = _driver.Say("one");
        _driver.Answer(stored);
        var appends = _driver.Journal.Count;
        var unstored = _driver.Say("two", stored, store: false);
        _driver.Answer(unstored);
        Assert.Equal(appends, _driver.Journal.Count);
        Assert.Equal("store", Refused(ConversationDriver.Json("three", unstored)).Param);
    }

    [Fact]
    public void WarmUp_WithoutGeneration_CompletesAtOnce()
    {
        var id = _driver.Create("""{"model":"m","input":"hello","generate":false,"store":false}""");
        Assert.Empty(_driver.Calls);
        Assert.Equal(["response.created", "response.in_progress", "response.completed"],
            _driver.Events(id).Select(ConversationDriver.TypeOf));
        var next = _driver.Say("go", id, store: false);
        Assert.Equal(2, _driver.Calls[next.Turn].Context.ItemCount);
    }

    [Fact]
    public void Delete_LastResponse_DeletesTheJournal()
    {
        var first = _driver.Say("one");
        _driver.Answer(first);
        var second = _driver.Say("two", first);
        _driver.Answer(second);
        _driver.Conversation.Delete(first.Turn, default, _driver.Now);
        _driver.Take();
        _driver.AppendAll();
        Assert.Equal(RefusalKind.PreviousResponseNotFound, Refused(ConversationDriver.Json("x", first)).Kind);
        var third = _driver.Say("three", second);
        Assert.Equal(5, _driver.Calls[third.Turn].Context.ItemCount);
        _driver.Answer(third);
        _driver.Conversation.Delete(second.Turn, default, _driver.Now);
        _driver.Conversation.Delete(third.Turn, default, _driver.Now);
        _driver.Take();
        _driver.AppendAll();
        Assert.Single(_driver.Effects, effect => effect is Effect.DeleteJournal);
    }

    [Fact]
    public void Recover_OtherRendering_RendersTheBranchOnce()
    {
        var (one, two) = (new ScriptedBackend("m", "one"), new ScriptedBackend("other", "two"));
        var driver = new ConversationDriver(one, two);
        var id = driver.Say("hello");
        driver.Answer(id);
        var next = driver.Create($$"""{"model":"other","previous_response_id":"{{id}}","input":"x"}""");
        driver.AppendAll();
        Assert.Equal(3, two.RenderCalls);
        Assert.StartsWith("two 1: ", Text(driver.Calls[next.Turn]), StringComparison.Ordinal);
    }

    [Fact]
    public void StartTurn_ManyItems_SealsSegmentsAndKeepsTheContext()
    {
        var driver = new ConversationDriver();
        var items = string.Join(',', Enumerable.Range(0, 600).Select(i => $$"""{"role":"user","content":"{{i}}"}"""));
        var id = driver.Create($$"""{"model":"m","input":[{{items}}]}""");
        driver.AppendAll();
        driver.Answer(id);
        var next = driver.Say("end", id);
        var lines = Text(driver.Calls[next.Turn]).TrimEnd('\n').Split('\n');
        Assert.Equal(602, lines.Length);
        Assert.StartsWith("scripted 600: ", lines[599], StringComparison.Ordinal);
    }

    private string Context(ResponseId id) => Text(_driver.Calls[id.Turn]);

    private void WakeWhenAsked(TimeSpan late = default)
    {
        _driver.Take();
        _driver.Now = _driver.Effects.OfType<Effect.WakeAt>().Last().Time + late;
        _driver.Conversation.OnTime(_driver.Now);
        _driver.Take();
    }

    private static string Text(ModelCall call) =>
        string.Concat(call.Context.Chunks().Select(chunk => Encoding.UTF8.GetString(chunk.Span)));

    private Refusal Refused(string json) =>
        Assert.Throws<ConversationException>(() => _driver.Create(json)).Refusal;
}
