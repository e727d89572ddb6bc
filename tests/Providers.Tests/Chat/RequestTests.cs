using System.Text.Json.Nodes;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Dialects;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>What stands around the messages.</summary>
public sealed class RequestTests
{
    private const string User = """{"role":"user","content":"hi"}""";
    private const string Trigger = """{"type":"compaction_trigger"}""";
    private const string Tool = """[{"type":"function","name":"f","parameters":{"type":"object"}}]""";

    private static readonly string[] Always = ["model", "stream", "stream_options", "messages"];

    [Fact]
    public void Write_Nothing_HasWhatEveryRequestHas() => Assert.Equal(
        """{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[]}""",
        ChatDriver.Of().Body());

    [Fact]
    public void Write_Instructions_AreTheFirstMessage()
    {
        var driver = ChatDriver.Of(User).With("instructions", "\"be \\u0062rief\"");
        Assert.EndsWith(
            """ "messages":[{"role":"system","content":"be \u0062rief"},{"role":"user","content":"hi"}]}""".Trim(),
            driver.Body(), StringComparison.Ordinal);
        Assert.Equal($"[{User}]", driver.With("instructions", "\"\"").Messages());
    }

    [Theory]
    [InlineData("temperature", "0.70", """ "temperature":0.70 """)]
    [InlineData("top_p", "1e-1", """ "top_p":1e-1 """)]
    [InlineData("presence_penalty", "-1", """ "presence_penalty":-1 """)]
    [InlineData("frequency_penalty", "2", """ "frequency_penalty":2 """)]
    [InlineData("max_output_tokens", "100", """ "max_tokens":100 """)]
    [InlineData("user", "\"u\"", """ "user":"u" """)]
    [InlineData("safety_identifier", "\"u\"", """ "safety_identifier":"u" """)]
    [InlineData("prompt_cache_key", "\"k\"", """ "prompt_cache_key":"k" """)]
    [InlineData("service_tier", "\"flex\"", """ "service_tier":"flex" """)]
    [InlineData("reasoning", """{"effort":"low","summary":"auto"}""", """ "reasoning_effort":"low" """)]
    [InlineData("text", """{"verbosity":"low","format":{"type":"text"}}""", """ "verbosity":"low" """)]
    [InlineData("text", """{"format":{"type":"json_object"}}""", """ "response_format":{"type":"json_object"} """)]
    [InlineData("text",
        """{"format":{"strict":true,"type":"json_schema","name":"n","schema":{"a": 1},"description":null}}""",
        """ "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"a": 1},"strict":true}} """)]
    public void Write_Parameter_IsCarriedAsItIs(string field, string json, string expected) =>
        Assert.Contains($",{expected.Trim()},", ChatDriver.Of(User).With(field, json).Body(), StringComparison.Ordinal);

    [Theory]
    [InlineData("service_tier", "\"auto\"")]
    [InlineData("service_tier", "\"default\"")]
    [InlineData("reasoning", """{"effort":null,"summary":"auto"}""")]
    [InlineData("reasoning", "{}")]
    [InlineData("text", """{"format":{"type":"text"},"verbosity":null}""")]
    [InlineData("metadata", """{"a":"b"}""")]
    [InlineData("truncation", "\"disabled\"")]
    [InlineData("parallel_tool_calls", "false")]
    [InlineData("tool_choice", "\"auto\"")]
    [InlineData("tools", "[]")]
    [InlineData("include", """["reasoning.encrypted_content"]""")]
    public void Write_Parameter_IsLeftOutWhereItMeansNothing(string field, string json) => Assert.Equal(
        Always, ChatDriver.Of(User).With(field, json).Request().Select(member => member.Key));

    [Fact]
    public void Write_OutputLimit_TakesTheNameOfTheServer()
    {
        var driver = new ChatDriver(KnownDialects.OpenAI);
        Assert.Equal(64, (int?)driver.With("max_output_tokens", "64").Request()["max_completion_tokens"]);
    }

