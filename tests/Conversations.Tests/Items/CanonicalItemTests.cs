using System.Buffers;
using System.Text;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Items;

public sealed class CanonicalItemTests
{
    public static TheoryData<string> ItemNames => [.. DigestVectors.Published.Items.Select(v => v.Name)];

    public static TheoryData<string> RefusedNames => [.. DigestVectors.Published.Refused.Select(v => v.Name)];

    [Theory]
    [MemberData(nameof(ItemNames))]
    public void Write_PublishedItem_GivesPublishedCanonicalForm(string name)
    {
        var vector = DigestVectors.Published.Items.Single(v => v.Name == name);

        Assert.Equal(vector.Canonical, Canonical(vector.Item));
        Assert.Equal(vector.Canonical, Canonical(vector.Canonical));
    }

    [Theory]
    [MemberData(nameof(RefusedNames))]
    public void Write_PublishedRefusal_IsInvalidRequestNamingTheMember(string name)
    {
        var vector = DigestVectors.Published.Refused.Single(v => v.Name == name);

        var refusal = RefusalOf(Encoding.UTF8.GetBytes(vector.Item));

        Assert.Equal(RefusalKind.InvalidRequest, refusal.Kind);
        Assert.Equal(vector.Param, refusal.Param);
    }

    [Theory]
    [InlineData(new byte[] { 0xC3, 0x28 })] // a lead byte without its continuation
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 })] // an encoded surrogate
    [InlineData(new byte[] { 0xC0, 0x80 })] // an overlong null
    [InlineData(new byte[] { 0xF4, 0x90, 0x80, 0x80 })] // above U+10FFFF
    [InlineData(new byte[] { 0xE2, 0x82 })] // cut short
    public void Write_InvalidUtf8_IsRefused(byte[] text)
    {
        byte[] item = [.. "{\"type\":\"x\",\"s\":\""u8, .. text, .. "\"}"u8];

        Assert.Equal(RefusalKind.InvalidRequest, RefusalOf(item).Kind);
    }

    [Fact]
    public void Write_AnyItem_BeginsWithTheVersion()
    {
        var output = new ArrayBufferWriter<byte>();
        CanonicalItem.Write("{}"u8, output);

        Assert.Equal([1, (byte)'{', (byte)'}'], output.WrittenSpan.ToArray());
    }

    [Fact]
    public void Write_ManyMembers_SortsThemByUtf16CodeUnits()
    {
        var random = new Random(7);
        string[] alphabet = ["a", "b", "\u007f", "é", "\ud7ff", "\ue000", "\uffff", "😀", "\U0010ffff"];
        var names = Enumerable.Range(0, 20_000)
            .Select(_ => string.Concat(random.GetItems(alphabet, random.Next(1, 9))))
            .Distinct(StringComparer.Ordinal)
            .ToArray();
        var sorted = names.Order(StringComparer.Ordinal);

        Assert.Equal(ObjectOf(sorted), Canonical(ObjectOf(names)));
    }

    [Fact]
    public void Write_MemberRepeatedAmongMany_IsRefusedWithItsPath()
    {
        var names = Enumerable.Range(0, 10_000).Select(i => $"m{i * 7919 % 10_000:0000}").Append("m4321");
        var item = $"{{\"type\":\"x\",\"list\":[0,{ObjectOf(names)}]}}";

        Assert.Equal("list[1].m4321", RefusalOf(Encoding.UTF8.GetBytes(item)).Param);
    }

    [Fact]
    public void Write_RepeatedMemberWithAnOddName_ShowsItEscapedAndShort()
    {
        var name = "\\ud800\\n" + new string('é', 100);
        var param = RefusalOf(Encoding.UTF8.GetBytes($"{{\"{name}\":1,\"{name}\":2}}")).Param;

        Assert.Equal("\\ud800\\n" + new string('é', 28) + "…", param);
    }

    [Fact]
    public void Write_LargeString_IsWhole()
    {
        var text = string.Concat(Enumerable.Repeat("line one\\nline \\u00e9 two\\t", 100_000));
        var expected = text.Replace("\\u00e9", "é", StringComparison.Ordinal);

        Assert.Equal(
            $"{{\"output\":\"{expected}\",\"type\":\"x\"}}",
            Canonical($"{{\"type\":\"x\",\"output\":\"{text}\"}}"));
    }

    internal static string Canonical(string item)
    {
        var output = new ArrayBufferWriter<byte>();
        CanonicalItem.Write(Encoding.UTF8.GetBytes(item), output);
        return Encoding.UTF8.GetString(output.WrittenSpan[1..]);
    }

    private static string ObjectOf(IEnumerable<string> names) =>
        $"{{{string.Join(',', names.Select(name => $"\"{name}\":0"))}}}";

    private static Refusal RefusalOf(byte[] item)
    {
        var output = new ArrayBufferWriter<byte>();
        var thrown = Assert.Throws<ConversationException>(() => CanonicalItem.Write(item, output));
        Assert.Equal(0, output.WrittenCount);
        return thrown.Refusal;
    }
}
