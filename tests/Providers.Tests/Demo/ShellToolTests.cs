using System.Text;
using System.Text.Json.Nodes;
using Evergrain.Providers.Demo;

namespace Evergrain.Providers.Tests.Demo;

/// <summary>Which tool runs a shell command, and what happens when none can.</summary>
public sealed class ShellToolTests
{
    private const string Command = """[{"shell":"echo \"hi\" > 'a b' \\ \u00e9 </x>"},{"say":"end"}]""";
    private const string Plain = "echo \"hi\" > 'a b' \\ é </x>";

    [Theory]
    [InlineData("exec_command", "cmd")]
    [InlineData("shell_command", "command")]
    public async Task Shell_FunctionWithAString_GetsTheCommand(string name, string argument)
    {
        var call = await CallAsync($$"""[{"type":"web_search"},{"type":"function","name":"{{name}}"}]""");
        Assert.Equal(name, (string?)call["name"]);
        var arguments = JsonNode.Parse((string)call["arguments"]!)!.AsObject();
        Assert.Equal(argument, Assert.Single(arguments).Key);
        Assert.Equal(Plain, (string?)arguments[argument]);
    }

    [Fact]
    public async Task Shell_FunctionWithAnArray_GetsBash()
    {
        var call = await CallAsync("""[{"type":"function","name":"shell"}]""");
        var arguments = JsonNode.Parse((string)call["arguments"]!)!;
        Assert.Equal($"bash|-lc|{Plain}", string.Join('|', arguments["command"]!.AsArray()));
    }

    [Fact]
    public async Task Shell_SeveralOffered_TakesExecCommand()
    {
        var call = await CallAsync("""
            [{"type":"function","name":"shell"},{"type":"custom","name":"exec"},
            {"type":"function","name":"exec_command"}]
            """);
        Assert.Equal("exec_command", (string?)call["name"]);
    }

    [Fact]
    public async Task Shell_InANamespace_CarriesIt()
    {
        var call = await CallAsync(
            """[{"type":"namespace","name":"box","tools":[{"type":"function","name":"exec_command"}]}]""");
        Assert.Equal("box", (string?)call["namespace"]);
    }

    [Fact]
    public async Task Shell_CustomExecInAdditionalTools_IsALineOfJavaScript()
    {
        var driver = new DemoDriver { OfferedTools = null };
        driver.Add("""
            {"type":"additional_tools","role":"developer","tools":[{"type":"namespace","name":"functions",
            "tools":[{"type":"custom","name":"exec"},{"type":"function","name":"wait"}]}]}
            """);
        driver.User("@@script " + Command);
        var call = (await driver.TurnAsync()).Single;
        Assert.Equal("custom_tool_call", (string?)call["type"]);
        Assert.Equal("exec", (string?)call["name"]);
        Assert.Equal("functions", (string?)call["namespace"]);
        var input = (string)call["input"]!;
        const string before = "const r = await tools.exec_command(";
        const string after = "); text(r);";
        Assert.StartsWith(before, input, StringComparison.Ordinal);
        Assert.EndsWith(after, input, StringComparison.Ordinal);
        Assert.Equal(Plain, (string?)JsonNode.Parse(input[before.Length..^after.Length])!["cmd"]);
        Assert.Equal("end", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task Call_OfferedInANamespace_CarriesItUnlessTheStepNamesOne()
    {
        var driver = DemoDriver.WithScript(
            """[{"call":"spawn"},{"call":"spawn","namespace":"own"},{"call":"other"}]""");
        driver.OfferedTools =
            """[{"type":"namespace","name":"multi_agent_v1","tools":[{"type":"function","name":"spawn"}]}]""";
        Assert.Equal("multi_agent_v1", (string?)(await driver.TurnAsync()).Single["namespace"]);
        Assert.Equal("own", (string?)(await driver.TurnAsync()).Single["namespace"]);
        Assert.Null((await driver.TurnAsync()).Single["namespace"]);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("""[{"type":"web_search"},7,{"type":"function"},{"type":"namespace","name":"n"}]""")]
    public async Task AnyToolStep_NothingOffered_SaysOk(string? tools)
    {
        var driver = DemoDriver.WithScript(
            """[{"shell":"a"},{"call":"f"},{"custom":"c","input":""},""" +
            """{"parallel":[{"shell":"a"},{"say":"x"}]},{"say":"end"}]""");
        driver.OfferedTools = tools;
        Assert.Equal("ok", (await driver.AskAsync()).Text);
        Assert.Equal("ok", (await driver.AskAsync()).Text);
        Assert.Equal("ok", (await driver.AskAsync()).Text);
        Assert.Equal("ok x", string.Join(' ', (await driver.AskAsync()).Items.Select(Answer.TextOf)));
        Assert.Equal("end", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task Shell_ToolChoiceNone_SaysOk()
    {
        var driver = DemoDriver.WithScript(Command);
        driver.ToolChoice = "\"none\"";
        Assert.Equal("ok", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task Shell_ToolsInBothPlaces_FindsEither()
    {
        var driver = DemoDriver.WithScript("""[{"shell":"a"},{"call":"more"}]""");
        driver.Add("""
            {"type":"additional_tools","tools":[{"type":"namespace","name":"n",
            "tools":[{"type":"function","name":"more"}]}]}
            """);
        Assert.Equal("exec_command", (string?)(await driver.TurnAsync()).Single["name"]);
        Assert.Equal("n", (string?)(await driver.TurnAsync()).Single["namespace"]);
    }

    [Fact]
    public void ReadHeld_SlicesOfOneArray_AreToldApart()
    {
        var array = Encoding.UTF8.GetBytes(
            """[{"type":"custom","name":"a"}][{"type":"custom","name":"b"}]""");
        var (one, other) = (array.AsMemory(0, array.Length / 2), array.AsMemory(array.Length / 2));
        Assert.True(Toolset.ReadHeld(one).TryFind("a", out _));
        Assert.True(Toolset.ReadHeld(other).TryFind("b", out _));
        Assert.True(Toolset.ReadHeld(one).TryFind("a", out _));
        Assert.Same(Toolset.ReadHeld(one), Toolset.ReadHeld(one));
    }

    [Fact]
    public async Task Shell_OnlyOtherToolsOffered_SaysOk()
    {
        var driver = DemoDriver.WithScript(Command);
        driver.OfferedTools = """[{"type":"function","name":"exec"},{"type":"custom","name":"shell"}]""";
        Assert.Equal("ok", (await driver.AskAsync()).Text);
    }

    private static async Task<JsonObject> CallAsync(string tools)
    {
        var driver = DemoDriver.WithScript(Command);
        driver.OfferedTools = tools;
        var call = (await driver.TurnAsync()).Single;
        Assert.Equal("end", (await driver.AskAsync()).Text);
        return call;
    }
}
