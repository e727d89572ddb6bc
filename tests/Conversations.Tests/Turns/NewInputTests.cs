using System.Text;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>What a create is refused for before a check looks at its input.</summary>
public sealed class NewInputTests
{
    private const string Item = """{"role":"user","content":"hi"}""";

    [Theory]
    [InlineData("input[1]")]
    [InlineData("instructions")]
    public void Create_WithAValueThatNoRecordHolds_IsRefusedByName(string param)
    {
        var large = new string('x', Limits.RecordBytesMax);
        var input = param == "instructions" ? Item : $$"""{{Item}},{"role":"user","content":"{{large}}"}""";
        var instructions = param == "instructions" ? large : "short";

        var refusal = Refuse($$"""{"model":"m","instructions":"{{instructions}}","input":[{{input}}]}""");

        Assert.Equal((RefusalKind.TooLarge, param), (refusal.Kind, refusal.Param));
    }

    [Fact]
    public void Create_LargerThanAnAppend_IsRefused()
    {
        var item = $$"""{"role":"user","content":"{{new string('x', Limits.RecordBytesMax - (1 << 12))}}"}""";
        var items = string.Join(',', Enumerable.Repeat(item, Limits.AppendBytesMax / Limits.RecordBytesMax));

        Assert.Equal(RefusalKind.TooLarge, Refuse($$"""{"model":"m","input":[{{items}}]}""").Kind);
    }

    [Theory]
    [InlineData("{\"model\":\n x}", "The request is not valid JSON: line 2, byte 2.")]
    [InlineData("{\"model\":\"m\",\"input\":[{\"a\":01}]}", "The request is not valid JSON: line 1, byte 29.")]
    public void Create_ThatIsNoJson_IsToldLineAndByteInOurWords(string create, string message) =>
        Assert.Equal(message, Refuse(create).Message);

    private static Refusal Refuse(string create) => Assert.Throws<ConversationException>(
        () => NewInput.Read("tenant", Encoding.UTF8.GetBytes(create))).Refusal;
}
