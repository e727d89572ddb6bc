namespace Evergrain.Providers.Tests.Responses;

/// <summary>How answers end: well, early, badly, or not at all.</summary>
public sealed class DecoderEndingTests
{
    private const string Message = """{"type":"response.output_item.added","item":{"id":"m","type":"message"}}""";
    private const string Call =
        """{"type":"function_call","id":"c","call_id":"call_a","name":"f","arguments":"{}"}""";

    [Theory]
    [InlineData(
        """{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"Slow."}}}""",
        "failed rate_limit_exceeded Slow.")]
    [InlineData(
        """{"type":"response.failed","response":{"error":{"code":"luck","message":"M"},"usage":{"input_tokens":5}}}""",
        "failed server_error M in 5 cached 0 out 0 reasoning 0")]
    [InlineData("""{"type":"response.failed","response":{"error":null}}""",
        "failed server_error The model server failed without saying why.")]
    [InlineData("""{"type":"error","code":"context_length_exceeded","message":"Too long.","param":null}""",
        "failed context_length_exceeded Too long.")]
    [InlineData("""{"type":"error","code":null,"message":"\ud83d\ude00","param":null}""", "failed server_error 😀")]
    [InlineData("""{"type":"error","status":503,"error":{"code":"server_is_overloaded","message":"Busy."}}""",
        "failed server_is_overloaded Busy.")]
    [InlineData("""{"type":"error","error":{"type":"too_many_requests","code":null,"message":"Wait."}}""",
        "failed rate_limit_exceeded Wait.")]
    [InlineData("""{"error":{"message":"Bad.","type":"BadRequestError","param":null,"code":400}}""",
        "failed server_error Bad.")]
    [InlineData("""{"error":{"message":"Busy.","code":503}}""", "failed server_is_overloaded Busy.")]
    [InlineData("""{"type":"error","error":{"message":"Wait.","code":429}}""", "failed rate_limit_exceeded Wait.")]
    [InlineData("""{"type":"error","error":"It broke."}""", "failed server_error It broke.")]
    [InlineData("""{"type":"error","code":"invalid_api_key","message":"Wrong key sk-1."}""",
        "failed server_error The model server did not let this server in; its operator has to look at the key.")]
    [InlineData("""{"type":"error","error":{"code":401,"message":"Wrong key sk-1."}}""",
        "failed server_error The model server did not let this server in; its operator has to look at the key.")]
    [InlineData("""{"type":"response.failed","response":{"error":{"code":"401","message":"Wrong key sk-1."}}}""",
        "failed server_error The model server did not let this server in; its operator has to look at the key.")]
    [InlineData("""{"type":"error","code":"server_error","message":"interrupted: x"}""",
        "failed server_error The model server's response was interrupted: x")]
    [InlineData("""{"type":"response.incomplete","response":{"status":"cancelled","incomplete_details":null}}""",
        "failed server_error The model server cancelled its response.")]
    [InlineData("""{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}""",
        "incomplete max_output_tokens")]
    [InlineData("""{"type":"response.incomplete","response":{"incomplete_details":null}}""",
        "incomplete max_output_tokens")]
    [InlineData("""{"type":"response.incomplete","response":{"incomplete_details":{"reason":"steered"}}}""",
        "incomplete steered")]
    public void End_ThatIsNotGood_IsTheLastEvent(string end, string expected)
    {
        Assert.Equal(expected, Transcript.Of(end));
        Assert.Equal("item Message {\"type\":\"message\"}\n" + expected,
            Transcript.Of(string.Join('\n', Message, end, Message, end, "not even JSON")));
    }

