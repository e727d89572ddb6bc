using System.Security.Cryptography;
using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Items;

public sealed class ItemDigestTests
{
    public static TheoryData<string> ItemNames => [.. DigestVectors.Published.Items.Select(v => v.Name)];

    public static TheoryData<string> ChainNames => [.. DigestVectors.Published.Chains.Select(v => v.Name)];

    [Fact]
    public void Root_IsThePublishedOne()
    {
        Assert.Equal(1, DigestVectors.Published.Version);
        Assert.Equal(DigestVectors.Published.Root, ItemDigest.Root.ToString());
    }

    [Theory]
    [MemberData(nameof(ItemNames))]
    public void Chain_PublishedItemAfterRoot_GivesPublishedDigest(string name)
    {
        var vector = DigestVectors.Published.Items.Single(v => v.Name == name);

        Assert.Equal(vector.Digest, Chain(ItemDigest.Root, vector.Item).ToString());
    }

    [Theory]
    [MemberData(nameof(ChainNames))]
    public void Chain_PublishedItems_GivesPublishedDigestAfterEach(string name)
    {
        var vector = DigestVectors.Published.Chains.Single(v => v.Name == name);
        var digest = ItemDigest.Root;
        var digests = new List<string>();
        foreach (var item in vector.Items)
        {
            digest = Chain(digest, item);
            digests.Add(digest.ToString());
        }

        Assert.Equal(vector.Digests, digests, StringComparer.Ordinal);
    }

    [Fact]
    public void Chain_ItemsInAnotherOrder_GivesAnotherDigest()
    {
        const string First = """{"role":"user","content":"a"}""";
        const string Second = """{"role":"user","content":"b"}""";

        Assert.NotEqual(
            Chain(Chain(ItemDigest.Root, First), Second),
            Chain(Chain(ItemDigest.Root, Second), First));
    }

    [Fact]
    public void Chain_ItemLargerThanThePool_GivesTheDigestOfItsCanonicalForm()
    {
        var text = new string('x', 3_000_000);
        var inFull = $$"""{"content":[{"text":"{{text}}","type":"input_text"}],"role":"user","type":"message"}""";

        Assert.Equal(
            Convert.ToHexStringLower(SHA256.HashData(
                [.. ItemDigest.Root.AsSpan(), CanonicalItem.Version, .. Encoding.UTF8.GetBytes(inFull)])),
            Chain(ItemDigest.Root, $$"""{"role":"user","content":"{{text}}"}""").ToString());
    }

    [Fact]
    public void Chain_RefusedItem_Throws() =>
        Assert.Throws<ConversationException>(() => Chain(ItemDigest.Root, """{"a":1,"a":1}"""));

    private static Digest Chain(Digest previous, string item) =>
        ItemDigest.Chain(previous, Encoding.UTF8.GetBytes(item));
}
