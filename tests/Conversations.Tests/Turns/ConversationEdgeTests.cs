using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Turns;

public sealed class ConversationEdgeTests
{
    private readonly ConversationDriver _driver = new();

    [Fact]
    public void Call_CutByTheModelsEnd_IsDurableBeforeItsDoneEventLeaves()
    {
        var id = _driver.Say("hello");
        var call = ConversationDriver.Call("call_1");
        _driver.Model(id, [.. call[..3], new ModelEvent(ModelEventKind.Incomplete) { Code = "max_output_tokens" }]);
        Assert.Equal("response.function_call_arguments.delta", ConversationDriver.TypeOf(_driver.Events(id)[^1]));
        _driver.AppendOne();
        Assert.Equal(
            ["response.function_call_arguments.done", "response.output_item.done", "response.incomplete"],
            _driver.Events(id).Select(ConversationDriver.TypeOf).TakeLast(3));
    }

    [Fact]
    public void Delete_LastResponseWhileItRuns_LetsItsReaderReachTheEnd()
    {
        var id = _driver.Say("hello");
        _driver.Conversation.Attach(id.Turn, ConversationDriver.Lease, _driver.Now);
        _driver.Model(id, ConversationDriver.Message("half an answer")[..5]);
        _driver.Conversation.Delete(id.Turn, default, _driver.Now);
        _driver.Take();
        _driver.AppendAll();
        Assert.DoesNotContain(_driver.Effects, effect => effect is Effect.DeleteJournal);
        var step = _driver.Conversation.Read(id.Turn, ConversationDriver.Lease, 0);
        Assert.True(step.IsLast);
        Assert.Equal("response.incomplete",
            ConversationDriver.TypeOf(Encoding.UTF8.GetString(step.Events[^1].Span)));
        _driver.Conversation.Detach(id.Turn, _driver.Now);
        _driver.Take();
        Assert.Single(_driver.Effects, effect => effect is Effect.DeleteJournal);
    }

    [Fact]
    public void Reference_UnstoredItemInStoredTurn_IsRefused()
    {
        var stored = _driver.Say("one");
        _driver.Answer(stored);
        var unstored = _driver.Say("two", stored, store: false);
        _driver.Answer(unstored, "secret");
        var item = "msg_" + unstored.ToString()["resp_".Length..] + "_0";
        var appends = _driver.Journal.Count;
        Assert.Equal("store", Refused(Referring(stored.ToString(), item, 1, isStored: true)).Param);
        Assert.Equal(appends, _driver.Journal.Count);
        var next = _driver.Create(Referring(stored.ToString(), item, 1, isStored: false));
        Assert.Equal(3, _driver.Calls[next.Turn].Context.ItemCount);
    }

    [Fact]
    public void Reference_ClientsOwnId_MeansTheLastItemThatHasIt()
    {
        var first = _driver.Create("""
            {"model":"m","input":[{"id":"mine","role":"user","content":"old"},
             {"id":"mine","role":"user","content":"new"}]}
            """);
        _driver.AppendAll();
        _driver.Answer(first);
        var next = _driver.Create(Referring(first.ToString(), "mine", 2, isStored: true));
        var lines = _driver.Calls[next.Turn].Context.Chunks().Select(chunk => Encoding.UTF8.GetString(chunk.Span));
        Assert.All(lines.TakeLast(2), line => Assert.Contains("new", line, StringComparison.Ordinal));
        Assert.Equal("input[0].id", Refused(Referring(first.ToString(), "other", 1, isStored: true)).Param);
    }

    [Fact]
    public void Reference_LargeItemManyTimes_IsRefusedBeforeItIsHeld()
    {
        var text = new string('x', 8 << 20);
        var first = _driver.Create($$"""{"model":"m","input":[{"id":"big","role":"user","content":"{{text}}"}]}""");
        _driver.AppendAll();
        _driver.Answer(first);
        var create = Referring(first.ToString(), "big", 1000, isStored: true);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(RefusalKind.TooLarge, Refused(create).Kind);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 << 20);
    }

    [Fact]
    public void ListInputItems_NameThatIsNoUnicode_IsListedAsItCame()
    {
        var id = _driver.Create("""
            {"model":"m","input":[{"role":"user","content":"a\ud800","\ud800":1,"\u0069d":"mine"}]}
            """);
        _driver.AppendAll();
        var list = _driver.Conversation.ListInputItems(id.Turn, ConversationDriver.Lease, new ItemPage(20));
        var text = Encoding.UTF8.GetString(list.Span);
        Assert.Contains("""
            [{"id":"mine","type":"message","role":"user","content":[{"type":"input_text","text":"a\ud800"}],
            "\ud800":1}]
            """.ReplaceLineEndings(""), text, StringComparison.Ordinal);
    }

    private static string Referring(string parent, string item, int times, bool isStored)
    {
        var reference = $$"""{"type":"item_reference","id":"{{item}}"}""";
        return $$"""
            {"model":"m","store":{{(isStored ? "true" : "false")}},"previous_response_id":"{{parent}}",
             "input":[{{string.Join(',', Enumerable.Repeat(reference, times))}}]}
            """;
    }

    private Refusal Refused(string json) =>
        Assert.Throws<ConversationException>(() => _driver.Create(json)).Refusal;
}