    [Theory]
    [InlineData("""{"type":"response.completed","response":null}""",
        "failed server_error The model server ended its answer without a response.")]
    [InlineData("""{"type":"response.incomplete","response":null}""",
        "failed server_error The model server ended its answer without a response.")]
    [InlineData("""{"type":"response.completed"}""",
        "failed server_error The model server ended its answer without a response.")]
    [InlineData("""{"type":"response.completed","response":[]}""",
        "failed server_error The model server ended its answer without a response.")]
    [InlineData("""
        {"type":"response.completed","response":{"status":"failed","error":{"message":"M"},"usage":{"input_tokens":5}}}
        """, "failed server_error M in 5 cached 0 out 0 reasoning 0")]
    [InlineData("""
        {"type":"response.completed","response":{"status":"completed","output":[],"error":{"message":"M"}}}
        """, "failed server_error M")]
    [InlineData("""{"type":"response.completed","response":{"output":[],"error":{"code":"rate_limit_exceeded"}}}""",
        "failed rate_limit_exceeded The model server failed without saying why.")]
    [InlineData("""{"type":"response.incomplete","response":{"output":[],"error":"M"}}""", "failed server_error M")]
    [InlineData("""{"type":"response.completed","response":{"status":"incomplete","output":[]}}""",
        "incomplete max_output_tokens")]
    [InlineData("""{"type":"response.completed","response":{"status":"cancelled"}}""",
        "failed server_error The model server cancelled its response.")]
    [InlineData("""
        {"type":"response.completed","response":{"usage":{"input_tokens":20,"output_tokens":198,"total_tokens":623}}}
        """, "completed in 20 cached 0 out 603 reasoning 0")]
    public void End_ThatSaysOtherwise_IsWhatItsResponseSays(string end, string expected) =>
        Assert.Equal(expected, Transcript.Of(end));

