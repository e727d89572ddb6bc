using System.Text;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>Text, reasoning, refusals, usage and endings.</summary>
public sealed class DecoderTests
{
    private static ChatDriver Driver => ChatDriver.Of("""{"role":"user","content":"hi"}""");

    [Fact]
    public void Decode_Text_StreamsAsItIsSpelled()
    {
        var answer = Driver.Read(
            """{"choices":[{"delta":{"role":"assistant","content":""},"index":0}]}""",
            Chunk.Text("a \\\"b\\\" "), Chunk.Text("\\u00e9\\n"), Chunk.Text("é"), Chunk.Stop);
        Assert.Equal(["a \\\"b\\\" ", "\\u00e9\\n", "é"], answer.Deltas);
        Assert.Equal("a \"b\" é\né", (string?)answer.Single["content"]![0]!["text"]);
        Assert.Equal(ModelEventKind.Completed, answer.End.Kind);
        Assert.Null(answer.End.Usage);
    }

    [Fact]
    public void Decode_PairSplitBetweenChunks_GoesTogether()
    {
        var answer = Driver.Read(Chunk.Text("a\\ud83d"), Chunk.Text("\\ude00b\\uD83D\\uDE01"), Chunk.Stop);
        Assert.Equal(["a", "\\ud83d\\ude00b\\uD83D\\uDE01"], answer.Deltas);
    }

    [Theory]
    [InlineData("a\\ud83d", "b", "a|\\ufffdb")]
    [InlineData("\\ude00", "b\\ud83d", "\\ufffd|b|\\ufffd")]
    [InlineData("\\ud83d\\ud83d", "\\ude00", "\\ufffd|\\ud83d\\ude00")]
    [InlineData("\\\\ud83d", "x", "\\\\ud83d|x")]
    [InlineData("\\u0041\\ud83dx", "y", "\\u0041\\ufffdx|y")]
    public void Decode_HalfAPair_BecomesAReplacement(string first, string second, string expected) =>
        Assert.Equal(expected.Split('|'), Driver.Read(Chunk.Text(first), Chunk.Text(second), Chunk.Stop).Deltas);

    [Theory]
    [InlineData("reasoning_content")]
    [InlineData("reasoning")]
    [InlineData("reasoning_text")]
    [InlineData("thinking")]
    [InlineData("reasoning\":\"think\",\"reasoning_content")]
    public void Decode_Reasoning_ComesBeforeTheMessage(string field)
    {
        var answer = Driver.Read(Chunk.Of($$"""{"content":null,"{{field}}":"think"}"""),
            Chunk.Of("""{"content":"so","reasoning_content":"!"}"""), Chunk.Stop);
        Assert.Equal("reasoning message", answer.Types);
        Assert.Equal(["think", "!", "so"], answer.Deltas);
        Assert.Equal("think!", (string?)answer.Items[0]["content"]![0]!["text"]);
        Assert.Equal("reasoning_text", (string?)answer.Items[0]["content"]![0]!["type"]);
    }

    [Fact]
    public void Decode_Refusal_IsAPartOfTheMessage()
    {
        var answer = Driver.Read(Chunk.Text("I\\ud83d"), Chunk.Of("""{"refusal":"No"}"""),
            Chunk.Of("""{"refusal":"."}"""), Chunk.Stop);
        Assert.Equal("""[{"type":"refusal","refusal":"No."}]""",
            answer.Single["content"]!.AsArray().Skip(1).Single() is { } part ? $"[{part.ToJsonString()}]" : null);
        Assert.Equal("I\ufffd", (string?)answer.Single["content"]![0]!["text"]);
    }

    [Fact]
    public void Decode_BlankTextBesideOtherItems_IsNone()
    {
        var answer = Driver.Read(Chunk.Reasoning("\\n"), Chunk.Text("\\n\\n"), Chunk.Call(0, "call_1", "f", "{}"),
            Chunk.Text(" \\n"), Chunk.Call(1, "call_2", "f", "{}"), Chunk.Text("\\n"), Chunk.Calls);
        Assert.Equal("function_call function_call", answer.Types);
    }

    [Fact]
    public void Decode_BlankTextBeforeText_BelongsToIt() => Assert.Equal(["\\n ", "x", " "],
        Driver.Read(Chunk.Text("\\n"), Chunk.Text(" "), Chunk.Text("x"), Chunk.Text(" "), Chunk.Stop).Deltas);

    [Theory]
    [InlineData("")]
    [InlineData("\\n ")]
    public void Decode_NothingButAnEnd_IsAnEmptyMessage(string text)
    {
        var answer = Driver.Read(Chunk.Text(text), Chunk.Stop);
        Assert.Equal(string.Empty, (string?)answer.Single["content"]![0]!["text"]);
    }

