using System.Text;
using Evergrain.Providers.Chat;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>Items to messages: every shape, and the sequences that servers are particular about.</summary>
public sealed class RenderingTests
{
    private const string User = """{"role":"user","content":"hi"}""";
    private const string CallA = """{"type":"function_call","call_id":"a","name":"f","arguments":"{\"x\":1}"}""";
    private const string CallB = """{"type":"function_call","call_id":"b","name":"g","arguments":"{}"}""";
    private const string OutputA = """{"type":"function_call_output","call_id":"a","output":"one"}""";
    private const string OutputB = """{"type":"function_call_output","call_id":"b","output":"two"}""";
    private const string Said = """{"role":"assistant","content":[{"type":"output_text","text":"ok"}]}""";

    private const string Thought =
        """{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}],""" +
        """ "content":[{"type":"reasoning_text","text":"t"}]}""";

    private const string FunctionA = """{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}""";
    private const string FunctionB = """{"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}""";
    private const string Calls = $"[{FunctionA},{FunctionB}]";
    private const string One = """{"role":"tool","tool_call_id":"a","content":"one"}""";
    private const string Two = """{"role":"tool","tool_call_id":"b","content":"two"}""";
    private const string Hi = """{"role":"user","content":"hi"}""";

    [Theory]
    [InlineData("""{"role":"user","content":"a \"b\" \u00e9 \ud83d\ude00"}""",
        """{"role":"user","content":"a \"b\" é \uD83D\uDE00"}""")]
    [InlineData("""{"type":"message","role":"user","content":[{"type":"input_text","text":"a"}]}""",
        """{"role":"user","content":"a"}""")]
    [InlineData("""{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]}""",
        """{"role":"user","content":"a\nb"}""")]
    [InlineData("""{"role":"user","content":[]}""", """{"role":"user","content":""}""")]
    [InlineData("""{"role":"system","content":"be brief"}""", """{"role":"system","content":"be brief"}""")]
    [InlineData("""{"role":"developer","content":[{"type":"input_text","text":"a"}]}""",
        """{"role":"system","content":"a"}""")]
    [InlineData("""{"role":"assistant","content":"a"}""", """{"role":"assistant","content":"a"}""")]
    [InlineData("""{"role":"assistant","content":[{"type":"output_text","text":""}]}""",
        "")]
    [InlineData("""{"role":"assistant","content":[{"type":"refusal","refusal":"no"}]}""",
        """{"role":"assistant","content":"no"}""")]
    [InlineData("""{"type":"compaction","encrypted_content":"all is \"well\""}""",
        """{"role":"user","content":"Summary of the conversation before this point:\nall is \"well\""}""")]
    public void Render_Message_GivesOneMessage(string item, string message) =>
        Assert.Equal($"[{message}]", ChatDriver.Of(item).Messages());

    [Theory]
    [InlineData("""{"type":"input_image","image_url":"data:x","detail":"low"}""",
        """{"type":"image_url","image_url":{"url":"data:x","detail":"low"}}""")]
    [InlineData("""{"type":"input_image","image_url":"https://x","detail":null,"file_id":null}""",
        """{"type":"image_url","image_url":{"url":"https://x"}}""")]
    [InlineData("""{"type":"input_file","file_data":"data:y","filename":"y.pdf"}""",
        """{"type":"file","file":{"file_data":"data:y","filename":"y.pdf"}}""")]
    [InlineData("""{"type":"input_file","file_id":"file_1"}""", """{"type":"file","file":{"file_id":"file_1"}}""")]
    [InlineData("""{"type":"input_audio","input_audio":{"data":"z","format":"wav"}}""",
        """{"type":"input_audio","input_audio":{"data":"z","format":"wav"}}""")]
    public void Render_PartThatIsNoText_GivesTheServersPart(string part, string expected)
    {
        var item = $$"""{"role":"user","content":[{"type":"input_text","text":"see"},{{part}}]}""";
        Assert.Equal($$"""[{"role":"user","content":[{"type":"text","text":"see"},{{expected}}]}]""",
            ChatDriver.Of(item).Messages());
    }

