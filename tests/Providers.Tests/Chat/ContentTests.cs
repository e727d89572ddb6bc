namespace Evergrain.Providers.Tests.Chat;

/// <summary>Content that is a list of parts, and what servers say beside it.</summary>
public sealed class ContentTests
{
    private static ChatDriver Driver => ChatDriver.Of("""{"role":"user","content":"hi"}""");

    [Theory]
    [InlineData("""[{"type":"thinking","thinking":[{"type":"text","text":"think"}]},{"type":"text","text":"so"}]""")]
    [InlineData("""[{"thinking":[{"text":"thi"},{"type":"text","text":"nk"}],"type":"thinking"},{"text":"so"}]""")]
    [InlineData("""[{"type":"thinking","thinking":"think","signature":"s"},{"type":"output_text","text":"so"}]""")]
    [InlineData("""[{"type":"reasoning","text":"think"},"so"]""")]
    [InlineData("""
        [{"type":"thinking","thinking":["think",{"type":"reference","reference_ids":[1]}],"closed":true},
         {"type":"reference","reference_ids":[1,2]},{"type":"tool_reference","text":"no"},null,{"type":"text"},
         {"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"so"},{"type":"text","text":null}]
        """)]
    public void Parts_AreThoughtsAndText(string parts)
    {
        var answer = Driver.Read(Chunk.Of($$"""{"content":{{parts}}}"""), Chunk.Stop);
        Assert.Equal("reasoning message", answer.Types);
        Assert.Equal(["think", "so"], answer.Items.Select(item => (string?)item["content"]![0]!["text"]));
    }

    [Fact]
    public void Parts_InManyChunks_StreamIntoOneItemEach()
    {
        string Thought(string text) => Chunk.Of(
            $$$"""{"content":[{"type":"thinking","thinking":[{"type":"text","text":"{{{text}}}"}]}]}""");
        var answer = Driver.Read(Thought("The user"), Thought(" greets."),
            Chunk.Of("""{"content":[{"type":"text","text":"Good"}]}"""), Chunk.Text(" day."), Chunk.Stop);
        Assert.Equal("reasoning message", answer.Types);
        Assert.Equal(["The user", " greets.", "Good", " day."], answer.Deltas);
    }

    [Fact]
    public void Parts_WithARefusal_HaveIt()
    {
        var answer = Driver.Read(
            Chunk.Of("""{"content":{"type":"refusal","refusal":"No."}}"""), Chunk.Stop);
        Assert.Equal("""{"type":"refusal","refusal":"No."}""", answer.Single["content"]![0]!.ToJsonString());
    }

    [Theory]
    [InlineData("[1]")]
    [InlineData("""[{"type":"text","text":["a",1]}]""")]
    public void Parts_OfOtherJson_AreRefused(string parts) => Assert.Throws<FormatException>(
        () => Driver.Read(Chunk.Of($$"""{"content":{{parts}}}""")));

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("false")]
    [InlineData("null")]
    public void Thoughts_OfOtherJson_AreNone(string thoughts)
    {
        var answer = Driver.Read(
            Chunk.Of($$"""{"reasoning":{{thoughts}},"thinking":{{thoughts}},"content":"a"}"""), Chunk.Stop);
        Assert.Equal("message", answer.Types);
    }

    [Fact]
    public void Text_WithTagsOfThoughts_StaysAsItIs() => Assert.Equal("<think>a</think>b",
        (string?)Driver.Read(Chunk.Text("<think>a</think>b"), Chunk.Stop).Single["content"]![0]!["text"]);
}
