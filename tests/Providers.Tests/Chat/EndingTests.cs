using System.Text.Json.Nodes;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>What ends an answer, and how: servers say it in many ways, and some not at all.</summary>
public sealed class EndingTests
{
    private const string CutCall = "{\\\"a\\\":[1,";

    private static ChatDriver Driver => ChatDriver.Of("""{"role":"user","content":"hi"}""");

    [Theory]
    [InlineData("\"\"")]
    [InlineData("null")]
    public void FinishReason_ThatIsEmpty_IsNone(string none)
    {
        string Text(string text) =>
            $$"""{"choices":[{"index":0,"delta":{"content":"{{text}}"},"finish_reason":{{none}}}]}""";
        var open = Driver.Read(Text("Rain"), Text(" tod"));
        Assert.Equal(ModelEventKind.Delta, open.End.Kind);
        var whole = Driver.Read(Text("Rain"), Chunk.Stop, Text(""));
        Assert.Equal(ModelEventKind.Completed, whole.End.Kind);
        var cut = Driver.Read(Text("Rain"), Chunk.Length, Text(""));
        Assert.Equal((ModelEventKind.Incomplete, "max_output_tokens"), (cut.End.Kind, cut.End.Code));
    }

    [Fact]
    public void Done_BehindOutput_IsAnEnd()
    {
        var usage = """{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":3,"total_tokens":7}}""";
        var text = Driver.ReadDone(Chunk.Reasoning("hm"), Chunk.Text("Rain."), usage);
        Assert.Equal(("reasoning message", new Usage(4, 0, 3, 0)), (text.Types, text.End.Usage));
        Assert.Equal(ModelEventKind.Completed, text.End.Kind);
        var call = Driver.ReadDone(Chunk.Call(0, "call_1", "f", "{}"));
        Assert.Equal(("completed", ModelEventKind.Completed), ((string?)call.Single["status"], call.End.Kind));
        var bare = Driver.ReadDone(Chunk.Call(0, "call_1", "f"));
        Assert.Equal(("{}", ModelEventKind.Completed), ((string?)bare.Single["arguments"], bare.End.Kind));
    }

    [Fact]
    public void Done_BehindNothing_IsNoEnd()
    {
        Assert.Empty(Driver.ReadDone().Events);
        Assert.Empty(Driver.ReadDone(Chunk.Of("""{"role":"assistant","content":""}"""), Chunk.Text("\\n")).Events);
        var thoughts = Driver.ReadDone(Chunk.Reasoning("hm"));
        Assert.Equal(ModelEventKind.Delta, thoughts.End.Kind);
    }

    [Theory]
    [InlineData("stop")]
    [InlineData("tool_calls")]
    [InlineData("length")]
    [InlineData(null)]
    public void Call_WhoseArgumentsAreCut_IsNeverComplete(string? reason)
    {
        string[] chunks = [Chunk.Call(0, "call_1", "f", CutCall), Chunk.Call(1, "call_2", "g", "{}")];
        var answer = Driver.ReadDone(reason is null ? chunks : [.. chunks, Chunk.End(reason)]);
        Assert.Equal(("f", "incomplete"), ((string?)answer.Single["name"], (string?)answer.Single["status"]));
        Assert.Equal((ModelEventKind.Incomplete, "max_output_tokens"), (answer.End.Kind, answer.End.Code));
    }

    [Theory]
    [InlineData("no JSON")]
    [InlineData("{\\\"a\\\":1}}")]
    [InlineData("[1]")]
    public void Call_WhoseArgumentsAreNoCutObject_IsTheClientsToJudge(string arguments)
    {
        var answer = Driver.Read(Chunk.Call(0, "call_1", "f", arguments), Chunk.Calls);
        Assert.Equal((ModelEventKind.Completed, "completed"), (answer.End.Kind, (string?)answer.Single["status"]));
    }

    [Theory]
    [InlineData("MAX_TOKENS", ModelEventKind.Incomplete, "max_output_tokens")]
    [InlineData("max_output_tokens", ModelEventKind.Incomplete, "max_output_tokens")]
    [InlineData("model_context_window_exceeded", ModelEventKind.Incomplete, "max_output_tokens")]
    [InlineData("content_filter: RECITATION", ModelEventKind.Incomplete, "content_filter")]
    [InlineData("sensitive", ModelEventKind.Incomplete, "content_filter")]
    [InlineData("SAFETY", ModelEventKind.Incomplete, "content_filter")]
    [InlineData("error", ModelEventKind.Failed, "server_error")]
    [InlineData("network_error", ModelEventKind.Failed, "server_error")]
    [InlineData("insufficient_system_resource", ModelEventKind.Failed, "server_error")]
    [InlineData("function_call_filter: MALFORMED_FUNCTION_CALL", ModelEventKind.Failed, "server_error")]
    [InlineData("MALFORMED_FUNCTION_CALL", ModelEventKind.Failed, "server_error")]
    [InlineData("STOP", ModelEventKind.Completed, null)]
    [InlineData("end_turn", ModelEventKind.Completed, null)]
    public void FinishReason_OfAnyServer_IsTheOutcome(string reason, ModelEventKind kind, string? code)
    {
        var answer = Driver.Read(Chunk.Text("a"), Chunk.End(reason));
        Assert.Equal((kind, code), (answer.End.Kind, answer.End.Code));

        // A router says "stop", and repeats what its server said.
        var routed = Driver.Read(Chunk.End("stop").Replace("\"index\":0",
            $"\"index\":0,\"native_finish_reason\":\"{reason}\"", StringComparison.Ordinal));
        Assert.Equal((kind, code), (routed.End.Kind, routed.End.Code));
    }

