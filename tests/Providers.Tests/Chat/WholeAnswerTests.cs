using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>Answers that are one JSON document, of servers that do not stream.</summary>
public sealed class WholeAnswerTests
{
    private static ChatDriver Driver => ChatDriver.Of("""{"role":"user","content":"hi"}""");

    [Fact]
    public void Completion_WithEverything_GivesItsItems()
    {
        var answer = Driver.ReadWhole("""
            {"id":"c","object":"chat.completion","choices":[{"index":0,"finish_reason":"tool_calls","message":
             {"role":"assistant","content":"so","reasoning_content":"think","refusal":null,"tool_calls":[
              {"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}},
              {"id":"call_2","type":"function","function":{"name":"g","arguments":"{\"a\":1}"}}]}}],
             "usage":{"prompt_tokens":5,"completion_tokens":6,"total_tokens":11}}
            """);
        Assert.Equal("reasoning message function_call function_call", answer.Types);
        Assert.Equal("{\"a\":1}", (string?)answer.Items[3]["arguments"]);
        Assert.Equal((ModelEventKind.Completed, new Usage(5, 0, 6, 0)), (answer.End.Kind, answer.End.Usage));
    }

    [Fact]
    public void Completion_CutShort_IsIncomplete()
    {
        var answer = Driver.ReadWhole(
            """{"choices":[{"index":0,"finish_reason":"length","message":{"content":"so"}}]}""");
        Assert.Equal((ModelEventKind.Incomplete, "incomplete"), (answer.End.Kind, (string?)answer.Single["status"]));
    }

    [Theory]
    [InlineData("""{"error":{"message":"It broke.","code":500}}""")]
    [InlineData("""{"error":"It broke."}""")]
    [InlineData(""" [ {"error":{"code":400,"message":"It broke.","status":"INVALID_ARGUMENT"}} ] """)]
    [InlineData("""{"object":"error","message":"It broke."}""")]
    [InlineData("""{"choices":[],"error":{"message":"It broke."}}""")]
    public void Document_ThatIsAnError_Fails(string json)
    {
        var answer = Driver.ReadWhole(json);
        Assert.Equal((ModelEventKind.Failed, "It broke."), (answer.End.Kind, answer.End.Message));
    }

    [Theory]
    [InlineData("[7]")]
    [InlineData("[{},{}]")]
    [InlineData("{\"choices\":[")]
    [InlineData("{\"choices\":[]} x")]
    public void Document_ThatIsNoCompletion_IsRefused(string json) =>
        Assert.Throws<FormatException>(() => Driver.ReadWhole(json));
}
