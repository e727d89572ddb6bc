using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>Where a call begins and ends, for servers that say it badly, and which tool it means.</summary>
public sealed class CallBorderTests
{
    private const string Tools = """
        [{"type":"function","name":"run"},{"type":"namespace","name":"fs","tools":[
          {"type":"function","name":"read_file"},{"type":"custom","name":"patch"},{"type":"function","name":"list"}]},
         {"type":"namespace","name":"db","tools":[{"type":"function","name":"list"}]},
         {"type":"function","name":"tools_of"},{"type":"function","name":"web.search"}]
        """;

    private static ChatDriver Driver => ChatDriver.Of("""{"role":"user","content":"hi"}""");

    [Theory]
    [InlineData("{}|{\"city\"|:\"Oslo\"}", "{\"city\":\"Oslo\"}")]
    [InlineData("{}{\"city\":\"Oslo\"}", "{\"city\":\"Oslo\"}")]
    [InlineData("{|}|{|\"city\":\"Oslo\"}", "{\"city\":\"Oslo\"}")]
    [InlineData(" { } | {\"city\":\"Oslo\"}", " { \"city\":\"Oslo\"}", "{ \"city\":\"Oslo\"}")]
    [InlineData("{}|{}|{\"a\":{}}", "{\"a\":{}}")]
    [InlineData("null|{\"a\":1}", "{\"a\":1}")]
    [InlineData("\"\"|{\"a\":1}", "{\"a\":1}")]
    [InlineData("nu|ll|\n|{\"a\":1}", "{\"a\":1}")]
    [InlineData("{}", "{}")]
    [InlineData("{|}", "{}")]
    [InlineData("{ }\n", "{ }\n")]
    [InlineData("{}|{}", "{}")]
    [InlineData("null", "{}")]
    [InlineData("\"\"", "{}")]
    [InlineData(" \n", "{}")]
    [InlineData("{\"a\":{}}", "{\"a\":{}}")]
    [InlineData("{}x", "{}x")]
    [InlineData("nothing", "nothing")]
    [InlineData("\"text\"", "\"text\"")]
    [InlineData("\"\"x", "\"\"x")]
    [InlineData("nul", "nul")]
    public void Arguments_BehindWhatStandsForNone_AreTheArguments(
        string pieces, string expected, string? orExpected = null)
    {
        foreach (var spell in (Func<string, string>[])[Chunk.Spell, EscapeAll])
        {
            var answer = Driver.Read([Chunk.Call(0, "call_1", "f"),
                .. pieces.Split('|').Select(piece => Chunk.Arguments(0, spell(piece))), Chunk.Calls]);
            var arguments = (string)answer.Single["arguments"]!;
            Assert.Equal(orExpected ?? expected, arguments);
            Assert.Equal(arguments, JsonSerializer.Deserialize<string>($"\"{string.Concat(answer.Deltas)}\""));
            Assert.Equal(ModelEventKind.Completed, answer.End.Kind);
        }
    }

    [Fact]
    public void Arguments_ThatBegin_GoOnAtOnce() => Assert.Equal(["{", "\\\"a\\\":", "1}"],
        Driver.Read(Chunk.Call(0, "call_1", "f", "{"), Chunk.Arguments(0, "\\\"a\\\":"), Chunk.Arguments(0, "1}"),
            Chunk.Calls).Deltas);

    [Theory]
    [InlineData("{\"a\":1}", "")]
    [InlineData("", "{\"a\":1}")]
    [InlineData("{\"a\"", ":1}")]
    [InlineData("{}", "{\"a\":1}")]
    public void Arguments_AsAnObject_MayComeBesideText(string first, string second)
    {
        var empty = Chunk.Of("""{"tool_calls":[{"index":0,"id":"call_1","function":{"name":"f","arguments":{}}}]}""");
        var answer = Driver.Read(empty, Chunk.Arguments(0, Chunk.Spell(first)),
            Chunk.Arguments(0, Chunk.Spell(second)), Chunk.Calls);
        Assert.Equal("{\"a\":1}", (string?)answer.Single["arguments"]);
    }

    [Theory]
    [InlineData("\"index\":0,")]
    [InlineData("\"index\":\"0\",")]
    [InlineData("\"index\":null,")]
    [InlineData("\"index\":0,\"id\":\"\",")]
    [InlineData("\"index\":0,\"id\":null,")]
    [InlineData("\"index\":0,\"id\":\"same\",")]
    [InlineData("\"id\":\"same\",")]
    [InlineData("\"id\":\"\",")]
    [InlineData("")]
    public void WholeCalls_WithoutNumbersOrIds_AreToldApart(string head)
    {
        string Call(string name, string arguments) =>
            $$$"""{{{{head}}}"function":{"name":"{{{name}}}","arguments":"{{{Chunk.Spell(arguments)}}}"}}""";
        var calls = new[] { Call("f", "{\"a\":1}"), Call("f", "{\"a\":2}"), Call("g", "{\"a\":2}") };
        foreach (var chunks in (IEnumerable<string>[])[calls, [string.Join(',', calls)]])
        {
            var answer = Driver.Read(
                [.. chunks.Select(call => Chunk.Of($$"""{"tool_calls":[{{call}}]}""")), Chunk.Calls]);
            Assert.Equal(["f{\"a\":1}", "f{\"a\":2}", "g{\"a\":2}"],
                answer.Items.Select(item => $"{item["name"]}{item["arguments"]}"));
            Assert.Equal(3, answer.Items.Select(item => (string)item["call_id"]!).Distinct().Count());
        }
    }

