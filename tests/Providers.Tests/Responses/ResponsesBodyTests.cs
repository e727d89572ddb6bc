using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;
using Evergrain.Providers.Responses;

namespace Evergrain.Providers.Tests.Responses;

/// <summary>What a call's body says around the context.</summary>
public sealed class ResponsesBodyTests
{
    private const string Start = """{"model":"gpt \"x\"","stream":true,"store":false,""";

    [Fact]
    public void Body_OfABareCreate_IsModelAndContext()
    {
        var body = new ResponsesApi("main").Write(Transcript.Call(("model", "\"gpt\"")));
        Assert.Equal(Start + "\"input\":[", Text(body.Head));
        Assert.Equal("]}", Text(body.Tail));
        Assert.Equal(0, body.Skipped);
    }

    [Fact]
    public void Body_OfAFullCreate_HasEachParameterAsItCame() => Assert.Equal(
        Start + """
            "instructions":"Be \u0062rief.","tools":[ {"type":"x-new","n":1.50} ],"tool_choice":{"type":"x-new"},
            "text":{"format":{"type":"text"}},"max_output_tokens":16,"user":"u","moderation":{"model":"m"},
            "context_management":[{"type":"compaction"}],"include":["web_search_call.results"],"input":[
            """.ReplaceLineEndings("").Replace("    ", "", StringComparison.Ordinal),
        Head(
            ("background", "false"), ("model", "\"gpt\""), ("instructions", "\"Be \\u0062rief.\""),
            ("tools", """[ {"type":"x-new","n":1.50} ]"""), ("tool_choice", """{"type":"x-new"}"""),
            ("text", """{"format":{"type":"text"}}"""), ("max_output_tokens", "16"), ("metadata", """{"k":"v"}"""),
            ("user", "\"u\""), ("moderation", """{"model":"m"}"""),
            ("context_management", """[{"type":"compaction"}]"""), ("include", """["web_search_call.results"]""")));

    [Fact]
    public void Include_OfAReasoningCall_AsksForWhatContinuesItsThoughts()
    {
        const string reasoning = "\"reasoning\":{\"effort\":\"low\"},";
        Assert.Equal(
            Start + reasoning + "\"include\":[\"reasoning.encrypted_content\"],\"input\":[",
            Head(("reasoning", "{\"effort\":\"low\"}")));
        Assert.Equal(
            Start + reasoning + "\"include\":[],\"input\":[",
            Head(("reasoning", "{\"effort\":\"low\"}"), ("include", "[]")));
    }

    [Fact]
    public void Parameters_OfEveryHeldField_ArePassedOrOurs()
    {
        var ours = ParameterFields.All.Select(static field => field.Name)
            .Where(static field => !Head((field, "\"mark\"")).Contains("\"mark\"", StringComparison.Ordinal));
        Assert.Equal(["metadata", "model"], ours.Where(static field => field != "background").Order());
    }

    [Fact]
    public void Body_OfALongContext_IsTheContextItself()
    {
        var call = Transcript.Call();
        Assert.Same(call.Context, new ResponsesApi("main").Write(call).Context);
    }

    private static string Head(params (string Field, string Json)[] parameters) =>
        Text(new ResponsesApi("main").Write(Transcript.Call(parameters)).Head);

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);
}