    [Fact]
    public void Write_CompactionTrigger_AsksForASummaryAndKeepsThePrompt()
    {
        var driver = ChatDriver.Of(User, Trigger).With("tools", Tool).With("tool_choice", "\"required\"")
            .With("text", """{"format":{"type":"json_object"}}""");
        var request = driver.Request();
        Assert.Equal("none", (string?)request["tool_choice"]);
        Assert.Single(request["tools"]!.AsArray());
        Assert.Null(request["response_format"]);
        Assert.StartsWith("The conversation so far", (string?)request["messages"]![1]!["content"],
            StringComparison.Ordinal);

        driver.Add("""{"type":"compaction","encrypted_content":"short"}""");
        Assert.Equal("required", (string?)driver.Request()["tool_choice"]);
    }

    [Theory]
    [InlineData("\"auto\"", "\"auto\"")]
    [InlineData("\"none\"", "\"none\"")]
    [InlineData("\"required\"", "\"required\"")]
    [InlineData("""{"type":"function","name":"f"}""", """{"type":"function","function":{"name":"f"}}""")]
    [InlineData("""{"type":"custom","name":"c"}""", """{"type":"function","function":{"name":"c"}}""")]
    [InlineData("""{"type":"function","name":"g","namespace":"n"}""",
        """{"type":"function","function":{"name":"n__g"}}""")]
    public void Write_ToolChoice_HasTheServersForm(string choice, string expected)
    {
        var request = WithTools().With("tool_choice", choice).With("parallel_tool_calls", "false").Request();
        Assert.Equal(expected, request["tool_choice"]!.ToJsonString(ChatDriver.Compact));
        Assert.Equal("f c n__g n__h", Names(request));
        Assert.False((bool?)request["parallel_tool_calls"]);
    }

    [Theory]
    [InlineData("""[{"type":"function","name":"f"},{"type":"web_search"}]""", "f")]
    [InlineData("""[{"type":"custom","name":"c"},{"type":"function","name":"h","namespace":"n"}]""", "c n__h")]
    [InlineData("""[{"type":"namespace","name":"n"}]""", "n__g n__h")]
    public void Write_AllowedTools_OffersNoOthers(string allowed, string expected)
    {
        var request = WithTools()
            .With("tool_choice", $$"""{"type":"allowed_tools","mode":"required","tools":{{allowed}}}""").Request();
        Assert.Equal(expected, Names(request));
        Assert.Equal("required", (string?)request["tool_choice"]);
    }

    [Fact]
    public void Write_AllowedToolsOfNone_OffersNone()
    {
        var request = WithTools().With("tool_choice", """{"type":"allowed_tools","mode":"auto","tools":[]}""")
            .With("parallel_tool_calls", "true").Request();
        Assert.Equal(Always, request.Select(member => member.Key));
    }

    [Theory]
    [InlineData("""{"type":"web_search"}""")]
    [InlineData("""{"type":"function","name":"unknown"}""")]
    [InlineData("""{"type":"allowed_tools","mode":"required","tools":[{"type":"web_search"}]}""")]
    public void Write_ToolChoiceThatCannotBe_IsRefused(string choice)
    {
        var driver = WithTools().With("tool_choice", choice);
        var refused = Assert.Throws<ConversationException>(driver.Body);
        Assert.Equal((RefusalKind.InvalidRequest, "tool_choice"), (refused.Refusal.Kind, refused.Refusal.Param));
    }

    [Fact]
    public void Write_RequiredWithoutTools_IsRefused() => Assert.Throws<ConversationException>(
        ChatDriver.Of(User).With("tools", """[{"type":"web_search"}]""").With("tool_choice", "\"required\"").Body);

    internal static string Names(JsonObject request) => string.Join(' ',
        request["tools"]!.AsArray().Select(tool => (string?)tool!["function"]!["name"]));

    private static ChatDriver WithTools() => ChatDriver.Of(User).With("tools",
        """
        [{"type":"function","name":"f","parameters":{}},{"type":"custom","name":"c"},{"type":"web_search"},
        {"type":"namespace","name":"n","tools":[{"type":"function","name":"g"},{"type":"function","name":"h"}]}]
        """);
}
