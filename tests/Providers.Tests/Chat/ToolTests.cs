using System.Diagnostics.Metrics;
using Evergrain.Providers.Chat;
using Microsoft.Extensions.Logging;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>Tools there, and calls of them back.</summary>
public sealed class ToolTests
{
    private const string User = """{"role":"user","content":"hi"}""";

    /// <summary>What Codex offers a model it does not know, in short.</summary>
    private const string CodexTools = """
        [{"type":"function","name":"exec_command","description":"Runs a \"command\".","strict":false,
        "parameters":{"type":"object","properties":{"cmd":{"type":"string"}},"required":["cmd"]}},
        {"type":"namespace","name":"multi_agent_v1","description":"Agents.","tools":[
        {"type":"function","name":"spawn_agent","description":null,"strict":null,"parameters":null}]},
        {"type":"web_search","external_web_access":false}]
        """;

    /// <summary>What it offers gpt-5.5.</summary>
    private const string CodexCustomTools = """
        [{"type":"function","name":"exec_command","parameters":{}},
        {"type":"custom","name":"apply_patch","description":"Edits files.",
        "format":{"type":"grammar","syntax":"lark","definition":"start: \"***\" /.+/\n"}},
        {"type":"tool_search","execution":"client"},{"type":"web_search"}]
        """;

    /// <summary>What it offers gpt-6.1-sol: no tools, and this as the first item.</summary>
    private const string CodexAdditionalTools = """
        {"type":"additional_tools","role":"developer","tools":[{"type":"namespace","name":"functions",
        "tools":[{"type":"custom","name":"exec","description":"Runs JavaScript.","format":{"type":"text"}},
        {"type":"function","name":"wait","parameters":{"type":"object"}}]}]}
        """;

    [Fact]
    public void Write_FunctionsAndNamespaces_AreFunctions()
    {
        var tools = ChatDriver.Of(User).With("tools", CodexTools).Request()["tools"]!.AsArray();
        Assert.Equal(2, tools.Count);
        Assert.Equal(
            """{"type":"function","function":{"name":"exec_command","description":"Runs a \"command\".",""" +
            """ "parameters":{"type":"object","properties":{"cmd":{"type":"string"}},"required":["cmd"]}}}""".Trim(),
            tools[0]!.ToJsonString(ChatDriver.Compact));
        Assert.Equal(
            """{"type":"function","function":{"name":"multi_agent_v1__spawn_agent",""" +
            """ "parameters":{"type":"object","properties":{}}}}""".Trim(),
            tools[1]!.ToJsonString(ChatDriver.Compact));
    }

    [Fact]
    public void Write_CustomTool_IsAFunctionOfOneText()
    {
        var request = ChatDriver.Of(User).With("tools", CodexCustomTools).Request();
        Assert.Equal("exec_command apply_patch", RequestTests.Names(request));
        var patch = request["tools"]![1]!["function"]!;
        Assert.Equal("Edits files.\n\nThe input must follow this grammar (lark):\nstart: \"***\" /.+/\n",
            (string?)patch["description"]);
        Assert.Equal("input", (string?)Assert.Single(patch["parameters"]!["required"]!.AsArray()));
    }

    [Fact]
    public void Write_AdditionalTools_AreOfferedAndGiveNoMessage()
    {
        var request = ChatDriver.Of(CodexAdditionalTools, User).With("parallel_tool_calls", "false").Request();
        Assert.Equal("functions__exec functions__wait", RequestTests.Names(request));
        Assert.Single(request["messages"]!.AsArray());
        Assert.False((bool?)request["parallel_tool_calls"]);
    }

    [Fact]
    public void Write_ToolsOfferedAgain_CountOnceAndTheNewestWins()
    {
        const string older = """{"type":"additional_tools","tools":[{"type":"function","name":"f","strict":true}]}""";
        const string newer = """{"type":"additional_tools","tools":[{"type":"function","name":"f","strict":false}]}""";
        var driver = ChatDriver.Of(older, newer, older, User);
        Assert.Equal(2, Assert.IsType<ChatState>(driver.State).Tools.Count);
        Assert.True((bool?)Assert.Single(driver.Request()["tools"]!.AsArray())!["function"]!["strict"]);
        driver.With("tools", """[{"type":"function","name":"f","description":"own"}]""");
        Assert.Equal("own",
            (string?)Assert.Single(driver.Request()["tools"]!.AsArray())!["function"]!["description"]);
    }

    [Fact]
    public void Decode_CallOfCodexNewerModels_IsACustomCallInItsNamespace()
    {
        var answer = ChatDriver.Of(CodexAdditionalTools, User).Read(
            Chunk.Call(0, "call_1", "functions__exec", """{\"input\":\"text(\\\"a\\\")\"}"""), Chunk.Calls);
        Assert.Equal(
            """{"type":"custom_tool_call","status":"completed","call_id":"call_1","name":"exec",""" +
            """ "namespace":"functions","input":"text(\"a\")"}""".Trim(),
            answer.Single.ToJsonString(ChatDriver.Compact));
    }