    [Theory]
    [InlineData("{\\\"a\\\":")]
    [InlineData("{\\\"a\\\":\\\"b")]
    [InlineData("{")]
    [InlineData("\\u007b \\\"")]
    public void Call_WhoseArgumentsAreCut_EndsTheAnswerAsIncomplete(string arguments)
    {
        const string begin = "item FunctionCall call_a f\npart Arguments\ndelta {\n";
        var call = Call.Replace("{}", arguments, StringComparison.Ordinal);
        var added = Call.Replace("{}", "", StringComparison.Ordinal);
        var completed = $$$"""{"type":"response.completed","response":{"status":"completed","output":[{{{call}}}]}}""";
        string[] stream =
        [
            $$"""{"type":"response.output_item.added","item":{{added}}}""",
            """{"type":"response.function_call_arguments.delta","delta":"{"}""",
            $$"""{"type":"response.output_item.done","item":{{call}}}""",
            completed,
        ];
        var expected = "incomplete max_output_tokens";
        Assert.EndsWith(begin[begin.IndexOf("part", StringComparison.Ordinal)..] + expected,
            Transcript.Of(string.Join('\n', stream)), StringComparison.Ordinal);
        Assert.EndsWith(expected, Transcript.Of(string.Join('\n', stream[0], stream[1], stream[3])),
            StringComparison.Ordinal);
        Assert.Equal("item FunctionCall call_a f\n" + expected, Transcript.Of(completed));
        Assert.Equal("item FunctionCall call_a f\n" + expected, Transcript.Of(stream[2] + "\n" + completed));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData(" {\\\"a\\\":\\\"\\\\ud83d\\\"} ")]
    public void Call_WhoseArgumentsAreWhole_IsGiven(string arguments)
    {
        var call = Call.Replace("{}", arguments, StringComparison.Ordinal);
        Assert.EndsWith("\ncompleted", Transcript.Of(
            $$$"""{"type":"response.completed","response":{"status":"completed","output":[{{{call}}}]}}"""),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"function_call","id":"","call_id":"a","name":"f","arguments":"{}","status":"incomplete"}""")]
    [InlineData("""{"type":"custom_tool_call","id":"c","call_id":"a","name":"f","input":"x","status":"incomplete"}""")]
    public void Call_ThatSaysItIsIncomplete_EndsTheAnswerAsIncomplete(string call)
    {
        var completed = $$$"""{"type":"response.completed","response":{"status":"completed","output":[{{{call}}}]}}""";
        Assert.EndsWith("\nincomplete max_output_tokens", Transcript.Of(completed), StringComparison.Ordinal);
        Assert.EndsWith("\nincomplete max_output_tokens",
            Transcript.Of($$$"""{"type":"response.output_item.done","item":{{{call}}}}""" + "\n" + completed),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Calls_OfOneId_AreRefused()
    {
        var second = Call.Replace("\"id\":\"c\"", "\"id\":\"d\"", StringComparison.Ordinal);
        AssertFails($$"""{"type":"response.output_item.done","item":{{Call}}}""",
            $$"""{"type":"response.output_item.added","item":{{second}}}""");
        AssertFails($$"""{"type":"response.output_item.added","output_index":0,"item":{{Call}}}""",
            $$"""{"type":"response.output_item.added","output_index":1,"item":{{second}}}""");
        AssertFails($$"""{"type":"response.output_item.done","output_index":0,"item":{{Call}}}""",
            $$"""{"type":"response.output_item.done","output_index":1,"item":{{second}}}""");
        AssertFails($$$"""{"type":"response.completed","response":{"output":[{{{Call}}},{{{second}}}]}}""");

        // One item that its server names anew.
        Assert.EndsWith("completed", Transcript.Of(string.Join('\n',
            $$"""{"type":"response.output_item.added","output_index":0,"item":{{Call}}}""",
            $$"""{"type":"response.output_item.done","output_index":0,"item":{{second}}}""",
            $$$"""{"type":"response.completed","response":{"output":[{{{Call}}}]}}""")), StringComparison.Ordinal);
    }

    [Fact]
    public void Failure_OfManyWords_IsCutBetweenCharacters()
    {
        var words = new string('x', 1999) + "😀" + new string('y', 1 << 16);
        Assert.Equal("failed server_error " + new string('x', 1999) + "…",
            Transcript.Of($$"""{"type":"error","message":"{{words}}"}"""));
    }

    [Fact]
    public void End_InTheMiddleOfAnItem_IsNoEnd()
    {
        AssertFails(Message, """{"type":"response.completed","response":{"output":[]}}""");
        AssertFails(Message, """{"type":"response.completed","response":{}}""");
        AssertFails(
            $$"""{"type":"response.output_item.added","item":{{Call}}}""",
            """
            {"type":"response.completed","response":{"output":[{"type":"function_call","call_id":"other","name":"f"}]}}
            """);
    }

    [Fact]
    public void Stream_WithoutALastEvent_HasNone() =>
        Assert.Equal("item Message {\"type\":\"message\"}", Transcript.Of(Message));

    [Fact]
    public void Incomplete_WithItemsHeldBack_GivesThoseThatEnded() => Assert.Equal(
        """
        item Message {"type":"message"}
        item done m {"id2":1,"type":"message"}
        item FunctionCall call_a f
        part Arguments
        delta {}
        part done
        item done c {"type":"function_call","call_id":"call_a","name":"f","arguments":"{}"}
        incomplete max_output_tokens
        """,
        Transcript.Of(string.Join('\n',
            Message,
            $$"""{"type":"response.output_item.done","item":{{Call}}}""",
            """{"type":"response.incomplete","response":{"output":[{"id2":1,"type":"message","id":"m"}]}}""")));

    [Theory]
    [InlineData("no JSON")]
    [InlineData("[]")]
    [InlineData("\"type\"")]
    [InlineData("{}")]
    [InlineData("""{"type":7}""")]
    [InlineData("""{"type":"x"} {}""")]
    [InlineData("""{"type":"x","type":"x"}""")]
    [InlineData("""{"type":"x","output_index":0,"output_index":0}""")]
    [InlineData("""{"type":"response.output_text.delta","delta":"a","d\u0065lta":"b"}""")]
    [InlineData("""{"type":"response.output_text.delta","delta":"a\x"}""")]
    [InlineData("{\"type\":\"response.output_text.delta\",\"delta\":\"a")]
    [InlineData("{\"type\":\"response.output_text.delta\",\"delta\":\"a\nb\"}")]
    [InlineData("""{"type":"response.output_text.delta"}""")]
    [InlineData("""{"type":"response.output_text.delta","delta":null}""")]
    [InlineData("""{"type":"response.function_call_arguments.delta","delta":"a"}""")]
    [InlineData("""{"type":"response.output_item.added"}""")]
    [InlineData("""{"type":"response.output_item.added","item":[]}""")]
    [InlineData("""{"type":"response.output_item.added","item":{"id":"x"}}""")]
    [InlineData("""{"type":"response.output_item.added","item":{"type":"x","type":"y"}}""")]
    [InlineData("""{"type":"response.output_item.added","item":{"type":"x","id":"a","\u0069d":"b"}}""")]
    [InlineData("""{"type":"response.output_item.added","item":{"type":"x","n":{"a":1,"a":1}}}""")]
    [InlineData("""{"type":"response.output_item.added","item":{"type":"x","id":"\ud800"}}""")]
    [InlineData("""{"type":"response.output_item.added","item":{"type":"function_call","name":"f"}}""")]
    [InlineData("""{"type":"response.output_item.added","item":{"type":"function_call","call_id":"c"}}""")]
    [InlineData("""{"type":"response.output_item.added","item":{"type":"custom_tool_call","call_id":"","name":"f"}}""")]
    [InlineData("""{"type":"response.output_item.done","item":{"type":"reasoning","id":"m2"},"output_index":0}""")]
    [InlineData("""{"type":"response.completed","response":{"output":[7]}}""")]
    [InlineData("""{"type":"response.content_part.done","item_id":"m","part":{"type":"output_text","a":1,"a":2}}""")]
    public void Event_ThatIsNotOfTheApi_IsRefused(string data) => AssertFails(
        """{"type":"response.output_item.added","output_index":0,"item":{"id":"m","type":"message"}}""", data);

    [Fact]
    public void Event_ThatIsNotUtf8_IsRefused()
    {
        byte[] data = [.. """{"type":"x","a":" """u8, 0xC3, .. "\"}"u8];
        Assert.Throws<FormatException>(() => Transcript.Decoder().Read(data, []));
    }

