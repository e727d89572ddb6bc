using System.Text;
using System.Text.Json.Nodes;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Dialects;
using Evergrain.Providers.Responses;
using Evergrain.Providers.Servers;
using Evergrain.Providers.Tests.Chat;

namespace Evergrain.Providers.Tests.Dialects;

/// <summary>What each entry of a dialect makes of a create.</summary>
public sealed class DialectRequestTests
{
    private const string User = """{"role":"user","content":"hi"}""";
    private const string Call = """{"type":"function_call","call_id":"call_1","name":"f","arguments":"{}"}""";
    private const string Output = """{"type":"function_call_output","call_id":"call_1","output":"x"}""";
    private const string Thought = """{"type":"reasoning","summary":[{"type":"summary_text","text":"t"}]}""";
    private const string Tools = """[{"type":"function","name":"f"},{"type":"function","name":"g"}]""";

    [Theory]
    [InlineData("medium", "openai", "medium")]
    [InlineData("xhigh", "gemini", "high")]
    [InlineData("none", "gemini", "minimal")]
    [InlineData("medium", "deepseek", "high")]
    [InlineData("minimal", "groq", "low")]
    [InlineData("low", "mistral", "high")]
    [InlineData("none", "mistral", "none")]
    [InlineData("unheard-of", "vllm", "unheard-of")]
    [InlineData("high", "plain", null)]
    [InlineData("high", "ollama", null)]
    public void Effort_BecomesTheNearestThatTheServerKnows(string asked, string dialect, string? sent)
    {
        var driver = Driver(dialect, User).With("reasoning", $$"""{"effort":"{{asked}}"}""");
        Assert.Equal(sent, (string?)driver.Request()["reasoning_effort"]);
    }

    [Theory]
    [InlineData("plain", "f", "\"required\"")]
    [InlineData("llama.cpp", "f", "\"required\"")]
    [InlineData("mistral", "f", "\"required\"")]
    [InlineData("openai", "f g", """{"type":"function","function":{"name":"f"}}""")]
    [InlineData("deepseek", "f g", """{"type":"function","function":{"name":"f"}}""")]
    public void ForcedFunction_IsForcedInTheServersWay(string dialect, string offered, string choice)
    {
        var request = Driver(dialect, User).With("tools", Tools)
            .With("tool_choice", """{"type":"function","name":"f"}""").Request();
        Assert.Equal(offered, RequestTests.Names(request));
        Assert.Equal(choice, request["tool_choice"]!.ToJsonString(ChatDriver.Compact));
        Assert.Equal(dialect == "deepseek" ? "disabled" : null, (string?)request["thinking"]?["type"]);
    }

    [Theory]
    [InlineData("g", "failed")]
    [InlineData("h", "failed")]
    [InlineData(null, "failed")]
    [InlineData("f", "completed")]
    public void ForcedFunction_ThatTheAnswerDoesNotCall_FailsTheTurn(string? called, string ending)
    {
        var driver = Driver("plain", User).With("tools", Tools)
            .With("tool_choice", """{"type":"function","name":"f"}""");
        string[] chunks = called is null
            ? [Chunk.Text("no"), Chunk.Stop]
            : [Chunk.Call(0, "call_a", called, "{}"), Chunk.Calls];
        ModelEventKind end;
        try
        {
            end = driver.Read(chunks).End.Kind;
        }
        catch (FormatException e)
        {
            Assert.Contains("'tool_choice' demands 'f'", e.Message, StringComparison.Ordinal);
            end = ModelEventKind.Failed;
        }

        Assert.Equal(ending, end == ModelEventKind.Completed ? "completed" : "failed");
    }

    [Theory]
    [InlineData("plain", """{"type":"json_object"}""")]
    [InlineData("llama.cpp", """{"type":"json_object","schema":{"type":"object"}}""")]
    [InlineData("lmstudio",
        """{"type":"json_schema","json_schema":{"name":"object","schema":{"type":"object"}}}""")]
    public void JsonObject_IsAskedForSoThatItConstrains(string dialect, string format) => Assert.Equal(
        format, Driver(dialect, User).With("text", """{"format":{"type":"json_object"}}""")
            .Request()["response_format"]!.ToJsonString(ChatDriver.Compact));

