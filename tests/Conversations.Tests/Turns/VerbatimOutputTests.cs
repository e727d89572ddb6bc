using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>
/// Output of a server that speaks this protocol itself: items and events pass as they are, ids apart.
/// </summary>
public sealed class VerbatimOutputTests
{
    private const string Search = """{"type":"web_search_call","status":"completed","action":{"query":"a"}}""";
    private const string Said =
        """{"type":"message","phase":"final","role":"assistant","content":[{"type":"output_text","text":"a\u00e9b",""" +
        """ "annotations":[{"type":"x","text":"no"}]}]}""";

    [Fact]
    public void OtherItem_WithItsEvents_PassesAndIsReplayedByteForByte()
    {
        var driver = new ConversationDriver();
        var id = driver.Say("find");
        driver.Model(id,
            Started(OutputKind.Other, """{"type":"web_search_call","status":"in_progress"}""") with { IdPrefix = "ws" },
            Raw("response.web_search_call.searching", "{}"),
            Raw("response.web_search_call.completed", """{ "more":1}"""),
            Done(Search, "ws_up"),
            new ModelEvent(ModelEventKind.Completed));
        driver.AppendAll();

        var live = driver.Events(id);
        var item = $"ws_{id.Conversation.Code}_{id.Turn}_0";
        Assert.Contains("{\"type\":\"response.output_item.done\",\"sequence_number\":5,\"output_index\":0,\"item\":" +
            $$$"""{"id":"{{{item}}}",{{{Search[1..]}}}}""", live);
        Assert.Contains("{\"type\":\"response.web_search_call.searching\",\"sequence_number\":3," +
            $$"""  "item_id":"{{item}}","output_index":0}""".TrimStart(), live);
        Assert.Contains("{\"type\":\"response.web_search_call.completed\",\"sequence_number\":4," +
            $$"""  "item_id":"{{item}}","output_index":0,"more":1}""".TrimStart(), live);
        driver.Restart();
        Assert.Equal(live, driver.Events(id));
    }

    [Fact]
    public void KnownItem_AsItsServerSaidIt_KeepsItsOwnMembers()
    {
        var driver = new ConversationDriver();
        var id = Answer(driver, "a\\u00e9b", Said);

        var live = driver.Events(id);
        Assert.Contains(live, json => json.Contains("\"phase\":\"final\"", StringComparison.Ordinal));
        Assert.Contains(live, json => json.Contains("\"part\":{\"own\":1}", StringComparison.Ordinal));
        driver.Restart();
        Assert.Equal(live, driver.Events(id));
    }

    [Fact]
    public void KnownItem_StreamedInOtherWordsThanItEnds_IsReplayedAsStreamed()
    {
        var driver = new ConversationDriver();
        var id = Answer(driver, "another text", Said);

        var live = driver.Events(id);
        Assert.Contains(live, json => json.Contains("\"text\":\"another text\"", StringComparison.Ordinal));
        Assert.Equal("aéb", driver.Get(id).GetProperty("output")[0].GetProperty("content")[0].GetProperty("text")
            .GetString());
        driver.Restart();
        Assert.Equal(live, driver.Events(id));
    }

    [Fact]
    public void ServerIds_AcrossARestart_GoBackToTheRendering()
    {
        var backend = new OriginBackend();
        var driver = new ConversationDriver(backend);
        var first = Answer(driver, "a\\u00e9b", Said);
        backend.Seen.Clear();
        driver.Restart();
        driver.Say("more", first);

        Assert.Equal([null, new ItemOrigin("origins", "msg_up"), null], backend.Seen);
    }

    [Theory]
    [InlineData("""{"type":"function_call","name":"f","arguments":"{}"}""")]
    [InlineData("""{"type":"message","role":"assistant","content":[],"content":[]}""")]
    [InlineData("""{"type":"reasoning","summary":[]}""")]
    [InlineData("""{"type":"message","role":"assistant"}""")]
    public void Item_ThatIsNotWhatBegan_FailsTheTurnAndTheConversationGoesOn(string json)
    {
        var driver = new ConversationDriver();
        var id = driver.Say("go");
        driver.Model(id, Started(OutputKind.Message, """{"type":"message"}"""), Done(json, "x"));
        driver.AppendAll();

        var live = driver.Events(id);
        Assert.Equal("response.failed", ConversationDriver.TypeOf(live[^1]));
        driver.Restart();
        Assert.Equal(live, driver.Events(id));
        driver.Answer(driver.Say("again", id));
    }

    [Theory]
    [InlineData("a\"b")]
    [InlineData("a\\")]
    [InlineData("\\u12")]
    [InlineData("\\x")]
    [InlineData("a\nb")]
    public void Delta_ThatIsNoStringContent_FailsTheTurnAndTheConversationGoesOn(string text)
    {
        var driver = new ConversationDriver();
        var id = driver.Say("go");
        driver.Model(id,
            new ModelEvent(ModelEventKind.ItemStarted) { Item = OutputKind.Message },
            new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.OutputText },
            new ModelEvent(ModelEventKind.Delta) { Text = Encoding.UTF8.GetBytes(text) });
        driver.AppendAll();

