using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>References to output items of other conversations, and turns that nobody need read.</summary>
public sealed class ForeignItemTests
{
    private const string Json = """{"id":"msg_x","type":"message","role":"assistant","content":"hi"}""";
    private static readonly ConversationId Other = new(4711);
    private static readonly string Stored = $"msg_{Other.Code}_3_1";
    private static readonly string Unstored = $"msg_{Other.Code}_{TurnId.Unstored(5)}_0";

    [Fact]
    public void Reference_NotBroughtAlong_IsAskedForOnceAndNothingIsRecorded()
    {
        var driver = new ConversationDriver();
        var asked = Assert.Throws<ForeignItemsException>(() => driver.Create(Create(Stored, Stored)));

        Assert.Equal([new ForeignItem(Stored, new ResponseId(Other, TurnId.Stored(3)), 1)], asked.Items);
        Assert.Null(driver.Append);
        Assert.True(driver.Conversation.IsEmpty);
    }

    [Fact]
    public void Reference_ToACallThatIsAnswered_IsAskedForBeforeTheAnswerIsLookedAt()
    {
        const string call = """{"id":"fc_x","type":"function_call","call_id":"c","name":"f","arguments":"{}"}""";
        var create = $$"""
            {"model":"m","input":[{"type":"item_reference","id":"{{Stored}}"},
            {"type":"function_call_output","call_id":"c","output":"x"}]}
            """;
        var driver = new ConversationDriver();

        Assert.Throws<ForeignItemsException>(() => driver.Create(create));
        driver.Answer(Start(driver, create, Stored, call));
    }

    [Fact]
    public void Create_OfOneStart_IsReadOnceAndAnewForOtherBytes()
    {
        var start = new StartTurn
        {
            Key = new ConversationDriver().Key,
            RequestId = 1,
            Lease = default,
            Create = """{"model":"m","input":"a"}"""u8.ToArray(),
        };

        Assert.Same(start.Read(), (start with { References = null }).Read());
        Assert.Equal("b", (start with { Create = """{"model":"b","input":"a"}"""u8.ToArray() }).Read().Model);
    }

    [Fact]
    public void Reference_BroughtAlong_CountsAsTheItem()
    {
        var driver = new ConversationDriver();
        var id = Start(driver, Create(Stored), Stored, Json);
        driver.AppendAll();
        driver.Answer(id);

        Assert.Contains("\"role\":\"assistant\"", Encoding.UTF8.GetString(
            driver.Conversation.ListInputItems(id.Turn, ConversationDriver.Lease, new ItemPage()).Span),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Reference_LookedForAndNotFound_IsRefused()
    {
        var driver = new ConversationDriver();
        var refused = Assert.Throws<ConversationException>(() => Start(driver, Create(Stored), Stored, ""));
        Assert.Equal("input[0].id", refused.Refusal.Param);
    }

    [Fact]
    public void Reference_ToAnUnstoredItem_IsNotStored()
    {
        var driver = new ConversationDriver();
        var refused = Assert.Throws<ConversationException>(() => Start(driver, Create(Unstored), Unstored, Json));
        Assert.Equal("store", refused.Refusal.Param);
    }

    [Fact]
    public void BackgroundTurn_WithoutReaders_IsNeverGivenUp()
    {
        var driver = new ConversationDriver();
        var request = new StartTurn
        {
            Key = driver.Key,
            RequestId = 1,
            Lease = default,
            Create = Encoding.UTF8.GetBytes(ConversationDriver.Json("go")),
            IsBackground = true,
        };
        var id = driver.Conversation.StartTurn(request, driver.Now);
        driver.Take();
        driver.AppendAll();
        driver.Conversation.Attach(id.Turn, default, driver.Now);
        driver.Conversation.Detach(id.Turn, driver.Now);
        driver.Conversation.OnTime(driver.Now + TimeSpan.FromDays(1));
        driver.Answer(id);

        var response = driver.Get(id);
        Assert.Equal("completed", response.GetProperty("status").GetString());
        Assert.True(response.GetProperty("background").GetBoolean());
        driver.Restart();
        Assert.True(driver.Get(id).GetProperty("background").GetBoolean());
    }

    [Fact]
    public void BackgroundTurn_ThatIsNotStored_IsRefused()
    {
        var driver = new ConversationDriver();
        var refused = Assert.Throws<ConversationException>(() => driver.Conversation.StartTurn(new StartTurn
        {
            Key = driver.Key,
            RequestId = 1,
            Lease = ConversationDriver.Lease,
            Create = Encoding.UTF8.GetBytes(ConversationDriver.Json("go", store: false)),
            IsBackground = true,
        }, driver.Now));
        Assert.Equal("background", refused.Refusal.Param);
    }

    private static ResponseId Start(ConversationDriver driver, string create, string reference, string json)
    {
        var id = driver.Conversation.StartTurn(new StartTurn
        {
            Key = driver.Key,
            RequestId = 1,
            Lease = ConversationDriver.Lease,
            Create = Encoding.UTF8.GetBytes(create),
            References = new Dictionary<string, ReadOnlyMemory<byte>> { [reference] = Encoding.UTF8.GetBytes(json) },
        }, driver.Now);
        driver.Take();
        return id;
    }

    private static string Create(params string[] ids) =>
        "{\"model\":\"m\",\"input\":[" +
        string.Join(',', ids.Select(id => $$"""{"type":"item_reference","id":"{{id}}"}""")) +
        ",{\"role\":\"user\",\"content\":\"x\"}]}";
}