    [Fact]
    public void Decode_CallInANamespace_CarriesIt()
    {
        var answer = ChatDriver.Of(User).With("tools", CodexTools).Read(
            Chunk.Call(0, "call_1", "multi_agent_v1__spawn_agent", "{}"), Chunk.Calls);
        Assert.Equal(("function_call", "spawn_agent", "multi_agent_v1"),
            ((string?)answer.Single["type"], (string?)answer.Single["name"], (string?)answer.Single["namespace"]));
    }

    [Fact]
    public void Decode_CallOfAnUnknownTool_KeepsItsName()
    {
        var answer = ChatDriver.Of(User).Read(Chunk.Call(0, "call_1", "a__b", "{}"), Chunk.Calls);
        Assert.Equal(("a__b", null), ((string?)answer.Single["name"], answer.Single["namespace"]));
    }

    [Theory]
    [InlineData(null, "exec_command")]
    [InlineData(null, "mcp__server__tool-1")]
    [InlineData("functions", "exec")]
    public void Flat_SafeName_StaysReadable(string? space, string name) =>
        Assert.Equal(space is null ? name : $"{space}__{name}", ToolNames.Flat(space, name));

    [Theory]
    [InlineData(null, "a.b/c d")]
    [InlineData(null, "größe😀")]
    [InlineData(null, "")]
    [InlineData("ns", "a.b")]
    [InlineData("n:s", "tool")]
    [InlineData("a_namespace_of_thirty_characters", "a_tool_with_a_name_of_thirty_three")]
    public void Flat_OtherName_IsSafeAndComesBack(string? space, string name)
    {
        var flat = ToolNames.Flat(space, name);
        Assert.Matches("^[a-zA-Z0-9_-]{1,64}$", flat);
        Assert.NotEqual(flat, ToolNames.Flat(space, name + "x"));
        var tool = $$"""{"type":"function","name":"{{name}}"}""";
        var tools = space is null ? tool : $$"""{"type":"namespace","name":"{{space}}","tools":[{{tool}}]}""";
        var driver = ChatDriver.Of(User).With("tools", $"[{tools}]");
        Assert.Equal(flat, RequestTests.Names(driver.Request()));

        var call = driver.Read(Chunk.Call(0, "call_1", flat, "{}"), Chunk.Calls).Single;
        Assert.Equal((name, space), ((string?)call["name"], (string?)call["namespace"]));
        driver.Add(call.ToJsonString());
        var message = driver.Request()["messages"]![1]!;
        Assert.Equal(flat, (string?)message["tool_calls"]![0]!["function"]!["name"]);
    }

    [Fact]
    public void Flat_LongNamesThatDifferAtTheEnd_Differ()
    {
        var names = Enumerable.Range(0, 1000).Select(i => ToolNames.Flat("n", new string('x', 70) + i)).ToHashSet();
        Assert.Equal(1000, names.Count);
        Assert.NotEqual(ToolNames.Flat("a.", "b"), ToolNames.Flat(null, "a.__b"));
    }

    [Fact]
    public void Write_ToolsWithOneName_OffersTheFirst()
    {
        var driver = ChatDriver.Of(User).With("tools",
            """
            [{"type":"namespace","name":"a","tools":[{"type":"function","name":"b"}]},{"type":"function","name":"a__b"}]
            """);
        Assert.Equal("a__b", RequestTests.Names(driver.Request()));
        Assert.Equal("a", (string?)driver.Read(Chunk.Call(0, "c", "a__b", "{}"), Chunk.Calls).Single["namespace"]);
    }

    [Fact]
    public void Write_ToolsLeftOut_AreCountedAndSaidOnce()
    {
        var log = new Lines();
        var driver = new ChatDriver(logger: log).With("tools",
            """[{"type":"web_search"},{"type":"web_search"},{"type":"invented by a client"},{"type":"function"}]""");
        driver.Add("""{"type":"web_search_call"}""");
        var counted = new List<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (instrument.Meter.Scope == driver.Meters)
                {
                    listening.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, count, tags, _) =>
            counted.Add($"{instrument.Name} {tags[0].Value} {count}"));
        listener.Start();
        driver.Body();
        Assert.Equal(
            [
                "evergrain.tools.omitted function 1", "evergrain.tools.omitted other 1",
                "evergrain.tools.omitted web_search 2", "evergrain.items.omitted web_search_call 1",
            ], counted);
        driver.Body();
        Assert.Equal(2, log.Count);
        Assert.EndsWith("function, other, web_search", log[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Write_SameTools_AreConvertedOnce()
    {
        var driver = ChatDriver.Of(User).With("tools", CodexTools);
        Assert.True(driver.Call().Parameters.TryGet("tools", out var json));
        var conversions = 0;
        var cache = new PerValue<object>(_ => conversions++);
        Assert.Same(cache.Of(json), cache.Of(json));
        Assert.NotSame(cache.Of(json), cache.Of(json[..^1]));
        Assert.NotSame(cache.Of(json), cache.Of(json.ToArray()));
        Assert.Equal(driver.Body(), driver.Body());
        Assert.Equal(4, conversions);
    }

    private sealed class Lines : List<string>, ILogger<ChatInstruments>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Add(formatter(state, exception));
    }
}
