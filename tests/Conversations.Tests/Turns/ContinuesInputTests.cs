using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>Turns that continue the input of another one: their client left the reasoning of its output out.</summary>
public sealed class ContinuesInputTests
{
    private const string User = """{"type":"message","role":"user","content":"one"}""";
    private const string Call = """{"type":"function_call","call_id":"call_1","name":"f","arguments":"{}"}""";
    private const string Output = """{"type":"function_call_output","call_id":"call_1","output":"1"}""";

    private readonly ConversationDriver _driver = new();

    private static HistoryQuestion Whole(IReadOnlyList<string> ids) => new(null, ids)
    {
        Scope = RecognitionScope.Of("default", default, default, isStored: true).Id,
    };

    [Fact]
    public void Context_IsTheOneOfTheClientsItems_LiveRecoveredAndMoved()
    {
        var first = Think();
        var second = _driver.Continue($"{first}@input", $"{Call},{Output}");
        _driver.Think(second, "done");

        var alone = new ConversationDriver();
        var other = alone.Create($$"""{"model":"m","input":[{{User}},{{Call}},{{Output}}]}""");
        alone.AppendAll();
        alone.Think(other, "done");
        Assert.Equal(DigestOf(alone, other), DigestOf(_driver, second));
        Assert.Equal(alone.Calls[other.Turn].Context.Chunks().Select(static chunk => chunk.ToArray()),
            _driver.Calls[second.Turn].Context.Chunks().Select(static chunk => chunk.ToArray()));

        var events = _driver.Events(second);
        Assert.Contains(",\"items_known\":1,\"items_new\":2}", events[^1], StringComparison.Ordinal);
        Assert.Equal(2, _driver.Calls[second.Turn].NewItems);
        _driver.Move();
        Assert.Equal(events, _driver.Events(second));
        GoOn();
        _driver.Restart();
        Assert.Equal(events, _driver.Events(second));
        GoOn();

        // The next turn does the same, and the one after it takes all.
        void GoOn()
        {
            var third = _driver.Continue($"{second}@input", Said("done"));
            _driver.Think(third, "more");
            var fourth = _driver.Say("four", third);
            _driver.Answer(fourth);
            Assert.Equal(7, _driver.Calls[fourth.Turn].Context.ItemCount);
        }
    }

    [Fact]
    public void Turn_IsOfferedByItsEndAndWithoutItsReasoning()
    {
        var first = Think();
        var question = Whole([]);
        var places = _driver.Conversation.Places.Match(first.Turn, question).Turns;
        Assert.Equal([(first.Turn, 0), (first.Turn, 1)], places.Select(static place => (place.Turn, place.Rest)));

        // What has nothing else than reasoning, or no reasoning, is offered by its end.
        var second = _driver.Say("two");
        _driver.Model(second, [.. ConversationDriver.Reasoning, new ModelEvent(ModelEventKind.Completed)]);
        _driver.AppendAll();
        var third = _driver.Say("three", second);
        _driver.Answer(third);
        places = _driver.Conversation.Places.Match(second.Turn, question).Turns;
        Assert.Equal([(third.Turn, 0), (second.Turn, 0)], places.Select(static place => (place.Turn, place.Rest)));
        Delete(third);
        Assert.Single(_driver.Conversation.Places.Match(second.Turn, question).Turns);
        Assert.Empty(_driver.Conversation.Places.Match(third.Turn, question).Turns);
    }

    // A process that does not know the field would give the turn another context.
    [Theory]
    [InlineData(2, 1)]
    [InlineData(3, 1)]
    [InlineData(4, 2)]
    public void Turn_IsOfferedWithoutReasoning_WhereTheFormatHoldsTheField(int format, int places)
    {
        _driver.Format = format;
        var match = _driver.Conversation.Places.Match(Think().Turn, Whole([]));
        Assert.Equal(places, match.Turns.Count);
    }

    [Fact]
    public void Field_IsCritical_AndReadAsItWasWritten()
    {
        var first = Think();
        _driver.Continue($"{first}@input", $"{Call},{Output}");
        var records = RecordFrames.Read(_driver.Journal[^1].Records, _driver.Owner);
        Assert.True(Assert.Single(records.OfType<TurnStarted>()).ContinuesInput);
        Assert.Equal(_driver.Journal[^1].Records.ToArray(), RecordFrames.Write(records, _driver.Owner).ToArray());
        var started = new TurnStarted
        {
            Turn = 1, Parent = 0, RequestId = 1, CreatedAt = 1, Dialect = default, Generate = true, Values = [],
            InputCount = 0, ContinuesInput = true,
        };
        Assert.Throws<InvalidOperationException>(
            () => RecordFrames.Write([started], _driver.Owner, RecordFormat.First));
    }

    [Fact]
    public void Calls_OfTheOutputThatIsLeftOut_DoNotWait()
    {
        var first = Think();
        var unanswered = Assert.Throws<ConversationException>(() => _driver.Say("on", first));
        Assert.Contains("No tool output found", unanswered.Message, StringComparison.Ordinal);
        _driver.Answer(_driver.Continue($"{first}@input", """{"role":"user","content":"never mind"}"""));
        var unknown = Assert.Throws<ConversationException>(() => _driver.Continue($"{first}@input", Output));
        Assert.Contains("No tool call found", unknown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("@output")]
    [InlineData("@")]
    public void Parent_NamedOtherwise_IsNotFound(string mark)
    {
        var first = Think();
        Assert.Throws<ConversationException>(() => _driver.Continue(first + mark, Output));
        Assert.Throws<ConversationException>(() => _driver.Create(
            $$"""{"model":"m","previous_response_id":"{{first}}@input","input":"a client says it"}"""));
    }

    [Fact]
    public void Items_ThatAreNamed_StandWhereTheirTurnHasThem()
    {
        var first = Think();
        var second = _driver.Continue($"{first}", Output);
        _driver.Think(second, "two");
        var code = _driver.Key.Id.Code;
        string[] ids =
        [
            $"msg_{code}_{second.Turn}_1", $"rs_{code}_{first.Turn}_0", $"msg_{code}_{second.Turn}_2", "msg_1",
        ];
        var match = _driver.Conversation.Places.Match(first.Turn, Whole(ids));
        Assert.Equal(ids[..2], match.Items.Select(static item => item.Id));
        Assert.Equal(DigestOf(_driver, second), match.Items[0].After);
        Assert.Contains(match.Turns, place => place == new HistoryPlace(second.Turn, match.Items[0].After, 0));

        // Its response is deleted: a create that refers to it is refused.
        Delete(first);
        match = _driver.Conversation.Places.Match(second.Turn, Whole(ids));
        Assert.Equal(ids[..1], match.Items.Select(static item => item.Id));
    }

    private static string Said(string text) => $$"""{"role":"assistant","content":"{{text}}"}""";

    private static Digest DigestOf(ConversationDriver driver, ResponseId id) => Digest.From(Convert.FromHexString(
        driver.Get(id).GetProperty("evergrain").GetProperty("digest").GetString()!));

    private void Delete(ResponseId id)
    {
        _driver.Conversation.Delete(id.Turn, default, _driver.Now);
        _driver.Take();
        _driver.AppendAll();
    }

    /// <summary>A turn whose output is reasoning and a call.</summary>
    private ResponseId Think()
    {
        var id = _driver.Say("one");
        _driver.Model(id,
        [
            .. ConversationDriver.Reasoning, .. ConversationDriver.Call("call_1"),
            new ModelEvent(ModelEventKind.Completed),
        ]);
        _driver.AppendAll();
        return id;
    }
}