    [Theory]
    [InlineData("developer", "system")]
    [InlineData("system", "system")]
    [InlineData("assistant", "assistant")]
    public void Render_ImageWhereNoneMayStand_SaysSoToTheModel(string role, string there) => Assert.Equal(
        $$"""[{"role":"{{there}}","content":"[input_image was left out: the model server cannot be given it]"}]""",
        ChatDriver.Of($$"""
            {"role":"{{role}}","content":[{"type":"input_image","image_url":"https://x/y.png"}]}
            """).Messages());

    [Theory]
    [InlineData("""{"type":"input_image","file_id":"file_1"}""", "input_image")]
    [InlineData("""{"type":"input_file","file_url":"https://x"}""", "input_file")]
    [InlineData("""{"type":"hologram","beam":1}""", "hologram")]
    public void Render_PartWithoutForm_SaysSoToTheModel(string part, string type) => Assert.Equal(
        $$"""[{"role":"user","content":"[{{type}} was left out: the model server cannot be given it]"}]""",
        ChatDriver.Of($$"""{"role":"user","content":[{{part}}]}""").Messages());

    [Fact]
    public void Render_CallsAndText_AreOneMessageInAnyOrder()
    {
        const string expected =
            $$"""[{{Hi}},{"role":"assistant","tool_calls":{{Calls}},"content":"ok"},{{One}},{{Two}}]""";
        Assert.Equal(expected, ChatDriver.Of(User, Said, CallA, CallB, OutputA, OutputB).Messages());
        Assert.Equal(expected, ChatDriver.Of(User, CallA, Said, CallB, OutputA, OutputB).Messages());
        Assert.Equal(expected, ChatDriver.Of(User, CallA, CallB, Said, OutputA, OutputB).Messages());
    }

    [Fact]
    public void Render_CallsAlone_HaveNullContent() => Assert.Equal(
        $$"""[{"role":"assistant","tool_calls":{{Calls}},"content":null}]""", ChatDriver.Of(CallA, CallB).Messages());

    [Fact]
    public void Render_TwoMessagesOfTheAssistant_AreOne() => Assert.Equal(
        """[{"role":"assistant","content":"ok\n\nok"},{"role":"user","content":"hi"}]""",
        ChatDriver.Of(Said, Said, User).Messages());

    [Fact]
    public void Render_Reasoning_IsLeftOut() => Assert.Equal(
        """[{"role":"assistant","content":"ok"}]""", ChatDriver.Of(Thought, Said).Messages());

    [Theory]
    [InlineData("""{"type":"reasoning","summary":[{"type":"summary_text","text":"t"}]}""")]
    [InlineData(Thought)]
    public void Render_ReasoningWithItsField_GoesBack(string thought)
    {
        var driver = new ChatDriver(ChatDriver.Lenient with { ReasoningField = "reasoning_content" });
        foreach (var item in (string[])[thought, CallA, OutputA, thought, User])
        {
            driver.Add(item);
        }

        const string calling =
            $$"""{"role":"assistant","tool_calls":[{{FunctionA}}],"reasoning_content":"t","content":null}""";
        Assert.Equal($"[{calling},{One},{Hi}]", driver.Messages());
    }

    [Theory]
    [InlineData("""{\"cmd\":\"l""", """{"input":"{\"cmd\":\"l"}""")]
    [InlineData("", "{}")]
    [InlineData("""[1]""", """{"input":"[1]"}""")]
    [InlineData(""" {\u0022a\u0022:1}""", """ {"a":1}""")]
    [InlineData("""{} {}""", """{"input":"{} {}"}""")]
    public void Render_Arguments_AreAlwaysAnObject(string spelled, string expected)
    {
        var call = $$"""{"type":"function_call","call_id":"a","name":"f","arguments":"{{spelled}}"}""";
        var message = ChatDriver.Of(call).Request()["messages"]![0]!;
        Assert.Equal(expected, (string?)message["tool_calls"]![0]!["function"]!["arguments"]);
    }

    [Fact]
    public void Render_CustomCall_CarriesItsInputAsArgument()
    {
        const string input = "*** \"x\"\n\\ \u00e9 \ud83d\ude00\u0001";
        const string start = """{"type":"custom_tool_call","call_id":"a","name":"exec","namespace":"functions",""";
        var call = $$"""{{start}}"input":"{{Chunk.Spell(input)}}"}""";
        var function = ChatDriver.Of(call).Request()["messages"]![0]!["tool_calls"]![0]!["function"]!;
        Assert.Equal("functions__exec", (string?)function["name"]);
        var arguments = System.Text.Json.Nodes.JsonNode.Parse((string)function["arguments"]!)!.AsObject();
        Assert.Equal(input, (string?)Assert.Single(arguments).Value);
    }

