using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Items;

/// <summary>Recovery reads the same of an item as the turn did that it came with.</summary>
public sealed class ItemHeadTests
{
    [Theory]
    [InlineData("""{"type":"message","role":"user","content":"a"}""")]
    [InlineData("""{"role":"assistant","content":[]}""")]
    [InlineData("""{"role":"system","type":null,"content":"a"}""")]
    [InlineData("""{"role":"developer","type":"","content":"a"}""")]
    [InlineData("""{"role":"user","content":[{"type":"input_text","role":"system","call_id":"inner"}]}""")]
    [InlineData("""{"type":"function_call","call_id":"call_1","name":"f","arguments":"{\"role\":\"user\"}"}""")]
    [InlineData("""{"arguments":"","name":"f","call_id":"c\u0061ll\n","type":"function_\u0063all"}""")]
    [InlineData("""{"type":"function_call_output","call_id":"ü\uD83D\uDE00","output":"a"}""")]
    [InlineData("""{"type":"a_new_kind","call_id":null}""")]
    [InlineData("""{"type":"a_new_kind","role":"someone"}""")]
    [InlineData("""{"t\u0079pe":"compaction","encrypted_content":"a"}""")]
    public void Of_ItemOfATurn_IsWhatTheTurnRead(string json)
    {
        var read = InputItem.Read(Encoding.UTF8.GetBytes(json), "input[0]");

        Assert.Equal(new ItemHead(read.Type, read.Role, read.CallId), HeadOf(json));
    }

    [Fact]
    public void Of_KnownType_AllocatesNoSecondText() =>
        Assert.Same("function_call", HeadOf("""{"type":"function_call"}""").Type);

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"id":"msg_1"}""")]
    [InlineData("""{"type":null,"content":"a"}""")]
    public void Of_NeitherTypeNorRole_IsRefused(string json) => Assert.Throws<FormatException>(() => HeadOf(json));

    [Fact]
    public void AddHeld_Item_HasTheDigestThatItHadWhenItCame()
    {
        var json = """{"role":"user","content":"\u0061b","id":"x"}"""u8.ToArray();
        var (came, held) = (new Proposal(default, null), new Proposal(default, null));
        came.Add(new Item(json, "message", ItemRole.User));

        held.AddHeld(json, origin: null);

        Assert.Equal(came.Digest, held.Digest);
        Assert.Equal(came.Items, held.Items);
    }

    private static ItemHead HeadOf(string json)
    {
        using var tree = ItemTree.Read(Encoding.UTF8.GetBytes(json));
        return ItemHead.Of(tree);
    }
}
