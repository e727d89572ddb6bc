using System.Text.Json;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>The input of custom tools, out of the arguments that it comes in.</summary>
public sealed class CustomInputTests
{
    private const string Text = "*** Begin \"Patch\"\r\n+é 😀 \\n \\\\ \u0001 /x\n{\"input\":\"no\"}";

    private static ChatDriver Driver => ChatDriver.Of("""{"role":"user","content":"hi"}""")
        .With("tools", """[{"type":"custom","name":"patch"}]""");

    public static TheoryData<string> Spellings => new(
        JsonSerializer.Serialize(new { input = Text }),
        JsonSerializer.Serialize(new { input = Text }, ChatDriver.Compact),
        " {\n \"input\" : " + JsonSerializer.Serialize(Text, ChatDriver.Compact) + " }\n",
        "{\"other\":{\"input\":[\"a,}\\\"\",1]},\"b\":null,\"input\":" + JsonSerializer.Serialize(Text) +
            ",\"c\":\"d\"}");

    [Theory]
    [MemberData(nameof(Spellings))]
    public void Decode_Input_ComesOutHoweverItIsCut(string arguments)
    {
        for (var size = 1; size <= arguments.Length; size += size < 8 ? 1 : 17)
        {
            foreach (var spell in (Func<string, string>[])[EscapeFew, EscapeAll])
            {
                var pieces = Cut(arguments, size).Select(piece => Chunk.Arguments(0, spell(piece)));
                var call = Driver.Read([Chunk.Call(0, "call_1", "patch"), .. pieces, Chunk.Calls]).Single;
                Assert.Equal("custom_tool_call", (string?)call["type"]);
                Assert.Equal(Text, (string?)call["input"]);
            }
        }
    }

    [Fact]
    public void Decode_Input_Streams()
    {
        var answer = Driver.Read(Chunk.Call(0, "call_1", "patch", "{\\\"inp"), Chunk.Arguments(0, "ut\\\": \\\"a\\\\"),
            Chunk.Arguments(0, "nb\\\\u00"), Chunk.Arguments(0, "e9\\\\ud83d"), Chunk.Arguments(0, "\\\\ude00c"),
            Chunk.Arguments(0, "\\\"}"), Chunk.Calls);
        Assert.Equal(["a", "\\nb", "\\u00e9", "\\ud83d\\ude00c"], answer.Deltas);
    }

    [Theory]
    [InlineData("*** Begin \"Patch\"\n😀")]
    [InlineData("\"no end")]
    [InlineData("\"two\" \"strings\"")]
    [InlineData("[1]")]
    [InlineData("[\"a\",\"b\"]")]
    [InlineData("{\"a\":\"b\",\"c\":\"d\"}")]
    [InlineData("{\"patch\":\"a\",\"code\":\"b\"}")]
    [InlineData("{\"patch\":\"a\"")]
    [InlineData("{\"patch\":\"\\ud83d\"}")]
    [InlineData("{\"name\":\"patch\"}")]
    [InlineData("{\"input\":7}")]
    [InlineData("{\"input\":null}")]
    [InlineData("{\"input\":{\"a\":\"b\",\"c\":\"d\"}}")]
    [InlineData("{ return \"a\"; }")]
    [InlineData("```js\na\n``` and ```js\nb\n```")]
    [InlineData("```a b```")]
    [InlineData("```\nno end")]
    [InlineData("`a`")]
    [InlineData("null")]
    [InlineData("\"\"x")]
    [InlineData("{}")]
    [InlineData("{}x")]
    [InlineData("{\"input")]
    [InlineData(" ")]
    public void Decode_OtherArguments_AreTheInput(string arguments)
    {
        for (var size = 1; size <= arguments.Length; size++)
        {
            var pieces = Cut(arguments, size).Select(piece => Chunk.Arguments(0, EscapeAll(piece)));
            var call = Driver.Read([Chunk.Call(0, "call_1", "patch"), .. pieces, Chunk.Calls]).Single;
            Assert.Equal(arguments, (string?)call["input"]);
        }
    }

    [Theory]
    [InlineData("{\"input\":\"a\nb\tc\"}", "a\nb\tc")]
    [InlineData("{\"input\":\"\\d+ \\u12 \\\"\"}", "\\d+ \\u12 \"")]
    [InlineData("{\"input\":\"\\ud83d x\"}", "\ufffd x")]
    [InlineData("{\"input\":\"\"}", "")]
    [InlineData("{\"input\":\"a\"", "a")]
    [InlineData("{\"input\":\"a\",\"input\":\"b\"}", "a")]
    public void Decode_InputOfModelsThatAreBadAtJson_IsWhatTheyMeant(string arguments, string expected)
    {
        for (var size = 1; size <= arguments.Length; size++)
        {
            var pieces = Cut(arguments, size).Select(piece => Chunk.Arguments(0, EscapeFew(piece)));
            var call = Driver.Read([Chunk.Call(0, "call_1", "patch"), .. pieces, Chunk.Calls]).Single;
            Assert.Equal(expected, (string?)call["input"]);
        }
    }