    [Theory]
    [InlineData("stop", ModelEventKind.Completed, null)]
    [InlineData("tool_calls", ModelEventKind.Completed, null)]
    [InlineData("function_call", ModelEventKind.Completed, null)]
    [InlineData("eos", ModelEventKind.Completed, null)]
    [InlineData("length", ModelEventKind.Incomplete, "max_output_tokens")]
    [InlineData("content_filter", ModelEventKind.Incomplete, "content_filter")]
    [InlineData("abort", ModelEventKind.Failed, "server_error")]
    public void Decode_FinishReason_IsTheOutcome(string reason, ModelEventKind kind, string? code)
    {
        var answer = Driver.Read(Chunk.Text("a"), $$"""{"choices":[{"delta":{},"finish_reason":"{{reason}}"}]}""");
        Assert.Equal((kind, code), (answer.End.Kind, answer.End.Code));
        Assert.Equal(kind == ModelEventKind.Completed ? "completed" : "incomplete", (string?)answer.Single["status"]);
    }

    [Fact]
    public void Decode_FilteredBeforeAnything_HasNoItems()
    {
        var answer = Driver.Read("""{"choices":[{"delta":{},"finish_reason":"content_filter"}]}""");
        Assert.Empty(answer.Items);
        Assert.Equal(ModelEventKind.Incomplete, answer.End.Kind);
    }

    [Fact]
    public void Decode_NoFinishReason_HasNoEnd()
    {
        var answer = Driver.Read(Chunk.Text("a"));
        Assert.Equal(ModelEventKind.Delta, answer.End.Kind);
    }

    [Fact]
    public void Decode_Usage_ComesBehindTheFinishReason()
    {
        var answer = Driver.Read(Chunk.Text("a"), Chunk.Stop,
            """
            {"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,
            "prompt_tokens_details":{"audio_tokens":0,"cached_tokens":90},"unknown":{"a":[1]},
            "completion_tokens_details":{"reasoning_tokens":15}}}
            """);
        Assert.Equal(new Usage(100, 90, 20, 15), answer.End.Usage);
    }

    [Theory]
    [InlineData("""{"prompt_tokens":5,"completion_tokens":6}""", 5, 0, 6, 0)]
    [InlineData("""{"prompt_tokens":5,"completion_tokens":6,"prompt_tokens_details":null}""", 5, 0, 6, 0)]
    [InlineData("""{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":null}}""", 5, 0, 0, 0)]
    [InlineData("""{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":9}}""", 5, 5, 0, 0)]
    [InlineData("""{"prompt_tokens":-1,"completion_tokens":1.5}""", 0, 0, 0, 0)]
    public void Decode_UsageInPart_IsNought(string usage, long input, long cached, long output, long reasoning)
    {
        var answer = Driver.Read(Chunk.Stop, $$"""{"choices":[],"usage":{{usage}}}""", """{"usage":null}""");
        Assert.Equal(new Usage(input, cached, output, reasoning), answer.End.Usage);
    }

    [Fact]
    public void Decode_NullsAndUnknownMembers_ArePassedOver()
    {
        var answer = Driver.Read(
            """{"id":null,"choices":null,"usage":null,"error":null,"object":null}""", "", "  ",
            """{"choices":[{"index":null,"delta":null,"finish_reason":null,"logprobs":null}]}""",
            """{"choices":[{"index":0}]}""",
            Chunk.Of("""{"content":null,"tool_calls":null,"reasoning":null,"refusal":null,"audio":{"x":[{}]}}"""),
            Chunk.Of("""{"tool_calls":[]}"""),
            """{"choices":[{"index":1,"delta":{"content":"another"},"finish_reason":"length"}]}""",
            """{"cho\u0069ces":[{"finish_reason":"stop","delta":{"cont\u0065nt":"a"}}],"x":[[1],{"y":null}]}""");
        Assert.Equal(["a"], answer.Deltas);
        Assert.Equal(ModelEventKind.Completed, answer.End.Kind);
    }