    [Fact]
    public void Call_ThatGoesOnAfterItsEnd_IsRefused() => AssertFails(
        $$"""{"type":"response.output_item.added","item":{{Call}}}""",
        """{"type":"response.function_call_arguments.done","arguments":"{}"}""",
        """{"type":"response.function_call_arguments.delta","delta":"more"}""");

    [Fact]
    public void Items_BeyondTheBound_AreRefused()
    {
        var decoder = Transcript.Decoder();
        for (var i = 0; i < 4096; i++)
        {
            Transcript.Next(decoder,
                $$$"""{"type":"response.output_item.done","output_index":{{{i}}},"item":{"type":"x"}}""");
        }

        Assert.Throws<FormatException>(() => Transcript.Next(decoder,
            """{"type":"response.output_item.done","output_index":5000,"item":{"type":"x","id":"x"}}"""));
    }

    [Fact]
    public void Events_HeldBackBeyondTheBound_AreRefused()
    {
        var decoder = Transcript.Decoder();
        Transcript.Next(decoder, Message);
        Transcript.Next(decoder, """{"type":"response.output_item.added","item":{"id":"n","type":"message"}}""");
        var text = new string('x', 1 << 20);
        var delta = $$"""{"type":"response.output_text.delta","item_id":"n","delta":"{{text}}"}""";
        for (var i = 0; i < 63; i++)
        {
            Assert.Empty(Transcript.Next(decoder, delta));
        }

        Assert.Throws<FormatException>(() => Transcript.Next(decoder, delta));
    }

    private static void AssertFails(params string[] stream)
    {
        var decoder = Transcript.Decoder();
        foreach (var data in stream[..^1])
        {
            Transcript.Next(decoder, data);
        }

        Assert.Throws<FormatException>(() => Transcript.Next(decoder, stream[^1]));
    }
}
