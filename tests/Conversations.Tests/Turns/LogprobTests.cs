using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>Log probabilities: in the events, in the item, and again after a restart.</summary>
public sealed class LogprobTests
{
    private const string One = """{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]}""";

    [Fact]
    public void Logprobs_StandInEveryPlaceAndAreReplayed()
    {
        var driver = new ConversationDriver();
        var id = driver.Say("go");
        driver.Model(id,
            new ModelEvent(ModelEventKind.ItemStarted) { Item = OutputKind.Message },
            new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.OutputText },
            Delta("a", $"[{One}]"), Delta("b", ""), Delta("c", $"[ {One}, {One} ]"), Delta("d", "[ ]"),
            new ModelEvent(ModelEventKind.PartDone), new ModelEvent(ModelEventKind.ItemDone),
            new ModelEvent(ModelEventKind.Completed));
        driver.AppendAll();

        var live = driver.Events(id);
        Assert.Equal([1, 0, 2, 0], CountsOf(live, "response.output_text.delta", json => json));
        Assert.Equal([3], CountsOf(live, "response.output_text.done", json => json));
        Assert.Equal([3], CountsOf(live, "response.content_part.done", json => json.GetProperty("part")));
        Assert.Equal([3], CountsOf(live, "response.output_item.done",
            json => json.GetProperty("item").GetProperty("content")[0]));
        Assert.Equal(3, driver.Get(id).GetProperty("output")[0].GetProperty("content")[0].GetProperty("logprobs")
            .GetArrayLength());
        driver.Restart();
        Assert.Equal(live, driver.Events(id));
    }

    [Fact]
    public void Logprobs_OfAnItemAsItsServerSaidIt_AreReplayed()
    {
        var item = $$$"""
            {"type":"message","role":"assistant","content":[{"type":"output_text","logprobs":[{{{One}}}],"text":"ab"}]}
            """;
        var driver = new ConversationDriver();
        var id = driver.Say("go");
        driver.Model(id,
            new ModelEvent(ModelEventKind.ItemStarted) { Item = OutputKind.Message },
            new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.OutputText },
            Delta("a", $"[{One}]"), Delta("b", "[7]"),
            new ModelEvent(ModelEventKind.PartDone) { Json = Encoding.UTF8.GetBytes("""{"own":1}""") },
            new ModelEvent(ModelEventKind.ItemDone) { Json = Encoding.UTF8.GetBytes(item) },
            new ModelEvent(ModelEventKind.Completed));
        driver.AppendAll();

        var live = driver.Events(id);
        Assert.Equal([1, 1], CountsOf(live, "response.output_text.delta", json => json));
        Assert.Equal([2], CountsOf(live, "response.output_text.done", json => json));
        driver.Restart();
        Assert.Equal(live, driver.Events(id));
    }

    [Fact]
    public void Logprobs_OfAnAnswerThatIsCut_AreKeptWithItsItem()
    {
        var driver = new ConversationDriver();
        var id = driver.Say("go");
        driver.Model(id,
            new ModelEvent(ModelEventKind.ItemStarted) { Item = OutputKind.Message },
            new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.OutputText },
            Delta("a", $"[{One}]"), new ModelEvent(ModelEventKind.Incomplete) { Code = "max_output_tokens" });
        driver.AppendAll();

        var live = driver.Events(id);
        Assert.Equal([1], CountsOf(live, "response.output_text.done", json => json));
        driver.Restart();
        Assert.Equal(live, driver.Events(id));
    }

    [Fact]
    public void Logprobs_BeyondARecord_FailTheTurn()
    {
        var driver = new ConversationDriver();
        var id = driver.Say("go");
        var much = "[" + string.Join(',', Enumerable.Repeat(One, 20_000)) + "]";
        driver.Model(id,
        [
            new ModelEvent(ModelEventKind.ItemStarted) { Item = OutputKind.Message },
            new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.OutputText },
            .. Enumerable.Repeat(Delta("a", much), 16),
        ]);
        driver.AppendAll();
        Assert.Equal("response.failed", ConversationDriver.TypeOf(driver.Events(id)[^1]));
    }

    private static ModelEvent Delta(string text, string logprobs) => new(ModelEventKind.Delta)
    {
        Text = Encoding.UTF8.GetBytes(text), Logprobs = Encoding.UTF8.GetBytes(logprobs),
    };

    private static IEnumerable<int> CountsOf(IEnumerable<string> events, string type,
        Func<JsonElement, JsonElement> place) => events
        .Where(json => ConversationDriver.TypeOf(json) == type)
        .Select(json => place(JsonElement.Parse(json)).GetProperty("logprobs").GetArrayLength());
}
