using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Items;

namespace Evergrain.Conversations.Tests.Items;

/// <summary>What an item is: decided in one place, for an item that comes in and for one that is recovered.</summary>
public sealed class ItemHeadTests
{
    [Theory]
    [InlineData("""{"type":"message","role":"user","content":"a"}""", "message", ItemRole.User)]
    [InlineData("""{"role":"assistant","content":[]}""", "message", ItemRole.Assistant)]
    [InlineData("""{"role":"system","type":null,"content":"a"}""", "message", ItemRole.System)]
    [InlineData("""{"role":"developer","type":"","content":"a"}""", "message", ItemRole.Developer)]
    [InlineData("""{"role":"u\u0073er","content":[{"type":"x","role":"system","call_id":"inner"}]}""", "message",
        ItemRole.User)]
    [InlineData("""{"type":"function_call","call_id":"c","name":"f","arguments":"{\"role\":\"user\"}"}""",
        "function_call", ItemRole.None, "c")]
    [InlineData("""{"arguments":"","name":"f","call_id":"c\u0061ll\n","type":"function_\u0063all"}""",
        "function_call", ItemRole.None, "call\n")]
    [InlineData("""{"type":"function_call_output","call_id":"ü\uD83D\uDE00","output":"a"}""",
        "function_call_output", ItemRole.None, "ü😀")]
    [InlineData("""{"type":"a_new_kind","call_id":null}""", "a_new_kind", ItemRole.None)]
    [InlineData("""{"type":"a_new_kind","role":"someone"}""", "a_new_kind", ItemRole.None)]
    [InlineData("""{"t\u0079pe":"compaction","encrypted_content":"a"}""", "compaction", ItemRole.None)]
    [InlineData("""{"id":"msg_1"}""", "item_reference", ItemRole.None)]
    [InlineData("{}", "", ItemRole.None)]
    public void Of_Item_IsWhatItsMembersSay(string json, string type, ItemRole role, string? callId = null) =>
        Assert.Equal(new ItemHead(type, role, callId), HeadOf(json));

    [Fact]
    public void Of_KnownType_AllocatesNoSecondText() =>
        Assert.Same("function_call", HeadOf("""{"type":"function_call"}""").Type);

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"type":null,"content":"a"}""")]
    public void Add_ItemThatNothingNames_IsRefused(string json) =>
        Assert.Throws<FormatException>(() => new Proposal(default, null).Add(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void Add_Item_HasTheDigestOfItsCanonicalForm()
    {
        var json = """{"role":"user","content":"\u0061b","id":"x"}"""u8.ToArray();
        var proposal = new Proposal(default, null);

        var head = proposal.Add(json);

        Assert.Equal(new ItemHead("message", ItemRole.User, null), head);
        Assert.Equal(ItemDigest.Chain(ItemDigest.Root, json), proposal.Digest);
        Assert.Equal(new Item(json, "message", ItemRole.User), Assert.Single(proposal.Items).Item);
    }

    private static ItemHead HeadOf(string json)
    {
        using var tree = ItemTree.Read(Encoding.UTF8.GetBytes(json));
        return ItemHead.Of(tree);
    }
}
