using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>Lists of stored turns, and metadata that is changed when a turn has ended.</summary>
public sealed class StoredTurnsTests
{
    private const string Pair = """{"k":"new"}""";

    private readonly ConversationDriver _driver = new();

    [Theory]
    [InlineData("")]
    [InlineData(""","metadata":{"k":"v"}""")]
    [InlineData(""","metadata":{"k":"new"}""")]
    public void Change_Stored_IsShownInEveryLifeAndChangesNoEvent(string more)
    {
        var id = _driver.Create($$"""{"model":"m","input":"hi"{{more}}}""");
        _driver.AppendAll();
        _driver.Answer(id);
        var (events, before) = (_driver.Events(id), MetadataOf(id));

        Assert.NotEqual(0, Change(id, """{"k":"between"}"""));
        Assert.Equal(before, MetadataOf(id));
        _driver.AppendAll();
        Change(id, Pair);
        _driver.AppendAll();

        Assert.Equal(Pair, MetadataOf(id));
        Assert.Equal(events, _driver.Events(id));
        _driver.Move();
        Assert.Equal(Pair, MetadataOf(id));
        Assert.Equal(events, _driver.Events(id));
        _driver.Restart();
        Assert.Equal(Pair, MetadataOf(id));
        Assert.Equal(events, _driver.Events(id));
        _driver.Move();
        Assert.Equal(Pair, MetadataOf(id));
    }

    [Fact]
    public void Change_ToAValueOfAnotherTurn_KeepsBothApart()
    {
        var first = _driver.Create("""{"model":"m","input":"one","metadata":{"k":"new"}}""");
        _driver.AppendAll();
        _driver.Answer(first);
        var second = _driver.Create($$"""
            {"model":"m","input":"two","metadata":{"k":"v"},"previous_response_id":"{{first}}"}
            """);
        _driver.AppendAll();
        _driver.Answer(second);
        Change(second, Pair);
        Change(first, "{}");
        _driver.AppendAll();

        _driver.Restart();

        Assert.Equal(("{}", Pair), (MetadataOf(first), MetadataOf(second)));
    }

    // A build before this one ignores the field.
    [Fact]
    public void Change_WithoutItsField_IsAValueThatNobodyNames()
    {
        var id = Ended("hi", more: ""","metadata":{"k":"v"}""");
        Change(id, Pair);
        _driver.AppendAll();
        for (var i = 0; i < _driver.Journal.Count; i++)
        {
            var records = RecordFrames.Read(_driver.Journal[i].Records, _driver.Owner)
                .Select(static record => record is ValueHeld held ? held with { Turn = 0 } : record);
            _driver.Journal[i] = _driver.Journal[i] with { Records = RecordFrames.Write([.. records], _driver.Owner) };
        }

        _driver.Restart();

        Assert.Equal("""{"k":"v"}""", MetadataOf(id));
    }

    [Fact]
    public void Change_InANewLife_ClaimsFirst()
    {
        var id = Ended("hi");
        _driver.Restart();
        Change(id, Pair);
        _driver.AppendAll();

        var records = RecordFrames.Read(_driver.Journal[^1].Records, _driver.Owner);
        Assert.Equal([RecordKind.Claimed, RecordKind.ValueHeld], records.Select(static record => record.Kind));
        Assert.Equal(id.Turn.Number, Assert.IsType<ValueHeld>(records[1]).Turn);
        Assert.Equal(Pair, MetadataOf(id));
    }

    [Theory]
    [InlineData("[]", "metadata")]
    [InlineData("""{"k":1}""", "metadata.k")]
    [InlineData("""{"":null}""", "metadata.")]
    public void Change_ToNoMetadata_IsRefused(string metadata, string param)
    {
        var id = Ended("hi");
        var refused = Assert.Throws<ConversationException>(() => Change(id, metadata));
        Assert.Equal((RefusalKind.InvalidRequest, param), (refused.Refusal.Kind, refused.Refusal.Param));
        Assert.Equal("{}", MetadataOf(id));
    }

    [Fact]
    public void Change_OfTooManyBytesOrPairs_IsRefused()
    {
        var id = Ended("hi");
        var pairs = string.Join(',', Enumerable.Range(0, 17).Select(static i => $"\"{i}\":\"\""));
        Assert.Throws<ConversationException>(() => Change(id, $$"""{"k":"v"{{new string(' ', 64 << 10)}}}"""));
        Assert.Throws<ConversationException>(() => Change(id, $"{{{pairs}}}"));
        Assert.Null(_driver.Append);
    }

    [Fact]
    public void Change_WhereThereIsNoMemory_IsRefused()
    {
        var id = Ended("hi");
        _driver.Hold(new ProcessHolding(static () => new HoldingBounds(1, 1), static _ => long.MaxValue));
        _driver.Journal.ForEach(_driver.Conversation.Recover);
        Assert.Equal(RefusalKind.Overloaded,
            Assert.Throws<ConversationException>(() => Change(id, Pair)).Refusal.Kind);
    }

