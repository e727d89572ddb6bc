using System.Text;
using System.Text.Json.Nodes;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Demo;

namespace Evergrain.Providers.Tests.Demo;

/// <summary>What each step makes the model say.</summary>
public sealed class ScriptStepTests
{
    [Fact]
    public void Serves_Names_OnlyListedOnes()
    {
        var backend = new DemoBackend(["demo", "gpt-6.1-sol"], TimeProvider.System);
        Assert.Equal("demo", backend.Rendering);
        Assert.Equal(["demo", "gpt-6.1-sol"], backend.Models);
        Assert.True(backend.Serves("gpt-6.1-sol"));
        Assert.False(backend.Serves("Demo"));
    }

    [Fact]
    public void Render_AnyItem_IsItsOwnJsonAndAQuarterOfItsBytes()
    {
        var driver = DemoDriver.Resend(["""{"role":"user","content":"hello"}"""]);
        var rendered = new DemoBackend([], TimeProvider.System).Render(driver.Items[0], null);
        Assert.Equal(driver.Items[0].Json, rendered.Bytes);
        Assert.Equal(9, rendered.Tokens);
    }

    [Fact]
    public async Task Ask_WithoutScript_SaysWhatTheServerDid()
    {
        var driver = new DemoDriver();
        driver.User("one");
        driver.User("two");
        Assert.Equal("Evergrain demo: 2 items held, 2 processed for this turn.", (await driver.AskAsync()).Text);
        driver.User("three");
        Assert.Equal("Evergrain demo: 4 items held, 1 processed for this turn.", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task Script_SayTwice_SaysBothThenFinished()
    {
        var driver = DemoDriver.WithScript("""[{"say":"one"},{"say":"two \"quoted\" \u00e9"}]""");
        Assert.Equal("one", (await driver.AskAsync()).Text);
        Assert.Equal("two \"quoted\" é", (await driver.AskAsync()).Text);
        driver.User("go on");
        Assert.Equal("script finished", (await driver.AskAsync()).Text);
        Assert.Equal("script finished", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task Script_Base64_IsPlayed()
    {
        var driver = new DemoDriver();
        driver.User("@@script64 " + Convert.ToBase64String(Encoding.UTF8.GetBytes("""[{"say":"zwölf"}]""")));
        Assert.Equal("zwölf", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task Script_InContentParts_LastOneCounts()
    {
        var driver = new DemoDriver();
        driver.Add("""
            {"type":"message","role":"user","content":[{"type":"input_text","text":"@@script [{\"say\":\"a\"}]\r\nx"},
            {"type":"input_image","image_url":"u"},{"type":"input_text","text":"y\n  @@script [{\"say\":\"b\"}]"}]}
            """);
        Assert.Equal("b", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task Script_EscapedMark_IsFound()
    {
        var driver = DemoDriver.Resend(["""{"role":"user","content":"\u0040\u0040script [{\"say\":\"a\"}]"}"""]);
        Assert.Equal("a", (await driver.AskAsync()).Text);
    }

    [Theory]
    [InlineData("""{"role":"developer","content":"@@script [{\"say\":\"a\"}]"}""")]
    [InlineData("""{"role":"user","content":"see @@script [{\"say\":\"a\"}]"}""")]
    [InlineData("""{"type":"function_call_output","call_id":"c","output":"@@script [{\"say\":\"a\"}]"}""")]
    public async Task Script_ElsewhereThanAUsersLine_IsText(string item)
    {
        var driver = DemoDriver.Resend([item]);
        Assert.StartsWith("Evergrain demo: 1 items held", (await driver.AskAsync()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Call_WithArguments_KeepsThemAsWritten()
    {
        var driver = DemoDriver.WithScript(
            """[{"call":"f","args":{"a": "\"\\ \u00e9\ud83d\ude00", "n":1.0},"namespace":"ns"}]""");
        var call = (await driver.AskAsync()).Single;
        Assert.Equal("function_call", (string?)call["type"]);
        Assert.Equal("f", (string?)call["name"]);
        Assert.Equal("ns", (string?)call["namespace"]);
        Assert.Equal("""{"a": "\"\\ \u00e9\ud83d\ude00", "n":1.0}""", (string?)call["arguments"]);
        Assert.Equal("call_1_0", (string?)call["call_id"]);
    }

    [Fact]
    public async Task Call_WithoutArguments_IsAnEmptyObject()
    {
        var call = (await DemoDriver.WithScript("""[{"call":"f"}]""").AskAsync()).Single;
        Assert.Equal("{}", (string?)call["arguments"]);
        Assert.Null(call["namespace"]);
    }

    [Fact]
    public async Task Call_OfAnAsyncTool_SaysSo()
    {
        var driver = DemoDriver.WithScript("""
            [{"parallel":[{"call":"f"},{"call":"g"},{"custom":"c","input":""},{"say":"meanwhile"}]},{"say":"end"}]
            """);
        driver.OfferedTools = """
            [{"type":"function","name":"f","async":true},{"type":"function","name":"g","async":false},
             {"type":"namespace","name":"n","tools":[{"type":"custom","name":"c","async":true}]}]
            """;
        var events = await driver.StreamAsync();
        Assert.Equal([true, false, true, false],
            events.Where(static e => e.Kind == ModelEventKind.ItemStarted).Select(static e => e.IsAsync));

        var answer = await driver.AskAsync();
        driver.User("no output yet");
        Assert.Equal("end", (await driver.AskAsync()).Text);
        driver.Output(answer.Calls.First());
        driver.Output(answer.Calls.First());
        Assert.Equal("script finished", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task Custom_Input_IsPassedAsItIs()
    {
        var call = (await DemoDriver.WithScript(
            """[{"custom":"apply_patch","input":"*** Begin\n\tx"}]""").AskAsync()).Single;
        Assert.Equal("custom_tool_call", (string?)call["type"]);
        Assert.Equal("apply_patch", (string?)call["name"]);
        Assert.Equal("*** Begin\n\tx", (string?)call["input"]);
    }

    [Fact]
    public async Task Parallel_ThreeCalls_AreOneStep()
    {
        var driver = DemoDriver.WithScript(
            """[{"think":"hm","then":{"parallel":[{"shell":"a"},{"shell":"b"},{"custom":"c","input":""}]}},""" +
            """{"say":"end"}]""");
        var answer = await driver.TurnAsync();
        Assert.Equal("reasoning function_call function_call custom_tool_call", answer.Types);
        Assert.Equal("call_1_0 call_1_1 call_1_2", string.Join(' ', answer.Calls.Select(call => call["call_id"])));
        Assert.Equal("end", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task Parallel_SayAndCall_AreOneStep()
    {
        var driver = DemoDriver.WithScript("""[{"parallel":[{"say":"first"},{"shell":"a"}]},{"say":"end"}]""");
        Assert.Equal(2, (await driver.TurnAsync()).Items.Count);
        Assert.Equal("end", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task Think_ThenSay_CountsReasoningTokens()
    {
        var answer = await DemoDriver.WithScript("""[{"think":"12345678","then":{"say":"1234"}}]""").AskAsync();
        Assert.Equal("12345678", (string?)answer.Items[0]["summary"]![0]!["text"]);
        Assert.Equal("1234", Answer.TextOf(answer.Items[1]));
        Assert.Equal((3, 2), (answer.End.Usage!.OutputTokens, answer.End.Usage.ReasoningTokens));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public async Task Fail_AfterEvents_FailsEachTimeWithThatCode(int events)
    {
        var driver = DemoDriver.WithScript(
            $$"""[{"say":"a"},{"fail":"server_is_overloaded","after_events":{{events}}}]""");
        await driver.AskAsync();
        for (var i = 0; i < 2; i++)
        {
            var answer = await driver.AskAsync();
            Assert.Equal(events + 1, answer.Events.Count);
            Assert.Equal(ModelEventKind.Failed, answer.End.Kind);
            Assert.Equal("server_is_overloaded", answer.End.Code);
            Assert.NotNull(answer.End.Message);
            Assert.NotNull(answer.End.Usage);
            Assert.Empty(answer.Items);
        }
    }

    [Fact]
    public async Task Stop_Reason_EndsIncompleteAndIsAnswered()
    {
        var driver = DemoDriver.WithScript("""[{"stop":"max_output_tokens"},{"say":"on"}]""");
        var answer = await driver.AskAsync();
        Assert.Equal(ModelEventKind.Incomplete, answer.End.Kind);
        Assert.Equal("max_output_tokens", answer.End.Code);
        Assert.Equal("on", (await driver.AskAsync()).Text);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(100_001)]
    public async Task Bytes_Count_IsExactAscii(int count)
    {
        var answer = await DemoDriver.WithScript($$"""[{"bytes":{{count}}}]""").AskAsync();
        Assert.Equal(count, answer.Text.Length);
        Assert.True(Ascii.IsValid(answer.Text));
        Assert.Equal((count + 4095) / 4096, answer.Deltas.Count);
    }

    [Fact]
    public async Task Usage_WithoutOverride_CountsContextAndWhatIsNew()
    {
        var driver = DemoDriver.WithScript("""[{"say":"12345"},{"say":""}]""");
        var first = (await driver.AskAsync()).End.Usage!;
        Assert.Equal((0, 2, 0), (first.CachedTokens, first.OutputTokens, first.ReasoningTokens));
        driver.User("12345");
        var second = (await driver.AskAsync()).End.Usage!;
        Assert.Equal(9, second.InputTokens - second.CachedTokens);
        Assert.True(second.CachedTokens > first.InputTokens);
        Assert.Equal(0, second.OutputTokens);
    }

    [Fact]
    public async Task Usage_Override_ReplacesWhatItNames()
    {
        var driver = DemoDriver.WithScript(
            """[{"say":"1234","usage":{"input_tokens":900,"input_tokens_details":{"cached_tokens":800}}},"""
            + """{"say":"1234","usage":{"total_tokens":300000}},"""
            + """{"say":"","usage":{"input_tokens":1,"cached_tokens":2,"output_tokens":3,"reasoning_tokens":4}}]""");
        Assert.Equal(new Usage(900, 800, 1, 0), (await driver.AskAsync()).End.Usage);
        Assert.Equal(300000, (await driver.AskAsync()).End.Usage!.TotalTokens);
        Assert.Equal(new Usage(1, 2, 3, 4), (await driver.AskAsync()).End.Usage);
    }

    [Fact]
    public async Task Events_OfTwoServers_AreTheSame()
    {
        const string script = """[{"think":"t","then":{"parallel":[{"shell":"a"},{"say":"b"}]}},{"bytes":9000}]""";
        var (one, other) = (DemoDriver.WithScript(script), DemoDriver.WithScript(script));
        for (var turn = 0; turn < 3; turn++)
        {
            Assert.Equal(Shape(await one.TurnAsync()), Shape(await other.TurnAsync()));
        }

        static string Shape(Answer answer) => string.Join('\n', answer.Deltas) + new JsonArray(
            [.. answer.Items.Select(item => item.DeepClone())]).ToJsonString() + answer.End.Usage;
    }
}
