using System.Text;
using System.Text.Json.Nodes;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>What a server says beside its items and wants back, and log probabilities.</summary>
public sealed class ServerDataTests
{
    private const string Signature = """{"google":{"thought_signature":"abc=="}}""";

    private static ChatDriver Driver => ChatDriver.Of("""{"role":"user","content":"hi"}""");

    [Theory]
    [InlineData("extra_content", Signature)]
    [InlineData("provider_specific_fields", """{"thought_signature":"abc=="}""")]
    [InlineData("thought_signature", "\"abc==\"")]
    public void Call_WithASignature_KeepsIt(string name, string value)
    {
        var answer = Driver.Read(
            Chunk.Of($$$"""
                {"tool_calls":[{"index":0,"id":"call_1","{{{name}}}":{{{value}}},"function":{"name":"f",
                "arguments":"{}"}},{"index":1,"id":"call_2","{{{name}}}":null,"function":{"name":"g"}}]}
                """), Chunk.Calls);
        Assert.Equal([$$$"""{"{{{name}}}":{{{value}}}}""", ""], DataOf(answer));
        Assert.DoesNotContain("abc", string.Concat(answer.Items.Select(item => item.ToJsonString())),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Call_WhoseSignatureComesLater_KeepsIt()
    {
        var late = $$$"""{"tool_calls":[{"index":0,"extra_content":{{{Signature}}}}]}""";
        var answer = Driver.Read(Chunk.Call(0, "call_1", "f", "{}"), Chunk.Of(late), Chunk.Calls);
        Assert.Equal([$$$"""{"extra_content":{{{Signature}}}}"""], DataOf(answer));
    }

    [Fact]
    public void Message_WithASignature_KeepsItAndNoMarkOfAThought()
    {
        var answer = Driver.Read(Chunk.Of("""{"content":"a","extra_content":{"google":{"thought":true}}}"""),
            Chunk.Of($$$"""{"content":"","extra_content":{{{Signature}}}}"""), Chunk.Stop);
        Assert.Equal([$$$"""{"extra_content":{{{Signature}}}}"""], DataOf(answer));
        Assert.Equal([""], DataOf(Driver.Read(
            Chunk.Of("""{"content":"a","extra_content":{"google":{"thought":true}}}"""), Chunk.Stop)));
    }

    [Fact]
    public void ReasoningDetails_AreMergedByIndex()
    {
        string Details(string list, string more = "") =>
            Chunk.Of("{" + more + $$"""
                "reasoning_details":[{{list}}]}
                """);
        string Thought(string text) => $"\"reasoning\":\"{text}\",";
        var answer = Driver.Read(
            Details("""{"type":"reasoning.text","text":"a\ud83d","format":"x","index":0,"id":null}""", Thought("a")),
            Details("""{"type":"reasoning.text","text":"\ude00b","index":0,"signature":null}""", Thought("b")),
            Details("""{"type":"reasoning.text","text":"","signature":"s","index":0}"""),
            Details("""{"type":"reasoning.encrypted","data":"d","index":1,"id":"r1"}"""),
            Details("""{"type":"reasoning.encrypted","data":"e","index":1,"id":"r2"},7"""),
            Chunk.Text("so"), Chunk.Stop);
        Assert.Equal("reasoning message", answer.Types);
        Assert.Equal("""
            {"reasoning_details":[
            {"type":"reasoning.text","text":"a\ud83d\ude00b","format":"x","index":0,"signature":"s"},
            {"type":"reasoning.encrypted","data":"d","index":1,"id":"r1"},
            {"type":"reasoning.encrypted","data":"e","index":1,"id":"r2"}]}
            """.ReplaceLineEndings(""), DataOf(answer)[0]);
        Assert.Equal("", DataOf(answer)[1]);
    }

    [Fact]
    public void ReasoningDetails_WithoutThoughts_GoWithTheFirstItem()
    {
        var sealedThought = """{"type":"reasoning.encrypted","data":"d","index":0}""";
        var answer = Driver.Read(
            Chunk.Of($$$"""{"reasoning":null,"reasoning_details":[{{{sealedThought}}}],"reasoning_opaque":"o"}"""),
            Chunk.Of($$$"""
                {"tool_calls":[{"index":0,"id":"call_1","extra_content":{{{Signature}}},
                "function":{"name":"f","arguments":"{}"}}]}
                """), Chunk.Call(1, "call_2", "f", "{}"), Chunk.Calls);
        var data = DataOf(answer);
        Assert.Equal($$$"""
            {"extra_content":{{{Signature}}},"reasoning_opaque":"o","reasoning_details":[{{{sealedThought}}}]}
            """, data[0]);
        Assert.Equal("", data[1]);
    }

    [Fact]
    public void ServerData_BeyondItsBound_IsDropped()
    {
        var much = new string('x', 300 << 10);
        var call = $$$"""{"index":0,"id":"call_1","extra_content":"{{{much}}}","function":{"name":"f"}}""";
        var answer = Driver.Read(
            Chunk.Of($$$"""{"reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"{{{much}}}"}]}"""),
            Chunk.Of($$"""{"tool_calls":[{{call}}]}"""), Chunk.Calls);
        Assert.Equal(["", ""], DataOf(answer));
        Assert.Equal(ModelEventKind.Completed, answer.End.Kind);
    }

    [Fact]
    public void Logprobs_OfChunks_AreSpelledAsTheResponsesApiDoes()
    {
        var answer = Driver.Read(
            WithLogprobs("Yes", """
                {"token":"Yes","logprob":-0.1,"bytes":[89,101,115],"top_logprobs":[
                 {"token":"Yes","logprob":-0.1,"bytes":[89,101,115]},{"token":"No","logprob":-2.4,"bytes":null}]}
                """),
            WithLogprobs("\\ud83d", """{"logprob":-9999.0,"token":"\ud83d","bytes":[240,159],"x":1}"""),
            WithLogprobs("\\ude00", """{"token":"é\n","logprob":-1,"top_logprobs":null}"""),
            Chunk.Text("."), Chunk.Stop);
        var given = answer.Events.Where(e => e.Kind == ModelEventKind.Delta)
            .Select(e => Encoding.UTF8.GetString(e.Logprobs.Span)).ToList();
        Assert.Equal(
        [
            """[{"token":"Yes","logprob":-0.1,"bytes":[89,101,115],"top_logprobs":[""" +
                """{"token":"Yes","logprob":-0.1,"bytes":[89,101,115]},""" +
                """{"token":"No","logprob":-2.4,"bytes":[78,111]}]}]""",
            """[{"token":"�","logprob":-9999.0,"bytes":[240,159],"top_logprobs":[]},""" +
                """{"token":"é\n","logprob":-1,"bytes":[195,169,10],"top_logprobs":[]}]""",
            "",
        ], given);
        var part = answer.Single["content"]![0]!;
        Assert.Equal(3, part["logprobs"]!.AsArray().Count);
        Assert.Equal("Yes😀.", (string?)part["text"]);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"content":null}""")]
    [InlineData("""{"content":[]}""")]
    [InlineData("""{"content":[1]}""")]
    [InlineData("""{"tokens":["a"],"token_logprobs":[-1]}""")]
    public void Logprobs_ThatAreNone_AreEmpty(string logprobs)
    {
        var answer = Driver.Read(
            $$"""{"choices":[{"delta":{"content":"a"},"logprobs":{{logprobs}},"finish_reason":"stop"}]}""");
        Assert.Empty(answer.Single["content"]![0]!["logprobs"]!.AsArray());
    }

    [Fact]
    public void Logprobs_OfTokensBeforeTheFirstCharacter_GoWithIt()
    {
        var token = """{"token":"\n","logprob":-1,"bytes":[10],"top_logprobs":[]}""";
        var answer = Driver.Read(WithLogprobs("", token), WithLogprobs("\\n", token), WithLogprobs("a", token),
            WithLogprobs("", token), Chunk.Stop);
        Assert.Equal(3, answer.Single["content"]![0]!["logprobs"]!.AsArray().Count);
    }

    private static string WithLogprobs(string text, string tokens) => $$$"""
        {"choices":[{"index":0,"delta":{"content":"{{{text}}}"},"logprobs":{"refusal":null,"content":[{{{tokens}}}]}}]}
        """;

    private static List<string> DataOf(Answer answer) =>
    [
        .. answer.Events.Where(e => e.Kind == ModelEventKind.ItemDone).Select(e =>
        {
            var data = Encoding.UTF8.GetString(e.ServerData.Span);
            Assert.True(data.Length == 0 || JsonNode.Parse(data) is JsonObject);
            return data;
        }),
    ];
}