    [Theory]
    [InlineData("\"plain\"", "plain")]
    [InlineData("""[{"type":"input_text","text":"a"},{"type":"output_text","text":"b"}]""", "a\\nb")]
    [InlineData("[]", "")]
    public void Render_Output_IsText(string output, string expected)
    {
        var item = $$"""{"type":"custom_tool_call_output","call_id":"a","output":{{output}}}""";
        var one = $$"""{"role":"tool","tool_call_id":"a","content":"{{expected}}"}""";
        Assert.Equal($$"""[{"role":"assistant","tool_calls":{{Calls}},"content":null},{{one}},{{Two}}]""",
            ChatDriver.Of(CallA, CallB, item, OutputB).Messages());
    }

    [Fact]
    public void Render_ImagesOfOutputs_FollowTheLastOutput()
    {
        const string seen =
            """{"type":"function_call_output","call_id":"a","output":[{"type":"input_image","image_url":"data:x"}]}""";
        const string label = """{"type":"text","text":"Output of the tool call a:"},""";
        const string image = """{"type":"image_url","image_url":{"url":"data:x"}}""";
        const string one = """{"role":"tool","tool_call_id":"a","content":"(in the next user message)"}""";
        const string calls = $$"""{"role":"assistant","tool_calls":{{Calls}},"content":null},{{one}},{{Two}}""";
        const string images = $$"""{"role":"user","content":[{{label}}{{image}}""";

        // At the end, before the assistant, and with what the user says next.
        Assert.Equal($$"""[{{calls}},{{images}}]}]""",
            ChatDriver.Of(CallA, CallB, seen, OutputB).Messages());
        Assert.Equal($$"""[{{calls}},{{images}}]},{"role":"assistant","content":"ok"}]""",
            ChatDriver.Of(CallA, CallB, seen, OutputB, Said).Messages());
        Assert.Equal($$"""[{{calls}},{{images}},{"type":"text","text":"hi"}]}]""",
            ChatDriver.Of(CallA, CallB, seen, OutputB, User).Messages());
    }

    [Fact]
    public void Render_ItemsWithoutForm_AreLeftOutAndCounted()
    {
        var driver = ChatDriver.Of(User, """{"type":"web_search_call","id":"ws_1","status":"completed"}""",
            """{"type":"hologram"}""", $$"""{"type":"compaction","encrypted_content":"{{new string('A', 80)}}"}""");
        Assert.Equal("""[{"role":"user","content":"hi"}]""", driver.Messages());
        Assert.Equal("compaction, other, web_search_call", Assert.IsType<ChatState>(driver.State).Omitted.ToString());
    }

    [Fact]
    public void Render_Item_DoesNotDependOnWhatFollows()
    {
        var driver = ChatDriver.Of(User, Said, CallA, OutputA);
        var before = driver.Chunks.Select(chunk => Encoding.UTF8.GetString(chunk.Span)).ToList();
        var fork = driver.Fork();
        driver.Add(User);
        fork.Add(Said);
        Assert.Equal(before, driver.Chunks.Take(4).Select(chunk => Encoding.UTF8.GetString(chunk.Span)));
        Assert.EndsWith("""{"role":"user","content":"hi"}]""", driver.Messages(), StringComparison.Ordinal);
        Assert.EndsWith("""{"role":"assistant","content":"ok"}]""", fork.Messages(), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_NothingBeforeHeldText_HasNoCommaTooMany()
    {
        var driver = ChatDriver.Of(Said);
        Assert.True(driver.Chunks[0].IsEmpty);
        Assert.Equal("""[{"role":"assistant","content":"ok"}]""", driver.Messages());
        Assert.Equal("[]", ChatDriver.Of().Messages());
        Assert.Equal("""[{"role":"system","content":"i"},{"role":"assistant","content":"ok"}]""",
            driver.With("instructions", "\"i\"").Messages());
    }
}