    [Fact]
    public void StreamedCalls_AllNumberedNought_AreToldApart()
    {
        string Begin(string name) =>
            Chunk.Of($$$"""{"tool_calls":[{"index":0,"function":{"name":"{{{name}}}","arguments":""}}]}""");
        var answer = Driver.Read(Begin("f"), Chunk.Arguments(0, "{\\\"a\\\":"), Chunk.Arguments(0, "1}"),
            Begin("g"), Chunk.Arguments(0, "{"), Chunk.Arguments(0, "}"), Chunk.Calls);
        Assert.Equal(["f{\"a\":1}", "g{}"], answer.Items.Select(item => $"{item["name"]}{item["arguments"]}"));
    }

    [Fact]
    public void Call_WithItsNameInEveryPiece_IsOneCall()
    {
        string Piece(string arguments) => Chunk.Of(
            $$$"""{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{{{Chunk.Spell(arguments)}}}"}}]}""");
        var answer = Driver.Read(Piece(""), Piece("{\"a\""), Piece(":1"), Piece("}"), Chunk.Calls);
        Assert.Equal("{\"a\":1}", (string?)answer.Single["arguments"]);
    }

    [Fact]
    public void Piece_WithTheIdOfACall_GoesToItWhateverItsNumber()
    {
        var answer = Driver.Read(Chunk.Call(0, "call_a", "f"), Chunk.Call(1, "call_b", "g"),
            Chunk.Of("""{"tool_calls":[{"index":7,"id":"call_a","function":{"arguments":"{}"}}]}"""),
            Chunk.Arguments(1, "{}"), Chunk.Calls);
        Assert.Equal(["f{}", "g{}"], answer.Items.Select(item => $"{item["name"]}{item["arguments"]}"));
    }

    [Fact]
    public void Id_ThatComesLater_IsTheCalls()
    {
        var answer = Driver.Read(Chunk.Of("""{"tool_calls":[{"index":0,"function":{"name":"f"}}]}"""),
            Chunk.Of("""{"tool_calls":[{"index":0,"id":"call_a","function":{"arguments":"{}"}}]}"""), Chunk.Calls);
        Assert.Equal("call_a", (string?)answer.Single["call_id"]);
    }

    [Theory]
    [InlineData("read_file", "fs read_file")]
    [InlineData("fs__read_file", "fs read_file")]
    [InlineData("fs.read_file", "fs read_file")]
    [InlineData("fs/read_file", "fs read_file")]
    [InlineData("fs:read_file", "fs read_file")]
    [InlineData("fs::read_file", "fs read_file")]
    [InlineData("fs-read_file", "fs read_file")]
    [InlineData("fs_read_file", "fs read_file")]
    [InlineData("functions.read_file", "fs read_file")]
    [InlineData("functions.fs__read_file", "fs read_file")]
    [InlineData("functions.fs.read_file", "fs read_file")]
    [InlineData("default_api:read_file", "fs read_file")]
    [InlineData("  read_file ", "fs read_file")]
    [InlineData("read_file<|channel|>commentary", "fs read_file")]
    [InlineData("functions.run", " run")]
    [InlineData("tools_of", " tools_of")]
    [InlineData("web.search", " web.search")]
    [InlineData("patch", "fs patch")]
    [InlineData("db.list", "db list")]
    [InlineData("list", " list")]
    [InlineData("functions.list", " functions.list")]
    [InlineData("other.read_file", " other.read_file")]
    [InlineData("fs", " fs")]
    [InlineData("fs__", " fs__")]
    [InlineData("write_file", " write_file")]
    [InlineData("Read_File", " Read_File")]
    public void Name_OfTheOneToolThatCanBeMeant_IsThatTools(string said, string expected)
    {
        var answer = Driver.With("tools", Tools).Read(Chunk.Call(0, "call_1", said, "{}"), Chunk.Calls);
        Assert.Equal(expected, $"{answer.Single["namespace"]} {answer.Single["name"]}");
        Assert.Equal(said == "patch" ? "custom_tool_call" : "function_call", (string?)answer.Single["type"]);
    }

    private static string EscapeAll(string text) => string.Concat(text.Select(c => $"\\u{(int)c:x4}"));
}