    [Fact]
    public void FinishReason_OfManyCharacters_IsCutInTheMessage() =>
        Assert.InRange(Driver.Read(Chunk.End("error" + new string('x', 5000))).End.Message!.Length, 64, 128);

    [Theory]
    [InlineData("""{"choices":[],"error":{"code":502,"message":"It broke."}}""", "server_error")]
    [InlineData("""{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":"It broke."}""",
        "server_error")]
    [InlineData("""{"error":{"code":529,"message":"It broke."},"choices":[]}""", "server_is_overloaded")]
    [InlineData("""{"choices":[{"index":0,"delta":{},"error":{"code":402,"message":"It broke."}}]}""",
        "insufficient_quota")]
    [InlineData("""{"choices":[{"index":0,"delta":{"error":{"code":422,"message":"It broke."}}}]}""",
        "invalid_prompt")]
    [InlineData("""{"choices":[{"index":0,"message":{"error":"It broke."},"finish_reason":"stop"}]}""",
        "server_error")]
    [InlineData("""{"x_groq":{"id":"r","error":"It broke."},"choices":[]}""", "server_error")]
    [InlineData("""{"type":"error","message":"It broke."}""", "server_error")]
    [InlineData("""{"message":"It broke.","code":429}""", "rate_limit_exceeded")]
    [InlineData("""{"detail":"It broke."}""", "server_error")]
    public void Error_WhereverItStands_Fails(string chunk, string code)
    {
        var answer = Driver.ReadDone(chunk, Chunk.Text("x"), Chunk.Stop);
        Assert.Equal((ModelEventKind.Failed, code, "It broke."),
            (answer.End.Kind, answer.End.Code, answer.End.Message));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("\"\"")]
    [InlineData("false")]
    public void Error_ThatIsNone_IsNone(string none)
    {
        var answer = Driver.Read(
            $$"""{"choices":[{"delta":{"content":"a"},"error":{{none}},"finish_reason":"stop"}],"error":{{none}}}""");
        Assert.Equal(ModelEventKind.Completed, answer.End.Kind);
    }

    [Fact]
    public void Error_OfARouter_HasTheWordsOfItsServer()
    {
        var error = """{"code":400,"message":"Provider returned error","metadata":{"a":[],"raw":"Too big."}}""";
        Assert.Equal("Provider returned error: Too big.", Driver.Read($$"""{"error":{{error}}}""").End.Message);
    }

    [Fact]
    public void Message_BehindItsDeltas_CountsOnce()
    {
        var whole = """{"choices":[{"index":0,"message":{"content":"Rain."},"finish_reason":"stop"}]}""";
        Assert.Equal("Rain.", TextOf(Driver.Read(Chunk.Text("Rain"), Chunk.Text("."), whole)));
        Assert.Equal("Rain.", TextOf(Driver.Read(whole)));
    }

    [Theory]
    [InlineData("length", "stop")]
    [InlineData("stop", "length")]
    [InlineData("length", "tool_calls")]
    public void FinishReasons_ThatDiffer_MeanTheWorse(string first, string second) =>
        Assert.Equal(ModelEventKind.Incomplete,
            Driver.ReadDone(Chunk.Text("a"), Chunk.End(first), Chunk.End(second)).End.Kind);

    [Theory]
    [InlineData("""{"error":{"message":"Wrong key sk-1.","code":"invalid_api_key"}}""")]
    [InlineData("""{"error":{"message":"Wrong key sk-1.","code":401}}""")]
    [InlineData("""{"error":{"message":"Wrong key sk-1.","type":"authentication_error"}}""")]
    [InlineData("""{"object":"error","message":"Wrong key sk-1.","code":"401"}""")]
    public void Error_OfTheKey_IsNotRepeated(string error)
    {
        var end = Driver.Read(Chunk.Text("a"), error).End;
        Assert.Equal(ModelEventKind.Failed, end.Kind);
        Assert.DoesNotContain("sk-1", end.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Choice_ThatNobodyAskedFor_IsNotRead() => Assert.Equal("a", TextOf(Driver.Read(
        """{"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"length"}]}""",
        """{"choices":[{"index":"0","delta":{"content":"a"},"finish_reason":"stop"}]}""")));

    private static string? TextOf(Answer answer) => (string?)answer.Single["content"]![0]!["text"];
}
