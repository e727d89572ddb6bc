namespace Evergrain.Providers.Tests.Demo;

/// <summary>A script that cannot be played is answered with what is wrong; odd items are no scripts.</summary>
public sealed class ScriptFaultTests
{
    [Theory]
    [InlineData("", "a JSON array of steps")]
    [InlineData("[{]", "a JSON array of steps")]
    [InlineData("""{"say":"a"}""", "a JSON array of steps")]
    [InlineData("""[{"say":"a","say":"b"}]""", "a JSON array of steps")]
    [InlineData("[1]", "step 1: a step is an object, not 1")]
    [InlineData("""[{"say":"a"},{"dance":1}]""", "step 2: unknown step {\"dance\":1}; the steps are say, bytes, shell")]
    [InlineData("""[{"say":1}]""", "step 1: say must be a string")]
    [InlineData("""[{"say":"a","args":{}}]""", "\"say\" takes no member \"args\"")]
    [InlineData("""[{"say":"a","shell":"b"}]""", "\"say\" takes no member \"shell\"")]
    [InlineData("""[{"bytes":16777217}]""", "bytes must be a whole number from 0 to 16777216")]
    [InlineData("""[{"bytes":-1}]""", "bytes must be a whole number")]
    [InlineData("""[{"say":"a","delay_ms":0.5}]""", "delay_ms must be a whole number from 0 to 3600000")]
    [InlineData("""[{"call":"","args":{}}]""", "call must be a string that is not empty")]
    [InlineData("""[{"call":"\ud800"}]""", "call must be a string that is not empty, without unpaired surrogates")]
    [InlineData("""[{"call":"f","args":"x"}]""", "args must be an object")]
    [InlineData("""[{"custom":"f"}]""", "\"input\" is missing")]
    [InlineData("""[{"think":"f"}]""", "\"then\" is missing")]
    [InlineData("""[{"parallel":[]}]""", "parallel takes an array of at least one step")]
    [InlineData("""[{"parallel":[{"fail":"x"},{"say":"a"}]}]""", "nothing can follow fail or stop")]
    [InlineData("""[{"fail":"x","after_events":"1"}]""", "after_events must be a whole number")]
    [InlineData("""[{"stop":"tired"}]""", "stop takes max_output_tokens or content_filter")]
    [InlineData("""[{"say":"a","usage":{"tokens":1}}]""", "unknown member \"tokens\" in usage")]
    [InlineData("""[{"say":"a","usage":{"input_tokens":1,"total_tokens":1}}]""", "not both")]
    [InlineData("""[{"say":"a","usage":[]}]""", "usage and its details are objects")]
    [InlineData("""[{"say":"a","\ud800":1}]""", "unpaired surrogate")]
    public async Task Script_Malformed_IsAnsweredWithWhatIsWrong(string script, string expected)
    {
        var driver = DemoDriver.WithScript(script);
        for (var turn = 0; turn < 2; turn++)
        {
            var text = (await driver.AskAsync()).Text;
            Assert.StartsWith("The script cannot be played: ", text, StringComparison.Ordinal);
            Assert.Contains(expected, text, StringComparison.Ordinal);
        }

        driver.User("@@script [{\"say\":\"better\"}]");
        Assert.Equal("better", (await driver.AskAsync()).Text);
    }

    [Theory]
    [InlineData("@@script64 !", "not base64")]
    [InlineData("@@script64 /w==", "not UTF-8")]
    public async Task Script64_Malformed_IsAnsweredWithWhatIsWrong(string line, string expected)
    {
        var driver = new DemoDriver();
        driver.User(line);
        Assert.Contains(expected, (await driver.AskAsync()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Script_NestedTooDeep_IsAnsweredWithWhatIsWrong()
    {
        var deep = string.Concat(Enumerable.Repeat("""{"think":"","then":""", 70)) + "{}" + new string('}', 70);
        Assert.Contains("a JSON array", (await DemoDriver.WithScript($"[{deep}]").AskAsync()).Text,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Script_InAMessageWithAnUnpairedSurrogate_IsAnsweredWithWhatIsWrong()
    {
        var driver = DemoDriver.Resend(["""{"role":"user","content":"\ud83d\n@@script [{\"say\":\"a\"}]"}"""]);
        Assert.Contains("unpaired surrogate", (await driver.AskAsync()).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"\ud800aaaaaaaaaaaa":1,"role":"user","content":"@@script [{\"say\":\"a\"}]"}""")]
    [InlineData("""{"role":"user","content":[7,{"text":null},{"\ud800aaa":1,"text":"@@script [{\"say\":\"a\"}]"}]}""")]
    public async Task Script_AmongOddJson_IsFound(string item)
    {
        Assert.Equal("a", (await DemoDriver.Resend([item]).AskAsync()).Text);
    }

    [Theory]
    [InlineData("""{"role":"user","content":{"@@":1}}""")]
    [InlineData("""{"role":"user"}""")]
    [InlineData("""{"role":"assistant","content":"\ud800 @@progress 1"}""")]
    [InlineData("""{"type":"function_call","\ud800aaa":1}""")]
    [InlineData("""{"type":"function_call","call_id":"call_"}""")]
    [InlineData("""{"type":"function_call","call_id":"call__1"}""")]
    [InlineData("""{"type":"function_call","call_id":7}""")]
    [InlineData("""{"type":"function_call","call_id":"call_2147483647_0"}""")]
    [InlineData("""{"type":"function_call","call_id":"\udc00"}""")]
    [InlineData("""{"type":"compaction","encrypted_content":"@@"}""")]
    [InlineData("""{"type":"additional_tools"}""")]
    [InlineData("""{"type":"additional_tools","tools":[{"\ud800aaa":1,"type":"\ud800","name":"\ud800"}]}""")]
    [InlineData("""{"type":"evergrain:unknown","x":[]}""")]
    public async Task Item_Odd_IsHeldLikeAnyOther(string item)
    {
        var driver = DemoDriver.Resend([item]);
        Assert.StartsWith("Evergrain demo: 1 items held", (await driver.AskAsync()).Text, StringComparison.Ordinal);
    }
}