    public static TheoryData<string> Wrappings => new(
        JsonSerializer.Serialize(Text),
        JsonSerializer.Serialize(new { patch = Text }, ChatDriver.Compact),
        JsonSerializer.Serialize(new { anything = Text }),
        JsonSerializer.Serialize(new { reason = "because", code = Text }),
        JsonSerializer.Serialize(new { command = new[] { "patch", Text } }),
        JsonSerializer.Serialize(new { input = new { patch = Text }, timeout = 5 }),
        JsonSerializer.Serialize(new { input = new { input = Text } }),
        JsonSerializer.Serialize(new { input = new[] { Text } }),
        JsonSerializer.Serialize(new[] { "patch", Text }),
        JsonSerializer.Serialize(new { name = "patch", arguments = new { script = Text } }),
        JsonSerializer.Serialize(new { other = 7, patch = new[] { Text }, last = "x" }),
        "{}" + JsonSerializer.Serialize(new { input = Text }),
        "```\n" + Text + "\n```",
        " ```diff\n" + Text + "\n```\n");

    [Theory]
    [MemberData(nameof(Wrappings))]
    public void Decode_InputInAnyWrapping_ComesOut(string arguments)
    {
        var expected = arguments.Contains("```", StringComparison.Ordinal) ? Text + "\n" : Text;
        for (var size = 1; size <= arguments.Length; size += size < 4 ? 1 : 29)
        {
            var pieces = Cut(arguments, size).Select(piece => Chunk.Arguments(0, EscapeFew(piece)));
            var call = Driver.Read([Chunk.Call(0, "call_1", "patch"), .. pieces, Chunk.Calls]).Single;
            Assert.Equal(expected, (string?)call["input"]);
        }
    }

    [Theory]
    [InlineData("{\"patch\":\"a\nb\tc \\d\"}", "a\nb\tc \\d")]
    [InlineData("[\"patch\",\"a\nb\"]", "a\nb")]
    [InlineData("{\"input\":[\"a\rb\"]}", "a\rb")]
    public void Decode_WrappingOfModelsThatAreBadAtJson_IsUnderstood(string arguments, string expected) =>
        Assert.Equal(expected, (string?)Driver.Read(
            Chunk.Call(0, "call_1", "patch", Chunk.Spell(arguments)), Chunk.Calls).Single["input"]);

    [Fact]
    public void Decode_InputThatIsNotEnded_IsCut()
    {
        var answer = Driver.Read(Chunk.Call(0, "call_1", "patch", "{\\\"input\\\":\\\"ab"), Chunk.Calls);
        Assert.Equal(("ab", "incomplete"), ((string?)answer.Single["input"], (string?)answer.Single["status"]));
        Assert.Equal("max_output_tokens", answer.End.Code);
    }

    [Fact]
    public void Decode_NoArguments_AreNoInput() => Assert.Equal(string.Empty,
        (string?)Driver.Read(Chunk.Call(0, "call_1", "patch"), Chunk.Calls).Single["input"]);

    [Fact]
    public void Decode_InputCutShort_IsKeptAsFarAsItCame()
    {
        var call = Driver.Read(Chunk.Call(0, "call_1", "patch", "{\\\"input\\\":\\\"ab\\\\"), Chunk.Length).Single;
        Assert.Equal(("ab", "incomplete"), ((string?)call["input"], (string?)call["status"]));
    }

    [Fact]
    public void Render_CallThatWasDecoded_GivesTheArgumentsOfAServer()
    {
        var driver = Driver;
        driver.Add(driver.Read(
            Chunk.Call(0, "call_1", "patch", Chunk.Spell(JsonSerializer.Serialize(new { input = Text }))), Chunk.Calls)
            .Single.ToJsonString());
        var function = driver.Request()["messages"]![1]!["tool_calls"]![0]!["function"]!;
        using var arguments = JsonDocument.Parse((string)function["arguments"]!);
        Assert.Equal(Text, arguments.RootElement.GetProperty("input").GetString());
    }

    /// <summary>Cuts every so many UTF-16 units, so within surrogate pairs too.</summary>
    private static IEnumerable<string> Cut(string text, int size) =>
        text.Chunk(size).Select(piece => new string(piece));

    /// <summary>Spells what must be, and halves of pairs, as escapes.</summary>
    private static string EscapeFew(string text) => string.Concat(text.Select(c =>
        char.IsSurrogate(c) ? EscapeAll(c.ToString()) : Chunk.Spell(c.ToString())));

    /// <summary>Spells every character as an escape: halves of pairs too.</summary>
    private static string EscapeAll(string text) => string.Concat(text.Select(c => $"\\u{(int)c:x4}"));
}
