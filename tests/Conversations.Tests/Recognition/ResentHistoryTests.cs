using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;

namespace Evergrain.Conversations.Tests.Recognition;

/// <summary>What is read of a history, by what key it is found, and the create that continues it.</summary>
public sealed class ResentHistoryTests
{
    private const string User = """{"role":"user","content":"hi"}""";
    private const string Answer = """{"type":"message","role":"assistant","content":"ho"}""";
    private const string Call = """{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}""";
    private const string Next = """{"role":"user","content":"next"}""";

    private static readonly string[] Items = [User, Answer, Next, Answer];

    private static readonly ResponseId Parent = new(new ConversationId(42), TurnId.Stored(3, 7));

    // As the server gave items, and as clients send them back.
    [Theory]
    [InlineData("openai node, verbatim",
        """{"id":"msg_1","type":"message","status":"completed","role":"assistant",""" +
        """ "content":[{"type":"output_text","text":"ho","annotations":[],"logprobs":[]}]}""")]
    [InlineData("@openai/agents",
        """{"id":"msg_1","role":"assistant","type":"message","status":"completed",""" +
        """ "content":[{"type":"output_text","text":"ho"}]}""")]
    [InlineData("AI SDK, text as a string", """{"role":"assistant","content":"ho"}""")]
    [InlineData("AI SDK, text in full",
        """{"role":"assistant","id":"msg_1","content":[{"type":"output_text","text":"ho"}]}""")]
    [InlineData("LangChain",
        """{"type":"message","role":"assistant","id":"msg_1",""" +
        """ "content":[{"type":"output_text","text":"ho","annotations":[]}]}""")]
    [InlineData("Codex",
        """{"type":"message","role":"assistant","phase":null,"content":[{"type":"output_text","text":"ho"}]}""")]
    public void Key_OfAnAnswer_IsThatOfEachClientsForm(string client, string answer) =>
        Assert.True(KeyOf(User, Answer) == KeyOf(User, answer), client);

    [Theory]
    [InlineData("with ids",
        """{"id":"fc_1","type":"function_call","status":"completed","call_id":"c","name":"f","arguments":"{}"}""")]
    [InlineData("AI SDK, without an id", """{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}""")]
    [InlineData("with what is not set",
        """{"arguments":"{}","call_id":"c","name":"f","namespace":null,"type":"function_call"}""")]
    public void Key_OfACall_IsThatOfEachClientsForm(string client, string call) =>
        Assert.True(KeyOf(User, Call) == KeyOf(User, call), client);

    [Theory]
    [InlineData("""{"role":"user","content":"hi!"}""", Answer)]
    [InlineData("""{"role":"developer","content":"hi"}""", Answer)]
    [InlineData(User, """{"role":"assistant","content":"ho "}""")]
    [InlineData(User, """{"role":"assistant","content":"ho","phase":"commentary"}""")]
    [InlineData(User, """{"role":"assistant","content":[{"type":"refusal","refusal":"ho"}]}""")]
    [InlineData(User,
        """{"role":"assistant","content":[{"type":"output_text","text":"h"},{"type":"output_text","text":"o"}]}""")]
    public void Key_OfOtherItems_IsAnother(string first, string second) =>
        Assert.NotEqual(KeyOf(User, Answer), KeyOf(first, second));

    [Fact]
    public void Key_OfItemsMissingDoubledOrReordered_IsAnother()
    {
        string[][] histories =
        [
            [User, Answer, Next, Answer], [User, Next, Answer], [User, Answer, Answer, Next, Answer],
            [Next, Answer, User, Answer], [Answer, User, Next, Answer], [User, Answer],
        ];
        Assert.Equal(histories.Length, histories.Select(KeyOf).Distinct().Count());
    }

    [Fact]
    public void Key_OfAnotherScope_IsAnother()
    {
        ReadOnlyMemory<byte>[] values = [default, "\"\""u8.ToArray(), "\"a\""u8.ToArray(), "\"ab\""u8.ToArray()];
        var context = Assert.Single(Read([User, Answer])!.Ends).Context;
        var keys = (
            from tenant in (string[])["a", "ab", "b"]
            from safety in values
            from user in values
            from isStored in (bool[])[true, false]
            select RecognitionScope.Of(tenant, safety, user, isStored).KeyOf(context)).ToList();
        Assert.Equal(3 * 4 * 4 * 2, keys.Distinct().Count());
    }

    [Fact]
    public void Ends_AreBehindItemsThatModelsMake()
    {
        var history = Read([
            """{"role":"developer","content":"be brief"}""", User,
            """{"type":"reasoning","summary":[]}""", Call,
            """{"type":"function_call_output","call_id":"c","output":"1"}""", Answer, Next]);
        Assert.Equal([3, 4, 6], history!.Ends.Select(static end => end.Count));
    }

