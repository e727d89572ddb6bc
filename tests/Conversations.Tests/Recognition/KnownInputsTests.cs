using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Recognition;

/// <summary>
/// Inputs that begin with bytes that were read before: what is left out is what was read, and reading the rest says the
/// same as reading all.
/// </summary>
public sealed class KnownInputsTests
{
    private const string Tenant = "default";
    private const int ItemChars = 3_000;

    private static readonly string[] Shapes =
    [
        """{"model":"m","input":[§]}""",
        """{"input" : [ § ] , "model":"m","metadata":{"input":"[{}]"}}""",
        """{"tools":[{"input":[{}]}],"model":"m","store":true,"inp\u0075t":[§],"user":"u"}""",
    ];

    private readonly KnownInputs _inputs = new(new ByteMarks(new RandomIdSource()));

    // Fewer and more bytes than a block, and several of them.
    [Theory]
    [InlineData(14)]
    [InlineData(60)]
    [InlineData(301)]
    public void Loop_ThatGoesOn_IsReadBehindItsLastCreate(int first)
    {
        foreach (var shape in Shapes)
        {
            var tenant = shape;
            for (var count = first; count < first + 10; count += 2)
            {
                var start = Start(Create(shape, Items(count)), tenant);
                var known = _inputs.Find(tenant, start.Create);
                Assert.Equal(count > first && LengthOf(count - 2) >= KnownInputs.BlockBytes, known is not null);
                CheckRead(start, known);
                ResentHistory.Read(start, known)!.AddTo(_inputs);
            }
        }
    }

    [Fact]
    public void Input_WithOneByteChanged_IsReadInFull()
    {
        const int count = 60;
        Add(count);
        var create = Create(Shapes[0], Items(count + 2));
        var begin = create.AsSpan().IndexOf("[{"u8) + 1;
        for (var at = begin; at < begin + LengthOf(count); at += 997)
        {
            var changed = create.ToArray();
            changed[at] ^= 1;
            Assert.Null(_inputs.Find(Tenant, changed));
        }

        Assert.NotNull(_inputs.Find(Tenant, create));
    }

    [Fact]
    public void Input_OfAnotherTenant_IsReadInFull()
    {
        Add(60);
        Assert.NotNull(_inputs.Find(Tenant, Create(Shapes[0], Items(62))));
        Assert.Null(_inputs.Find(Tenant + "2", Create(Shapes[0], Items(62))));
    }

    [Fact]
    public void Input_ThatIsShorter_IsReadInFull()
    {
        Add(60);
        Assert.Null(_inputs.Find(Tenant, Create(Shapes[0], Items(58))));
    }

    // The bytes are known, and what stands behind them makes another thing of them.
    [Theory]
    [InlineData("§}]}")]
    [InlineData("§,]}")]
    [InlineData("§,1]}")]
    [InlineData("§ {}]}")]
    [InlineData("§")]
    public void Create_ThatIsNoneBehindKnownItems_IsReadInFull(string end)
    {
        Add(60);
        var create = Encoding.UTF8.GetBytes("""{"model":"m","input":[""" +
            end.Replace("§", string.Join(',', Items(60)), StringComparison.Ordinal));
        Assert.Null(_inputs.Find(Tenant, create));
        Assert.Null(ResentHistory.Read(Start(create, Tenant)));
    }

    [Fact]
    public void Create_SentAgain_LeavesNothingToRead()
    {
        Add(60);
        var start = Start(Create(Shapes[0], Items(60)), Tenant);
        var known = _inputs.Find(Tenant, start.Create);
        Assert.Empty(CreateRequest.Parse(known!.Rest).Input);
        Assert.Null(ResentHistory.Read(start, known));
    }

    [Fact]
    public void Input_ThatRefersToItems_IsNotKnown()
    {
        string[] items = [.. Items(60), """{"type":"item_reference","id":"msg_0000000000000000000001_1_0"}"""];
        ResentHistory.Read(Start(Create(Shapes[0], items), Tenant))!.AddTo(_inputs);
        Assert.Null(_inputs.Find(Tenant, Create(Shapes[0], [.. items, Items(2)[1]])));
    }

    /// <summary>What is read behind known items is what is read of the whole create there.</summary>
    private static void CheckRead(StartTurn start, KnownPrefix? known)
    {
        var (whole, rest) = (ResentHistory.Read(start)!, ResentHistory.Read(start, known)!);
        var before = known?.Read.Count ?? 0;
        Assert.Equal(whole.Ends.Where(end => end.Count > before), rest.Ends);
        Assert.Equal((whole.Scopes[0].KeyOf(default), whole.Hint), (rest.Scopes[0].KeyOf(default), rest.Hint));
        Assert.Equal(DigestAt(whole.Checked!, before), known?.Read.Context ?? ItemDigest.Root);
        foreach (var end in rest.Ends)
        {
            var parent = new ResponseId(new ConversationId(42), TurnId.Stored(3, 7));
            var (expected, next) = (whole.Continue(parent, end, default), rest.Continue(parent, end, default));
            Assert.Equal(expected.Create.ToArray(), next.Create.ToArray());
        }
    }

    private static Digest DigestAt(IReadOnlyList<CheckedItem> items, int count) =>
        count == 0 ? ItemDigest.Root : items[count - 1].Digest;

    private void Add(int count) =>
        ResentHistory.Read(Start(Create(Shapes[0], Items(count)), Tenant))!.AddTo(_inputs);

    private static byte[] Create(string shape, string[] items) =>
        Encoding.UTF8.GetBytes(shape.Replace("§", string.Join(',', items), StringComparison.Ordinal));

    private static string[] Items(int count) => [.. Enumerable.Range(0, count).Select(Item)];

    private static string Item(int number)
    {
        var role = number % 2 == 0 ? "user" : "assistant";
        return $$"""{"role":"{{role}}","content":"{{new string('é', ItemChars / 2)}} {{number}}"}""";
    }

    private static int LengthOf(int count) => Encoding.UTF8.GetByteCount(string.Join(',', Items(count)));

    private static StartTurn Start(byte[] create, string tenant) => new()
    {
        Key = new ConversationKey(tenant, new ConversationId(7)),
        RequestId = 9,
        Lease = new LeaseId(1),
        Create = create,
    };
}
