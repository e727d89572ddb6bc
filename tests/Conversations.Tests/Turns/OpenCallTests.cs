using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>A call of an async tool may stay open for turns, and may have several outputs.</summary>
public sealed class OpenCallTests
{
    private const string Slow = """{"type":"function","name":"slow","async":true}""";
    private const string Plain = """{"type":"function","name":"slow"}""";

    private readonly ConversationDriver _driver =
        new(new ScriptedBackend(), new ScriptedBackend("chat", "chat", takesOpenCalls: false));

    /// <summary>The tools of the create, its first item, the call's kind and what the call says.</summary>
    public static TheoryData<string, string, OutputKind, string?> Declarations => new()
    {
        { Slow, "", OutputKind.FunctionCall, null },
        { """{"type":"custom","name":"slow","async":true}""", "", OutputKind.CustomToolCall, null },
        { $$"""{"type":"namespace","name":"n","tools":[{{Slow}}]}""", "", OutputKind.FunctionCall, "n" },
        { $$"""{{Plain}},{"type":"namespace","name":"n","tools":[{{Slow}}]}""", "", OutputKind.FunctionCall, "n" },
        { $$"""{"type":"web_search"},{"\u0061sync":true,"name":"slow","type":"function"}""", "",
            OutputKind.FunctionCall, null },
        { "", $$"""{"type":"additional_tools","role":"developer","tools":[{{Slow}}]},""", OutputKind.FunctionCall,
            null },
        { "", $$"""
            {"type":"additional_tools","role":"developer","tools":[{{Plain}}]},
            {"type":"additional_tools","role":"developer","tools":[{{Slow}}]},
            """, OutputKind.FunctionCall, null },
    };

    [Theory]
    [MemberData(nameof(Declarations))]
    public void AsyncTool_CallLeftOpen_TakesItsOutputTurnsLaterAndAgain(
        string tools, string item, OutputKind kind, string? space)
    {
        var id = Create($"[{item}{User("go")}]", tools: tools);
        Call(id, kind, space);
        var type = kind == OutputKind.CustomToolCall ? "custom_tool_call_output" : "function_call_output";
        var output = $$"""{"type":"{{type}}","call_id":"call_1","output":"done"}""";

        id = Ended(Create($"[{User("meanwhile")}]", id));
        id = Ended(Create($"[{User("and")}]", id));
        id = Ended(Create($"[{output}]", id));
        id = Ended(Create($"[{User("so")},{output},{output}]", id));

        Assert.Equal("completed", _driver.Get(id).GetProperty("status").GetString());
    }

    [Theory]
    [InlineData("restart")]
    [InlineData("move")]
    [InlineData("stay")]
    public void AsyncCall_InAnotherLife_IsOpenStill(string life)
    {
        var id = Create($"[{User("go")}]", tools: Slow);
        Call(id, OutputKind.FunctionCall);
        Live(life);
        var left = Ended(Create($"[{User("meanwhile")}]", id));
        var fork = Ended(Create($"[{Output("call_1")}]", id));
        Live(life);

        Ended(Create($"[{Output("call_1")}]", left));
        Ended(Create($"[{Output("call_1")},{User("again")}]", fork));
        Assert.Equal("No tool call found for function call output with call_id call_2.",
            Refused($"[{Output("call_2")}]", left).Message);
    }

    [Fact]
    public void AsyncCall_OfAnUnstoredTurn_MovesWithIt()
    {
        var id = Create($"[{User("go")}]", tools: Slow, store: false);
        Call(id, OutputKind.FunctionCall);
        _driver.Move();
        id = Ended(Create($"[{User("meanwhile")}]", id, store: false));
        _driver.Move();

        Ended(Create($"[{Output("call_1")}]", id, store: false));
    }

    [Fact]
    public void AsyncCall_ThatACrashCut_IsOpenStill()
    {
        var id = Create($"[{User("go")}]", tools: Slow);
        _driver.AppendAll();
        _driver.Model(id, Events(OutputKind.FunctionCall, null, isAsync: false));
        _driver.AppendAll();
        _driver.Restart();

        id = Ended(Create($"[{User("meanwhile")}]", id));
        Ended(Create($"[{Output("call_1")}]", id));
    }

