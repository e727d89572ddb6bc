using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Hosts;

namespace Evergrain.Conversations.Tests.Timing;

/// <summary>Items as the messages of the conventions for generative AI, version 0.1.0.</summary>
public sealed class SpanMessagesTests
{
    // What stands around the last text that fits: its part, its message, the end of the list.
    private const int StructureBytesMax = 512;

    [Theory]
    [InlineData("""{"role":"user","content":"a \"b\""}""",
        """{"role":"user","parts":[{"type":"text","content":"a \"b\""}]}""")]
    [InlineData("""{"type":"message","role":"developer","content":[{"type":"input_text","text":"a"}]}""",
        """{"role":"developer","parts":[{"type":"text","content":"a"}]}""")]
    [InlineData("""
        {"role":"user","content":[{"type":"input_image","image_url":"data:x"},{"type":"input_text","text":"a"}]}
        """, """{"role":"user","parts":[{"type":"input_image"},{"type":"text","content":"a"}]}""")]
    [InlineData("""{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}""",
        """{"role":"assistant","parts":[{"type":"tool_call","id":"c","name":"f","arguments":"{\"a\":1}"}]}""")]
    [InlineData("""{"type":"custom_tool_call","call_id":"c","name":"f","input":"x"}""",
        """{"role":"assistant","parts":[{"type":"tool_call","id":"c","name":"f","arguments":"x"}]}""")]
    [InlineData("""{"type":"function_call_output","call_id":"c","output":"seen"}""",
        """{"role":"tool","parts":[{"type":"tool_call_response","id":"c","response":"seen"}]}""")]
    [InlineData("""
        {"type":"custom_tool_call_output","call_id":"c","output":[{"type":"input_text","text":"a"}]}
        """, """
        {"role":"tool","parts":[{"type":"tool_call_response","id":"c","response":[{"type":"text","content":"a"}]}]}
        """)]
    [InlineData("""
        {"type":"reasoning","summary":[{"type":"summary_text","text":"a"}],"encrypted_content":"sealed"}
        """, """{"role":"assistant","parts":[{"type":"reasoning","content":"a"}]}""")]
    [InlineData("""{"type":"compaction","encrypted_content":"sealed"}""",
        """{"role":"assistant","parts":[{"type":"compaction"}]}""")]
    public void Input_OfAnItem_IsAMessage(string item, string expected)
    {
        var messages = new SpanMessages();

        Assert.Equal($"[{expected.Trim()}]", messages.OfInput(Items(item)));
        Assert.False(messages.IsCut);
    }

    [Fact]
    public void Output_OfATurn_IsOneMessageThatSaysWhyItEnded() => Assert.Equal(
        """[{"role":"assistant","parts":[{"type":"text","content":"a"},{"type":"refusal","content":"b"}],""" +
            "\"finish_reason\":\"stop\"}]",
        new SpanMessages().OfOutput(Items(
            """{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]}""",
            """{"type":"message","role":"assistant","content":[{"type":"refusal","refusal":"b"}]}"""), "stop"));

    [Theory]
    [InlineData("é")]
    [InlineData("\\n")]
    [InlineData("\\u00e9")]
    [InlineData("\\ud83d\\ude00")]
    [InlineData("😀")]
    public void Text_ThatIsTooLong_IsCutBetweenCharacters(string character)
    {
        // Each padding puts the bound elsewhere in the character.
        for (var padding = 0; padding < 12; padding++)
        {
            var text = new StringBuilder().Append('x', padding).Insert(padding, character, SpanMessages.BytesMax);
            var messages = new SpanMessages();

            var cut = messages.OfInput(Items($$"""{"role":"user","content":"{{text}}"}"""));

            Assert.True(messages.IsCut);
            AssertBounded(cut);
            var said = JsonElement.Parse(cut)[0].GetProperty("parts")[0].GetProperty("content").GetString()!;
            var plain = JsonElement.Parse($"\"{character}\"").GetString()!;
            Assert.Equal(said, new StringBuilder().Append('x', padding)
                .Insert(padding, plain, (said.Length - padding) / plain.Length).ToString());
        }
    }

    [Fact]
    public void Items_ThatAreTooMany_AreLeftOut()
    {
        var few = """{"role":"user","content":"a"}""";
        var call = """{"type":"function_call","call_id":"c","name":"f","arguments":""}""";
        var (input, output) = (new SpanMessages(), new SpanMessages());

        AssertBounded(input.OfInput(Items([.. Enumerable.Repeat(few, 2_000)])));
        AssertBounded(output.OfOutput(Items([.. Enumerable.Repeat(call, 2_000)]), "stop"));

        Assert.True(input.IsCut && output.IsCut);
    }

    [Fact]
    public void Text_WithHalfACharacter_IsKeptAsItIs() => Assert.Equal(
        """[{"role":"user","parts":[{"type":"text","content":"\ud800"}]}]""",
        new SpanMessages().OfInput(Items("""{"role":"user","content":"\ud800"}""")));

    private static void AssertBounded(string messages)
    {
        Assert.InRange(Encoding.UTF8.GetByteCount(messages), 1, SpanMessages.BytesMax + StructureBytesMax);
        Assert.NotEqual(0, JsonElement.Parse(messages).GetArrayLength());
    }

    private static IReadOnlyList<PreparedItem> Items(params string[] items)
    {
        var proposal = new Proposal(default, null);
        foreach (var item in items)
        {
            proposal.Add(Encoding.UTF8.GetBytes(item));
        }

        return proposal.Items;
    }
}