    [Theory]
    [InlineData("""{"message":"m","type":"BadRequestError","code":400}""", "invalid_prompt")]
    [InlineData("""{"message":"This model's maximum context length is 8","code":400}""", "context_length_exceeded")]
    [InlineData("""{"message":"m","type":"exceed_context_size_error","code":400}""", "context_length_exceeded")]
    [InlineData("""{"message":"m","code":"rate_limit_exceeded"}""", "rate_limit_exceeded")]
    [InlineData("""{"message":"m","code":429}""", "rate_limit_exceeded")]
    [InlineData("""{"message":"m","code":"insufficient_quota","type":"x"}""", "insufficient_quota")]
    [InlineData("""{"message":"m","type":"overloaded_error"}""", "server_is_overloaded")]
    [InlineData("""{"message":"m","code":500,"param":{}}""", "server_error")]
    [InlineData("""{"message":null,"code":[1]}""", "server_error")]
    [InlineData("\"m\"", "server_error")]
    [InlineData("7", "server_error")]
    public void Decode_Error_Fails(string error, string code)
    {
        var answer = Driver.Read(Chunk.Text("a"), $$"""{"error":{{error}}}""", Chunk.Text("b"), Chunk.Stop);
        Assert.Equal((ModelEventKind.Failed, code), (answer.End.Kind, answer.End.Code));
        Assert.NotEmpty(answer.End.Message!);
        Assert.Equal(["a"], answer.Deltas);
    }

    [Fact]
    public void Decode_ChunkThatIsAnError_Fails()
    {
        var answer = Driver.Read("""{"object":"error","message":"out of memory","type":"x","code":503}""");
        Assert.Equal(("server_is_overloaded", "out of memory"), (answer.End.Code, answer.End.Message));
    }

    [Fact]
    public void Decode_LongError_IsCut() => Assert.Equal(1000,
        Driver.Read($$"""{"error":"{{new string('x', 5000)}}"}""").End.Message!.Length);

    [Fact]
    public void Decode_LongError_IsCutBetweenCharacters() => Assert.Equal(new string('x', 999),
        Driver.Read($$"""{"error":"{{new string('x', 999)}}😀 and more"}""").End.Message);

    [Theory]
    [InlineData("[]")]
    [InlineData("\"x\"")]
    [InlineData("{")]
    [InlineData("{} {}")]
    [InlineData("[DONE]")]
    [InlineData("""{"choices":{}}""")]
    [InlineData("""{"choices":[1]}""")]
    [InlineData("""{"choices":[{"delta":[]}]}""")]
    [InlineData("""{"choices":[{"delta":{"content":1}}]}""")]
    [InlineData("""{"choices":[{"delta":{"tool_calls":{}}}]}""")]
    [InlineData("""{"choices":[{"delta":{"tool_calls":[null]}}]}""")]
    [InlineData("""{"choices":[{"delta":{"tool_calls":[{"index":"a"}]}}]}""")]
    [InlineData("""{"choices":[{"delta":{"tool_calls":[{"index":1e99}]}}]}""")]
    [InlineData("""{"choices":[{"delta":{"tool_calls":[{"id":7}]}}]}""")]
    [InlineData("""{"choices":[{"delta":{"tool_calls":[{"id":"\ud83d"}]}}]}""")]
    [InlineData("""{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":[]}}]}}]}""")]
    [InlineData("""{"choices":[{"finish_reason":1}]}""")]
    [InlineData("{\"choices\":[{\"delta\":{\"content\":\"a\nb\"}}]}")]
    [InlineData("""{"choices":[{"delta":{"content":"\x"}}]}""")]
    public void Decode_OtherJson_IsRefused(string data) => Assert.Throws<FormatException>(() => Driver.Read(data));

    [Fact]
    public void Decode_Deltas_AllocateTheirBytesAlone()
    {
        const int deltas = 1000, arrayOverhead = 24, textBytes = 8;
        var driver = Driver;
        var decoder = driver.Api.Decode(driver.Call());
        var text = Encoding.UTF8.GetBytes(Chunk.Text("\\n234567"));
        var call = Encoding.UTF8.GetBytes(Chunk.Arguments(0, "\\n234567"));
        var events = new List<ModelEvent>(16);
        Read(text);
        var forText = Read(text);
        decoder.Read(Encoding.UTF8.GetBytes(Chunk.Call(0, "call_1", "f", "{\\\"a\\\":\\\"")), events);
        Read(call);
        Assert.Equal(((long)deltas * (arrayOverhead + textBytes), (long)deltas * (arrayOverhead + textBytes)),
            (forText, Read(call)));

        long Read(byte[] chunk)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < deltas; i++)
            {
                events.Clear();
                decoder.Read(chunk, events);
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public void Decode_BytesThatAreNoText_AreRefused()
    {
        var chunk = Chunk.Text("?").Select(c => c == '?' ? (byte)0xFF : (byte)c).ToArray();
        Assert.Throws<FormatException>(() => Answer.Of(Driver.Api, Driver.Call(), [chunk]));
    }
}