    [Fact]
    public void AsyncTool_DeclaredAnewWithoutTheMark_ChangesLaterCallsOnly()
    {
        var id = Create($"[{User("go")}]", tools: Slow);
        Call(id, OutputKind.FunctionCall);
        id = Create($"[{User("meanwhile")}]", id, Plain);
        Call(id, OutputKind.FunctionCall, callId: "call_2");

        Assert.Equal("No tool output found for function call call_2.", Refused($"[{User("x")}]", id, Slow).Message);
        Ended(Create($"[{Output("call_2")},{Output("call_1")}]", id));
    }

    [Fact]
    public void SynchronousCall_BesideAnAsyncOne_MustBeAnsweredOnce()
    {
        var id = Create($"[{User("go")}]", tools: Slow);
        _driver.AppendAll();
        _driver.Model(id, Events(OutputKind.FunctionCall, null, isAsync: false));
        _driver.Model(id, ConversationDriver.Call("call_2"));
        Ended(id);

        Assert.Equal("No tool output found for function call call_2.", Refused($"[{User("x")}]", id).Message);
        Assert.Equal("No tool output found for function call call_2.", Refused($"[{Output("call_1")}]", id).Message);
        id = Ended(Create($"[{Output("call_2")}]", id));
        Assert.Equal("No tool call found for function call output with call_id call_2.",
            Refused($"[{Output("call_2")}]", id).Message);
        Ended(Create($"[{Output("call_1")}]", id));
    }

    [Fact]
    public void Mark_OfTheItem_CountsBeforeTheTool()
    {
        var id = Create($"[{User("go")}]");
        Call(id, OutputKind.FunctionCall, isAsync: true);
        id = Ended(Create($"[{User("meanwhile")}]", id));
        Ended(Create($"[{Output("call_1")}]", id));

        var sent = Create($$"""
            [{"type":"function_call","call_id":"a","name":"f","arguments":"{}","async":true},
             {"type":"function_call","call_id":"b","name":"slow","arguments":"{}"}]
            """, tools: Slow);
        Ended(Create($"[{Output("b")},{Output("a")},{Output("b")}]", Ended(sent)));
        Assert.Equal("No tool output found for function call c.", Refused("""
            [{"type":"function_call","call_id":"c","name":"slow","arguments":"{}","async":false}]
            """, null, Slow).Message);
    }

