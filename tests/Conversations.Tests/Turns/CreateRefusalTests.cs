using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Record = Evergrain.Conversations.Records.Record;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>Creates that are refused, in the words that clients look for.</summary>
public sealed class CreateRefusalTests
{
    private readonly ConversationDriver _driver =
        new(new ScriptedBackend(), new ScriptedBackend("chat", "chat", takesOpenCalls: false));

    [Theory]
    [InlineData("function_call", "function call")]
    [InlineData("custom_tool_call", "custom tool call")]
    [InlineData("shell_call", "shell call")]
    [InlineData("apply_patch_call", "apply patch call")]
    [InlineData("computer_call", "computer call")]
    public void Call_WithoutOutputOrOutputWithoutCall_IsRefusedInOpenAIsWords(string type, string words)
    {
        var call = $$"""{"type":"{{type}}","call_id":"call_1","name":"f","arguments":"{}","input":"x"}""";
        var output = $$"""{"type":"{{type}}_output","call_id":"call_1","output":"done"}""";

        Refused($"[{call}]", $"No tool output found for {words} call_1.", "input");
        Refused($"[{output}]", $"No tool call found for {words} output with call_id call_1.", "input");
        Refused($"[{call},{output},{output}]", $"No tool call found for {words} output with call_id call_1.", "input");
        Refused($"[{output},{call}]", $"No tool call found for {words} output with call_id call_1.", "input");
        _driver.Create($$"""{"model":"m","input":[{{call}},{{output}}]}""");
    }

    [Fact]
    public void Output_OfAnotherType_AnswersNoCall() => Refused("""
        [{"type":"function_call","call_id":"call_1","name":"f","arguments":"{}"},
         {"type":"custom_tool_call_output","call_id":"call_1","output":"done"}]
        """, "No tool call found for custom tool call output with call_id call_1.", "input");

    [Fact]
    public void Call_ThatTheParentMade_IsNamedAsADuplicate()
    {
        var id = _driver.Say("go");
        _driver.Model(id, ConversationDriver.Call("call_1"));
        _driver.Answer(id);

        const string call = """ "type":"function_call","call_id":"call_1","name":"f","arguments":"{}" """;
        const string words = ": the call call_1 is there twice. Remove it from 'input' and try again.";
        const string output = """{"type":"function_call_output","call_id":"call_1","output":"done"}""";
        Refused($$"""[{"id":"fc_1",{{call}}},{{output}}]""", "Duplicate item found with id fc_1" + words,
            "input[0].call_id", id);
        Refused($$"""[{{{call}}},{{{call}}},{{output}}]""", "Duplicate item found with id call_1" + words,
            "input[1].call_id");
    }

    [Theory]
    [InlineData("""{"type":"namespace","name":"n","async":true,"tools":[]}""", "tools[0].async")]
    [InlineData("""{"type":"shell","async":true}""", "tools[0].async")]
    [InlineData("""{"type":"function","name":"f"},{"type":"web_search","async":false}""", "tools[1].async")]
    [InlineData("""{"type":"namespace","name":"n","tools":[{"type":"mcp","async":true}]}""", "tools[0].tools[0].async")]
    public void AsyncMember_OfAToolThatHasNone_IsAnUnknownParameter(string tools, string path)
    {
        Refused("\"go\"", $"Unknown parameter: '{path}'.", path, tools: tools);
        Refused($$"""[{"type":"additional_tools","tools":[{{tools}}]}]""", $"Unknown parameter: 'input[0].{path}'.",
            $"input[0].{path}");
    }

    [Theory]
    [InlineData("\"yes\"", true)]
    [InlineData("1", true)]
    [InlineData("{}", true)]
    [InlineData("null", false)]
    [InlineData("false", false)]
    [InlineData("true", false)]
    public void AsyncMember_OfAFunction_IsAFlag(string mark, bool isRefused)
    {
        var tools = $$"""{"type":"function","name":"f","async":{{mark}}}""";
        if (isRefused)
        {
            Refused("\"go\"", "'tools[0].async' must be true or false.", "tools[0].async", tools: tools);
        }
        else
        {
            _driver.Create($$"""{"model":"m","tools":[{{tools}}],"input":"go"}""");
        }
    }

    [Fact]
    public void ToolNames_ThatAreNoText_AreNobodysTools() => _driver.Create("""
        {"model":"m","input":"go","tools":[{"type":"namespace","name":"n","tools":[{"type":"function","name":"\ud800"},
         {"\udc00":1,"type":"function","name":"f","async":true},7,null]}]}
        """);

    [Theory]
    [InlineData("moderation", """{"model":"x"}""")]
    [InlineData("context_management", """[{"type":"compaction","compact_threshold":1000}]""")]
    public void Parameter_ThatTheServersDoNotKnow_IsRefusedByName(string field, string value)
    {
        var refusal = Assert.Throws<ConversationException>(() => _driver.Create(
            $$"""{"model":"chat","input":"go","{{field}}":{{value}}}""")).Refusal;

        Assert.Equal((RefusalKind.InvalidRequest, field), (refusal.Kind, refusal.Param));
        Assert.Contains($"'{field}'", refusal.Message, StringComparison.Ordinal);
        _driver.Create($$"""{"model":"m","input":"go","{{field}}":{{value}}}""");
        _driver.Create($$"""{"model":"chat","input":"go","{{field}}":null}""");
    }

    [Theory]
    [InlineData("\"auto\"")]
    [InlineData("\"\\u0061uto\"")]
    [InlineData("\"never\"")]
    [InlineData("7")]
    public void Truncation_OtherThanDisabled_IsRefused(string value)
    {
        var refusal = Assert.Throws<ConversationException>(() => _driver.Create(
            $$"""{"model":"m","input":"go","truncation":{{value}}}""")).Refusal;

        Assert.Equal((RefusalKind.InvalidRequest, "truncation"), (refusal.Kind, refusal.Param));
        Assert.Contains("'truncation'", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"disabled\"")]
    [InlineData("null")]
    public void Truncation_Disabled_IsEchoed(string value)
    {
        var id = _driver.Create($$"""{"model":"m","input":"go","truncation":{{value}}}""");
        _driver.AppendAll();

        Assert.Equal("disabled", _driver.Get(id).GetProperty("truncation").GetString());
    }

    [Fact]
    public void Truncation_AutoInAJournalOfAnEarlierBuild_IsRead()
    {
        var id = _driver.Create("""{"model":"m","input":"go","truncation":"disabled"}""");
        _driver.AppendAll();
        _driver.Answer(id);
        _driver.Journal[0] = _driver.Journal[0] with
        {
            Records = RecordFrames.Write(
                [.. RecordFrames.Read(_driver.Journal[0].Records, _driver.Owner).Select(Earlier)], _driver.Owner),
        };

        _driver.Restart();

        Assert.Equal("auto", _driver.Get(id).GetProperty("truncation").GetString());
        _driver.Say("go on", id);
    }

    private static Record Earlier(Record record) => record is ValueHeld { Field: "truncation" } held
        ? held with { Json = "\"auto\""u8.ToArray() }
        : record;

    private void Refused(string input, string message, string param, ResponseId? previous = null, string tools = "")
    {
        var parent = previous is null ? "null" : $"\"{previous}\"";
        var refusal = Assert.Throws<ConversationException>(() => _driver.Create($$"""
            {"model":"m","previous_response_id":{{parent}},"tools":[{{tools}}],"input":{{input}}}
            """)).Refusal;
        Assert.Equal((RefusalKind.InvalidRequest, message, param), (refusal.Kind, refusal.Message, refusal.Param));
    }
}
