using System.Text;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Responses;

/// <summary>Texts, where a recorded stream does not show what matters.</summary>
public sealed class DecoderTextTests
{
    [Theory]
    [InlineData("response.reasoning_text.delta")]
    [InlineData("response.reasoning.delta")]
    [InlineData("response.output_text.delta")]
    public void ReasoningText_WithoutAnAnnouncedPart_Streams(string type)
    {
        const string whole = """{"type":"reasoning","content":[{"type":"reasoning_text","text":"whynot"}]}""";
        var decoder = Transcript.Decoder();
        Transcript.Next(decoder,
            """{"type":"response.output_item.added","output_index":0,"item":{"id":"r","type":"reasoning"}}""");
        Assert.Equal("part ReasoningText\ndelta why", Transcript.Next(decoder,
            $$"""{"type":"{{type}}","item_id":"r","output_index":0,"content_index":7,"delta":"why"}"""));
        Assert.Equal("delta not", Transcript.Next(decoder,
            $$"""{"type":"{{type}}","item_id":"r","output_index":0,"content_index":8,"delta":"not"}"""));
        Assert.Equal("part done\nitem done " + whole, Transcript.Next(decoder,
            """{"type":"response.output_item.done","output_index":0,"item":""" + whole + "}"));
    }

    [Fact]
    public void Delta_ThatEndsInHalfACharacter_WaitsForTheOtherHalf()
    {
        Assert.Equal(
            ["a", """\ud83d\ude00b""", """\\""", """\ud83d\uDE00""", """\\ud83d"""],
            Deltas("""a\ud83d""", """\ude00b""", """\\\ud83d""", """\uDE00""", """\\ud83d"""));
        Assert.Equal(["""\ud83dx"""], Deltas("""\ud83d""", "", "x"));
        Assert.Equal(["x", """\ud83d\uD83D\ude00"""], Deltas("""x\ud83d""", """\uD83D""", """\ude00"""));
        Assert.Equal(["x", """\udbff"""], Deltas("""x\udbff"""));
        Assert.Equal(["""\udc00"""], Deltas("""\udc00"""));
        Assert.Equal(["é😀", "漢"], Deltas("é😀", "漢"));
    }

    [Fact]
    public void Event_InManyLines_IsPassedOnInOne() => Assert.Equal(
        """item Other item {"type" : "x",   "n":1}""",
        Transcript.Next(Transcript.Decoder(),
            "{\"type\":\"response.output_item.added\",\r\n\"item\":{\"type\"\n: \"x\",\r\n \"n\":1}\n}"));

    private static IEnumerable<string> Deltas(params string[] deltas)
    {
        const string item = "\"output_index\":0,\"item\":{\"type\":\"message\",\"content\":[]}}";
        string[] stream =
        [
            "{\"type\":\"response.output_item.added\"," + item,
            .. deltas.Select(static delta =>
                $$"""{"type":"response.output_text.delta","output_index":0,"delta":"{{delta}}"}"""),
            "{\"type\":\"response.output_item.done\"," + item,
        ];
        return Transcript.Decode(string.Join('\n', stream)).Where(static e => e.Kind == ModelEventKind.Delta)
            .Select(static e => Encoding.UTF8.GetString(e.Text.Span));
    }

    [Fact]
    public void Logprobs_OfDeltas_GoWithThem()
    {
        const string one = """{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]}""";
        Assert.Equal($$$"""
            item Message {"type":"message"}
            part OutputText
            delta a [{{{one}}}]
            delta b
            delta \ud83d\ude00 [{{{one}}},{{{one}}}]
            part done
            """, Transcript.Of($$$"""
            {"type":"response.output_item.added","item":{"id":"m","type":"message"}}
            {"type":"response.output_text.delta","delta":"a","logprobs":[{{{one}}}]}
            {"type":"response.output_text.delta","delta":"b","logprobs":[ ]}
            {"type":"response.output_text.delta","delta":"\ud83d","logprobs":[{{{one}}}]}
            {"type":"response.output_text.delta","logprobs":[{{{one}}}],"delta":"\ude00"}
            {"type":"response.content_part.done","item_id":"m","part":{"type":"output_text","text":"ab\ud83d\ude00"}}
            """));
    }

    [Theory]
    [InlineData("""{"type":"response.output_text.done","item_id":"m","text":"a","logprobs":[1]}""")]
    [InlineData("""
        {"type":"response.content_part.done","item_id":"m","part":{"type":"output_text","text":"a","logprobs":[1]}}
        """)]
    public void Logprobs_OfATextThatDidNotStream_GoWithIt(string done) => Assert.Contains("delta a [1]",
        Transcript.Of($$$"""
            {"type":"response.output_item.added","item":{"id":"m","type":"message"}}
            {"type":"response.content_part.added","item_id":"m","part":{"type":"output_text","text":""}}
            {{{done}}}
            """), StringComparison.Ordinal);
}