    [Fact]
    public void Mark_OfTheItem_IsReplayedAsItWasStreamed()
    {
        var id = Create($"[{User("go")}]");
        Call(id, OutputKind.CustomToolCall, isAsync: true);
        var verbatim = Create($"[{User("go")}]");
        _driver.AppendAll();
        var events = Events(OutputKind.FunctionCall, null, isAsync: false);
        events[^1] = events[^1] with
        {
            Json = """{"type":"function_call","call_id":"call_1","name":"slow","arguments":"{}","async":true}"""u8
                .ToArray(),
        };
        _driver.Model(verbatim, events);
        var before = (_driver.Events(id), _driver.Events(Ended(verbatim)));

        _driver.Restart();

        Assert.Equal(before.Item1, _driver.Events(id));
        Assert.Equal(before.Item2, _driver.Events(verbatim));
        Assert.All([id, verbatim], turn =>
            Assert.True(_driver.Get(turn).GetProperty("output")[0].GetProperty("async").GetBoolean()));
        Assert.Equal(2, before.Item1.Count(json => json.Contains("output_item", StringComparison.Ordinal) &&
            json.Contains("\"async\":true", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData($"[{Slow}]", "", "tools", "slow")]
    [InlineData($$"""[{{Plain}},{"type":"custom","name":"other","async":true}]""", "", "tools", "other")]
    [InlineData($$"""[{"type":"namespace","name":"n","tools":[{{Slow}}]}]""", "", "tools", "n.slow")]
    [InlineData("[]", $$"""{"type":"additional_tools","tools":[{{Slow}}]},""", "input", "slow")]
    public void AsyncTool_BeforeAServerThatCannotWait_IsRefusedByName(
        string tools, string item, string param, string name)
    {
        var refusal = Assert.Throws<ConversationException>(() => _driver.Create($$"""
            {"model":"chat","tools":{{tools}},"input":[{{item}}{{User("go")}}]}
            """)).Refusal;

        Assert.Equal((RefusalKind.InvalidRequest, param), (refusal.Kind, refusal.Param));
        Assert.Contains($"'{name}'", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AsyncCall_BeforeAServerThatCannotWait_NeedsItsOneOutput()
    {
        var id = Create($"[{User("go")}]", tools: Slow);
        Call(id, OutputKind.FunctionCall);
        var open = Ended(Create($"[{User("meanwhile")}]", id));
        var answered = Ended(Create($"[{Output("call_1")}]", id));
        var twice = Ended(Create($"[{Output("call_1")}]", answered));

        Assert.Equal("No tool output found for function call call_1.",
            Refused($"[{User("x")}]", id, model: "chat").Message);
        Assert.Equal("No tool output found for function call call_1.",
            Refused($"[{User("x")}]", open, model: "chat").Message);
        Assert.Contains("call_1 has 2 outputs", Refused($"[{User("x")}]", twice, model: "chat").Message,
            StringComparison.Ordinal);
        Assert.Contains("call_1 has 2 outputs",
            Refused($"[{Output("call_1")}]", answered, model: "chat").Message, StringComparison.Ordinal);
        Ended(Create($"[{Output("call_1")}]", open, model: "chat"));
        Ended(Create($"[{User("x")}]", answered, Plain, model: "chat"));
    }

    private static string User(string text) => $$"""{"role":"user","content":{{JsonSerializer.Serialize(text)}}}""";

    private static string Output(string callId) =>
        $$"""{"type":"function_call_output","call_id":"{{callId}}","output":"done"}""";

    private static ModelEvent[] Events(OutputKind kind, string? space, bool isAsync, string callId = "call_1") =>
    [
        new(ModelEventKind.ItemStarted)
        {
            Item = kind, CallId = callId, Name = "slow", Namespace = space, IsAsync = isAsync,
        },
        new(ModelEventKind.PartStarted)
        {
            Part = kind == OutputKind.CustomToolCall ? PartKind.Input : PartKind.Arguments,
        },
        ConversationDriver.Delta("{}"),
        new(ModelEventKind.PartDone),
        new(ModelEventKind.ItemDone),
    ];

    private static string Json(string input, ResponseId? previous, string tools, string model, bool store) => $$"""
        {"model":"{{model}}","store":{{(store ? "true" : "false")}},"tools":[{{tools}}],
         "previous_response_id":{{(previous is null ? "null" : $"\"{previous}\"")}},"input":{{input}}}
        """;

    private ResponseId Create(
        string input, ResponseId? previous = null, string tools = "", string model = "m", bool store = true) =>
        _driver.Create(Json(input, previous, tools, model, store));

    private Refusal Refused(string input, ResponseId? previous, string tools = "", string model = "m")
    {
        var refusal = Assert.Throws<ConversationException>(() => Create(input, previous, tools, model)).Refusal;
        Assert.Equal((RefusalKind.InvalidRequest, "input"), (refusal.Kind, refusal.Param));
        return refusal;
    }

    private void Call(
        ResponseId id, OutputKind kind, string? space = null, bool isAsync = false, string callId = "call_1")
    {
        _driver.AppendAll();
        _driver.Model(id, Events(kind, space, isAsync, callId));
        Ended(id);
    }

    private ResponseId Ended(ResponseId id)
    {
        _driver.AppendAll();
        _driver.Model(id, new ModelEvent(ModelEventKind.Completed));
        _driver.AppendAll();
        return id;
    }

    private void Live(string life)
    {
        switch (life)
        {
            case "restart":
                _driver.Restart();
                break;
            case "move":
                _driver.Move();
                break;
        }
    }
}