    [Fact]
    public void Ends_BehindAReference_AreKnownOnceItIs()
    {
        const string id = "msg_0000000000000000000001_1_0";
        var reference = $$"""{"type":"item_reference","id":"{{id}}"}""";
        var history = Read([User, Answer, reference, Answer, Next])!;
        Assert.Equal([2], history.Ends.Select(static end => end.Count));
        Assert.Equal(id, Assert.Single(history.Names).Id);

        // It stands elsewhere in its conversation.
        var whole = Read([User, Answer, Answer, Answer, Next])!;
        var (before, after) = (whole.Ends[0].Context, whole.Ends[1].Context);
        history.ReadOn(PlaceOf(new ItemPlace(id, after, before)));
        Assert.Single(history.Ends);
        history.ReadOn(PlaceOf(new ItemPlace(id, before, after)));
        Assert.Equal(whole.Ends, history.Ends);
        Assert.Equal(2, history.Checked!.Count);

        static ILookup<string, ItemPlace> PlaceOf(ItemPlace place) => new[] { place }.ToLookup(static one => one.Id);
    }

    [Fact]
    public void Reference_ToAnUnstoredItem_IsNotAsked() => Assert.Empty(Read(
        [User, Answer, """{"type":"item_reference","id":"msg_0000000000000000000001_0000000000000000000002_0"}"""])!
        .Names);

    [Fact]
    public void Continue_BehindAnInput_NamesItAndKeepsTheItemsOfTheOutput()
    {
        var history = Read(Items)!;
        var place = new HistoryPlace(Parent.Turn, default, Rest: 1);
        var next = history.Continue(Parent, new HistoryEnd(4, default), place);
        Assert.Equal($"{Parent}@input", next.Read().PreviousResponseId);
        Assert.Equal(Answer, Encoding.UTF8.GetString(Assert.Single(next.Read().Input).Span));
        Assert.True(next.IsRecognised);
    }

    [Fact]
    public void Reference_ToAnItemOfTheClient_LeavesNoHistory() =>
        Assert.Null(Read([User, Answer, Next, """{"type":"item_reference","id":"msg_1"}"""]));

    [Theory]
    [InlineData("""{"model":"m","input":"hi"}""")]
    [InlineData("""{"model":"m","input":[{"role":"user","content":"hi"}]}""")]
    [InlineData("""{"model":"m","previous_response_id":"resp_1","input":[{"role":"assistant","content":"ho"}]}""")]
    [InlineData("""{"model":"m","input":[{"role":"assistant","content":"ho","content":"ho"}]}""")]
    [InlineData("""{"input":[{"role":"assistant","content":"ho"}]}""")]
    [InlineData("""{""")]
    public void Create_WithoutAHistory_HasNone(string create) => Assert.Null(ResentHistory.Read(Start(create)));

    [Theory]
    [InlineData("true", 1)]
    [InlineData("false", 2)]
    public void Create_Unstored_MayContinueBothKindsOfTurns(string store, int scopes)
    {
        var history = ResentHistory.Read(
            Start($$"""{"model":"m","store":{{store}},"input":[{{User}},{{Answer}},{{Next}}]}"""))!;
        Assert.Equal((store == "true", scopes), (history.IsStored, history.Scopes.Count));
        Assert.Contains(RecognitionScope.Of("default", default, default, isStored: true), history.Scopes);
    }

    [Theory]
    [InlineData("""{"model":"m","input":[§]}""")]
    [InlineData("""{"input" : [ § ] , "model":"m"}""")]
    [InlineData("""{"previous_response_id":null,"model":"m","input":[§]}""")]
    [InlineData(
        """{"model":"m","input":[§],"pr\u0065vious_response_id": null ,"user":"{\"previous_response_id\":null}"}""")]
    [InlineData("""{"metadata":{"previous_response_id":"x"},"input":[§],"model":"m","store":true}""")]
    public void Continue_NamesTheParentAndKeepsTheItemsBehindIt(string shape)
    {
        foreach (var separator in (string[])[",", " ,\n "])
        {
            var create = shape.Replace("§", string.Join(separator, Items), StringComparison.Ordinal);
            foreach (var count in (int[])[1, 2, 3, 4])
            {
                CheckContinued(Start(create), count);
            }
        }
    }

    private static void CheckContinued(StartTurn start, int count)
    {
        var next = ResentHistory.Read(start)!.Continue(Parent, new HistoryEnd(count, default), default);

        var read = next.Read();
        Assert.Equal($"{Parent}", read.PreviousResponseId);
        Assert.Equal(Items[count..], read.Input.Select(static item => Encoding.UTF8.GetString(item.Span)));
        Assert.Equal(ValuesOf(start), ValuesOf(next));
        Assert.Equal((Parent.Conversation, start.RequestId, true), (next.Key.Id, next.RequestId, next.IsRecognised));
        using var json = JsonDocument.Parse(next.Create);
        Assert.Equal(JsonValueKind.Object, json.RootElement.ValueKind);
    }

    private static IEnumerable<(string Name, string Value)> ValuesOf(StartTurn start) => start.Read().Parameters
        .Select(static value => (value.Field.Name, Encoding.UTF8.GetString(value.Json.Span)));

    private static Digest KeyOf(params string[] items)
    {
        var history = Read(items)!;
        return history.Scopes[0].KeyOf(history.Ends[^1].Context);
    }

    private static ResentHistory? Read(string[] items) =>
        ResentHistory.Read(Start($$"""{"model":"m","input":[{{string.Join(',', items)}}]}"""));

    private static StartTurn Start(string create) => new()
    {
        Key = new ConversationKey("default", new ConversationId(7)),
        RequestId = 9,
        Lease = new LeaseId(1),
        Create = Encoding.UTF8.GetBytes(create),
    };
}