    [Fact]
    public void Change_OfATurnThatRunsIsDeletedOrUnstored_IsRefused()
    {
        var running = _driver.Say("run");
        Assert.Equal(RefusalKind.InvalidRequest, Refused(running));
        _driver.Answer(running);
        var unstored = _driver.Say("hidden", store: false);
        _driver.Answer(unstored);
        Assert.Equal(RefusalKind.NotFound, Refused(unstored));
        Ended("another");
        _driver.Conversation.Delete(running.Turn, default, _driver.Now);
        _driver.Take();
        _driver.AppendAll();
        Assert.Equal(RefusalKind.NotFound, Refused(running));
    }

    [Fact]
    public void Change_WhereTheFormatHasNoFields_IsRefused()
    {
        _driver.Format = RecordFormat.First;
        var id = Ended("hi");
        Assert.Equal(RefusalKind.InvalidRequest, Refused(id));
        _driver.Format = 2;
        Change(id, Pair);
        _driver.AppendAll();
        Assert.Equal(Pair, MetadataOf(id));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Find_InPages_GivesAnswersInOrder(bool isAscending)
    {
        var ids = new List<ResponseId> { Ended("one") };
        var failed = _driver.Say("fail", ids[0]);
        _driver.Model(failed, new ModelEvent(ModelEventKind.Failed) { Code = "server_error", Message = "no" });
        _driver.AppendAll();
        ids.Add(Ended("two", ids[0]));
        _driver.Answer(_driver.Say("hidden", ids[0], store: false));
        var deleted = Ended("gone", ids[0]);
        ids.Add(Ended("three", ids[1]));
        _driver.Say("still running", ids[2]);
        _driver.Conversation.Delete(deleted.Turn, default, _driver.Now);
        _driver.Take();
        _driver.AppendAll();

        var expected = isAscending ? ids : [.. Enumerable.Reverse(ids)];
        Assert.Equal(expected.Select(static id => id.Turn), Find(default, 10, isAscending));
        Assert.Equal(expected.Take(2).Select(static id => id.Turn), Find(default, 2, isAscending));
        Assert.Equal(expected.Skip(2).Select(static id => id.Turn), Find(expected[1].Turn, 2, isAscending));

        // A place is known when its turn is gone.
        TurnId[] behind = isAscending ? [ids[2].Turn] : [ids[1].Turn, ids[0].Turn];
        Assert.Equal(behind, Find(deleted.Turn, 5, isAscending));
    }

    [Fact]
    public void Find_WithAFilter_GivesWhatPassesAndSaysHowFarItLooked()
    {
        var first = Ended("one", more: ""","metadata":{"a":"1","b":"\u0032"}""");
        var second = Ended("two", more: ""","metadata":{"a":"1"}""");
        var third = Ended("three");
        Change(third, """{"b":"2","a":"1"}""");
        _driver.AppendAll();

        Assert.Equal([first.Turn, second.Turn, third.Turn], Find(("a", "1")));
        Assert.Equal([first.Turn, third.Turn], Find(("a", "1"), ("b", "2")));
        Assert.Empty(Find(("a", "2")));
        Assert.Empty(Find(("c", "1")));
        var none = _driver.Conversation.Stored.Find(default, 5, new ResponseFilter { Model = "other" });
        Assert.Equal((0, third.Turn), (none.Found.Length, none.LookedAt));
        Assert.Equal(3, _driver.Conversation.Stored.Find(default, 5, new ResponseFilter { Model = "m" }).Found.Length);
    }

    [Fact]
    public void Find_BehindATurnThatIsNone_IsNotFound()
    {
        var id = Ended("hi");
        foreach (var other in (TurnId[])[TurnId.Stored(9, 1), TurnId.Stored(1, id.Turn.Tag == 1 ? 2 : 1)])
        {
            Assert.Equal(RefusalKind.NotFound, Assert.Throws<ConversationException>(
                () => Find(other, 5, isAscending: true)).Refusal.Kind);
        }

        Assert.Throws<ConversationException>(() => new ConversationDriver().Conversation.Stored.Find(
            default, 1, new ResponseFilter()));
    }

    private ResponseId Ended(string text, ResponseId? previous = null, string more = "")
    {
        var parent = previous is null ? "null" : $"\"{previous}\"";
        var id = _driver.Create($$"""{"model":"m","input":"{{text}}","previous_response_id":{{parent}}{{more}}}""");
        _driver.AppendAll();
        _driver.Answer(id);
        return id;
    }

    private long Change(ResponseId id, string metadata)
    {
        var record = _driver.Conversation.Stored.Change(id.Turn, Encoding.UTF8.GetBytes(metadata), _driver.Now);
        _driver.Take();
        return record;
    }

    private RefusalKind Refused(ResponseId id) =>
        Assert.Throws<ConversationException>(() => Change(id, Pair)).Refusal.Kind;

    private string MetadataOf(ResponseId id) => JsonDocument.Parse(_driver.Conversation.Get(id.Turn, default))
        .RootElement.GetProperty("metadata").GetRawText();

    private IReadOnlyList<TurnId> Find(TurnId after, int limit, bool isAscending) => _driver.Conversation.Stored.Find(
        after, limit, new ResponseFilter { IsAscending = isAscending }).Found;

    private IReadOnlyList<TurnId> Find(params (string Key, string Value)[] pairs) => _driver.Conversation.Stored.Find(
        default, 5, new ResponseFilter
        {
            Metadata = pairs.ToDictionary(static pair => pair.Key, static pair => pair.Value, StringComparer.Ordinal),
        }).Found;
}