        var live = driver.Events(id);
        Assert.Equal("response.failed", ConversationDriver.TypeOf(live[^1]));
        driver.Restart();
        Assert.Equal(live, driver.Events(id));
        driver.Answer(driver.Say("again", id));
    }

    [Fact]
    public void OpenItem_WhenTheTurnIsCutOrFails_IsReplayedByteForByte()
    {
        foreach (var end in new[] { ModelEventKind.Incomplete, ModelEventKind.Failed })
        {
            var driver = new ConversationDriver();
            var id = driver.Say("go");
            driver.Model(id, Started(OutputKind.Other, """{"type":"thing","n":1}"""), Raw("thing.moved", "{\"x\":2}"),
                new ModelEvent(end) { Code = "max_output_tokens" });
            driver.AppendAll();

            var live = driver.Events(id);
            driver.Restart();
            Assert.Equal(live, driver.Events(id));
        }
    }

    [Fact]
    public void Events_ThatNoRecordCouldHold_FailTheTurnAndAreReplayed()
    {
        var driver = new ConversationDriver();
        var id = driver.Say("draw");
        var image = $$"""{"partial_image_b64":"{{new string('A', 6 << 20)}}"}""";
        driver.Model(id, Started(OutputKind.Other, """{"type":"image_generation_call"}"""),
            Raw("response.image_generation_call.partial_image", image),
            Raw("response.image_generation_call.partial_image", image),
            Raw("response.image_generation_call.partial_image", image));
        driver.AppendAll();

        var live = driver.Events(id);
        Assert.Contains("response.failed", live[^1], StringComparison.Ordinal);
        Assert.Equal(2, live.Count(static json => json.Contains("partial_image_b64", StringComparison.Ordinal)));
        driver.Restart();
        Assert.Equal(live, driver.Events(id));
    }

    [Fact]
    public void Items_StreamedOtherwiseThanTheyEnd_AreRefusedWhereNoRecordHoldsBoth()
    {
        var driver = new ConversationDriver();
        var id = driver.Say("go");
        var text = new ModelEvent(ModelEventKind.Delta) { Text = Encoding.ASCII.GetBytes(new string('a', 9 << 20)) };
        for (var i = 0; i < 2; i++)
        {
            driver.Model(id, Started(OutputKind.Message, """{"type":"message"}"""),
                new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.OutputText }, text,
                new ModelEvent(ModelEventKind.PartDone), Done(Said, null));
        }

        driver.AppendAll();

        Assert.Contains("response.failed", driver.Events(id)[^1], StringComparison.Ordinal);
    }

    private static ResponseId Answer(ConversationDriver driver, string streamed, string item)
    {
        var id = driver.Say("go");
        driver.Model(id,
            Started(OutputKind.Message, """{"type":"message","phase":"final","content":[]}"""),
            new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.OutputText },
            new ModelEvent(ModelEventKind.Delta) { Text = Encoding.UTF8.GetBytes(streamed[..1]) },
            new ModelEvent(ModelEventKind.Delta) { Text = Encoding.UTF8.GetBytes(streamed[1..]) },
            new ModelEvent(ModelEventKind.PartDone) { Json = "{\"own\":1}"u8.ToArray() },
            Done(item, "msg_up"),
            new ModelEvent(ModelEventKind.Completed));
        driver.AppendAll();
        return id;
    }

    internal static ModelEvent Started(OutputKind kind, string json) =>
        new(ModelEventKind.ItemStarted) { Item = kind, Json = Encoding.UTF8.GetBytes(json) };

    internal static ModelEvent Done(string json, string? serverId) =>
        new(ModelEventKind.ItemDone) { Json = Encoding.UTF8.GetBytes(json), ServerId = serverId };

    internal static ModelEvent Raw(string type, string members) =>
        new(ModelEventKind.Raw) { Name = type, Json = Encoding.UTF8.GetBytes(members) };

    /// <summary>Notes what it is told of where items come from.</summary>
    private sealed class OriginBackend : IModelBackend
    {
        public List<ItemOrigin?> Seen { get; } = [];

        public string Rendering => "origins";

        public IReadOnlyList<string> Models { get; } = ["m"];

        public bool Serves(string model) => true;

        public Rendered Render(Item item, object? state)
        {
            Seen.Add(item.Origin);
            return new Rendered(item.Json, 1, null);
        }

        public IAsyncEnumerable<ModelEvent> StreamAsync(ModelCall call, CancellationToken cancellationToken) =>
            throw new NotSupportedException("the test speaks for the model");
    }
}