    [Theory]
    [InlineData("mistral", "include", """["message.output_text.logprobs"]""", "include")]
    [InlineData("mistral", "include", """["reasoning.encrypted_content"]""", null)]
    [InlineData("groq", "top_logprobs", "2", "top_logprobs")]
    [InlineData("groq", "top_logprobs", "0", null)]
    [InlineData("vllm", "top_logprobs", "20", null)]
    [InlineData("deepseek", "text", """{"format":{"type":"json_schema","name":"n","schema":{}}}""", "text.format")]
    [InlineData("deepseek", "text", """{"format":{"type":"json_object"}}""", null)]
    [InlineData("plain", "context_management", "[]", "context_management")]
    [InlineData("plain", "text", """{"evergrain":{"stop":"x","max_tokens":5}}""", null)]
    [InlineData("plain", "text", """{"evergrain":{"stop":"x","seed":7}}""", "text.evergrain.seed")]
    [InlineData("gemini", "text", """{"evergrain":{"presence_penalty":1}}""", "text.evergrain.presence_penalty")]
    [InlineData("vllm", "text", """{"evergrain":{"seed":7,"logit_bias":{"1":2}}}""", null)]
    [InlineData("ollama", "text", """{"evergrain":{"logit_bias":{"1":2}}}""", "text.evergrain.logit_bias")]
    public void What_TheServerLacks_IsRefusedByName(string dialect, string field, string json, string? path) =>
        Assert.Equal(path, Driver(dialect).Api.Refuse(field, Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void ChatOnlyMembers_InText_AreSentAsTheyCame()
    {
        var request = Driver("openai", User).With("text", """
            {"format":{"type":"json_object"},"evergrain":{"stop":["x"],"seed":7,"logit_bias":{"1":-2},
            "presence_penalty":0.5,"frequency_penalty":-1,"max_tokens":5}}
            """).Request();

        Assert.Equal("json_object", (string?)request["response_format"]!["type"]);
        Assert.Equal("""["x"] 7 {"1":-2} 0.5 -1 5""", string.Join(' ', new[]
        {
            "stop", "seed", "logit_bias", "presence_penalty", "frequency_penalty", "max_completion_tokens",
        }.Select(name => request[name]!.ToJsonString())));
    }

    [Fact]
    public void ChatOnlyMembers_BeforeOtherServers_AreRefusedByName()
    {
        var text = Encoding.UTF8.GetBytes("""{"evergrain":{"stop":"x"}}""");

        Assert.Equal("text.evergrain.stop", new ResponsesApi("test").Refuse("text", text));
        Assert.Null(new ResponsesApi("test").Refuse("text", Encoding.UTF8.GetBytes("""{"verbosity":"low"}""")));
    }

    [Theory]
    [InlineData("none", "\"auto\"")]
    [InlineData("none", "\"required\"")]
    [InlineData("high", "\"required\"")]
    public void Thinking_WhereItMayNotBe_IsTurnedOff(string effort, string choice)
    {
        var request = Driver("deepseek", User).With("reasoning", $$"""{"effort":"{{effort}}"}""").With("tools", Tools)
            .With("tool_choice", choice).Request();
        Assert.Equal("disabled", (string?)request["thinking"]!["type"]);
        Assert.Null(request["reasoning_effort"]);
    }

    [Theory]
    [InlineData("""["message.output_text.logprobs"]""", null, true, null)]
    [InlineData("""["message.output_text.logprobs"]""", "3", true, 3)]
    [InlineData("""["reasoning.encrypted_content"]""", null, null, null)]
    public void Logprobs_AreAskedForWhereTheServerHasThem(string include, string? top, bool? asked, int? count)
    {
        var driver = Driver("vllm", User).With("include", include);
        var request = (top is null ? driver : driver.With("top_logprobs", top)).Request();
        Assert.Equal(asked, (bool?)request["logprobs"]);
        Assert.Equal(count, (int?)request["top_logprobs"]);
    }

    [Theory]
    [InlineData("plain", null)]
    [InlineData("vllm", "t")]
    [InlineData("deepseek", "t")]
    public void Thoughts_GoBackBesideCallsWhereTheServerTakesThem(string dialect, string? sent) => Assert.Equal(
        sent, (string?)Assistant(Driver(dialect, User, Thought, Call, Output))["reasoning_content"]);

    [Fact]
    public void Thoughts_OfATurnWithoutAny_AreEmptyWhereTheServerWantsTheMember()
    {
        Assert.Equal("", (string?)Assistant(Driver("deepseek", User, Call, Output))["reasoning_content"]);
        Assert.False(Assistant(Driver("deepseek", User, Thought, """{"role":"assistant","content":"ok"}"""))
            .ContainsKey("reasoning_content"));
    }

    [Theory]
    [InlineData("chat:test", "own")]
    [InlineData("chat:other", "skip_thought_signature_validator")]
    public void Signatures_GoBackToTheServerThatGaveThem(string server, string sent)
    {
        var driver = new ChatDriver(KnownDialects.Find("gemini")!);
        driver.Add(User);
        driver.Add(ItemOf(Call) with
        {
            Origin = new ItemOrigin(server, """{"extra_content":{"google":{"thought_signature":"own"}}}"""),
        });
        driver.Add(Output);
        var call = Assistant(driver)["tool_calls"]![0]!;
        Assert.Equal(sent, (string?)call["extra_content"]!["google"]!["thought_signature"]);
    }

    [Fact]
    public void ReasoningDetails_OfSeveralItems_GoBackInOneMessage()
    {
        var driver = new ChatDriver(KnownDialects.Find("openrouter")!);
        driver.Add(User);
        foreach (var (item, detail) in new[] { (Thought, "a"), (Call, "b") })
        {
            driver.Add(ItemOf(item) with
            {
                Origin = new ItemOrigin("chat:test", $$"""{"reasoning_details":[{"id":"{{detail}}"}],"x":1}"""),
            });
        }

        driver.Add(Output);
        var message = Assistant(driver);
        Assert.Equal(["a", "b"],
            message["reasoning_details"]!.AsArray().Select(static detail => (string?)detail!["id"]));
        Assert.Equal(1, (int?)message["tool_calls"]![0]!["x"]);
    }

    [Theory]
    [InlineData("call_1", false)]
    [InlineData("D681PevKs", true)]
    public void CallIds_AreNineLettersBeforeMistral(string id, bool isKept)
    {
        var driver = Driver("mistral", User, Call.Replace("call_1", id, StringComparison.Ordinal),
            Output.Replace("call_1", id, StringComparison.Ordinal));
        var sent = (string?)Assistant(driver)["tool_calls"]![0]!["id"];
        Assert.Matches("^[a-zA-Z0-9]{9}$", sent);
        Assert.Equal(isKept, sent == id);
        Assert.Equal(sent, (string?)driver.Request()["messages"]!.AsArray()[^1]!["tool_call_id"]);
    }

    [Fact]
    public void Entries_OfTheSettings_StandInTheDialectsPlace()
    {
        var server = new ModelServerOptions
        {
            ReasoningField = "reasoning", OutputLimitField = "max_completion_tokens",
            DialectEntries = new DialectOptions { Members = ["user"], Alternates = false, LogprobsMax = 0 },
        };
        var changed = DialectChanges.Apply(KnownDialects.Plain, server);
        Assert.Equal(("reasoning", "max_completion_tokens", false, 0), (
            changed.ReasoningField, changed.OutputLimitField, changed.Alternates, changed.LogprobsMax));
        Assert.Equal(["user"], changed.Members);
        Assert.NotEqual(KnownDialects.Plain.Mark, changed.Mark);
        Assert.Same(KnownDialects.Plain, DialectChanges.Apply(KnownDialects.Plain, new ModelServerOptions()));
    }

    private static JsonObject Assistant(ChatDriver driver) => driver.Request()["messages"]!.AsArray()
        .Select(static message => message!.AsObject()).First(static message => (string?)message["role"] == "assistant");

    private static Item ItemOf(string json) => ChatDriver.ItemOf(Encoding.UTF8.GetBytes(json));

    private static ChatDriver Driver(string dialect, params string[] items)
    {
        var driver = new ChatDriver(KnownDialects.Find(dialect)!);
        Array.ForEach(items, driver.Add);
        return driver;
    }
}
