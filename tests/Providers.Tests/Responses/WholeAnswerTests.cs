namespace Evergrain.Providers.Tests.Responses;

/// <summary>Answers that are one JSON document, of servers that do not stream.</summary>
public sealed class WholeAnswerTests
{
    private const string Output = """
        [{"type":"reasoning","id":"rs_1","summary":[]},
         {"type":"message","id":"m","content":[{"type":"output_text","text":"fine"}]},
         {"type":"function_call","id":"c","call_id":"call_a","name":"f","arguments":"{}"}]
        """;

    private const string Items = """
        item Reasoning
        item done rs_1 {"type":"reasoning","summary":[]}
        item Message
        part OutputText
        delta fine
        part done
        item done m {"type":"message","content":[{"type":"output_text","text":"fine"}]}
        item FunctionCall call_a f
        part Arguments
        delta {}
        part done
        item done c {"type":"function_call","call_id":"call_a","name":"f","arguments":"{}"}

        """;

    [Theory]
    [InlineData("\"status\":\"completed\",\"error\":null,", "completed in 3 cached 0 out 2 reasoning 0")]
    [InlineData("", "completed in 3 cached 0 out 2 reasoning 0")]
    [InlineData("\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"},",
        "incomplete max_output_tokens in 3 cached 0 out 2 reasoning 0")]
    public void Response_ThatIsWhole_GivesItsItems(string status, string end) => Assert.Equal(Items + end,
        Transcript.OfWhole($$$"""
            {"id":"resp_1","object":"response",{{{status}}}
             "output":{{{Output}}}, "usage":{"input_tokens":3,"output_tokens":2}}
            """));

    [Theory]
    [InlineData("""{"status":"failed","error":{"code":"rate_limit_exceeded","message":"Slow."},"output":[]}""",
        "failed rate_limit_exceeded Slow.")]
    [InlineData("""{"error":{"message":"Bad.","type":"BadRequestError","code":400}}""", "failed server_error Bad.")]
    [InlineData("""[{"error":{"message":"Bad.","code":400}}]""", "failed server_error Bad.")]
    [InlineData("""{"status":"cancelled","output":[]}""",
        "failed server_error The model server cancelled its response.")]
    [InlineData("""{"type":"error","code":"server_error","message":"It broke."}""", "failed server_error It broke.")]
    [InlineData("""{"type":"response.completed","response":{"output":[]}}""", "completed")]
    public void Response_OfAnotherKind_IsUnderstood(string json, string expected) =>
        Assert.Equal(expected, Transcript.OfWhole(json));

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"status\":\"in_progress\",\"output\":[]}")]
    [InlineData("{\"status\":\"completed\",\"output\":[]} x")]
    [InlineData("{\"status\":\"completed\",\"output\":[")]
    [InlineData("{\"status\":\"completed\",\"output\":[{\"type\":\"function_call\",\"name\":\"f\"}]}")]
    public void Document_ThatIsNoResponse_IsRefused(string json) =>
        Assert.Throws<FormatException>(() => Transcript.OfWhole(json));
}
