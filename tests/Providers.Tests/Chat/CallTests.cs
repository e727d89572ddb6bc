using System.Text;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>Calls in all the ways that servers send them.</summary>
public sealed class CallTests
{
    private static ChatDriver Driver => ChatDriver.Of("""{"role":"user","content":"hi"}""");

    [Fact]
    public void Decode_CallInOneChunk_IsOneItem()
    {
        var answer = Driver.Read(Chunk.Call(0, "call_1", "f", """{\"a\":\"\u00e9\\n\"}"""), Chunk.Calls);
        Assert.Equal(
            """{"type":"function_call","status":"completed","call_id":"call_1","name":"f",""" +
            """ "arguments":"{\"a\":\"é\\n\"}"}""".Trim(),
            answer.Single.ToJsonString(ChatDriver.Compact));
    }

    [Fact]
    public void Decode_CallInManyChunks_Streams()
    {
        const string arguments = "{\"a\":\"é \\\"😀\\\" {[\\\\\",\"b\":[1,{}]}";
        var pieces = arguments.EnumerateRunes().Select(rune => Chunk.Arguments(0, Chunk.Spell(rune.ToString())));
        var answer = Driver.Read([Chunk.Call(0, "call_1", "f"), .. pieces, Chunk.Calls]);
        Assert.Equal(arguments, (string?)answer.Single["arguments"]);
        Assert.Equal(arguments.EnumerateRunes().Count(), answer.Deltas.Count);
    }

    [Fact]
    public void Decode_NameLaterAndInPieces_IsWhole()
    {
        var answer = Driver.Read(
            Chunk.Of("""{"tool_calls":[{"index":0,"id":"call_1","function":{"arguments":"{"}}]}"""),
            Chunk.Of("""{"tool_calls":[{"index":0,"function":{"name":"exec_"}}]}"""),
            Chunk.Of("""{"tool_calls":[{"index":0,"function":{"name":"command","arguments":""}}]}"""),
            Chunk.Arguments(0, "}"), Chunk.Calls);
        Assert.Equal(("exec_command", "{}"),
            ((string?)answer.Single["name"], (string?)answer.Single["arguments"]));
    }

    [Fact]
    public void Decode_IdAndNameInEveryChunk_AreOneCall()
    {
        var answer = Driver.Read(Chunk.Call(0, "call_1", "f", "{"), Chunk.Call(0, "call_1", "f", "}"), Chunk.Calls);
        Assert.Equal(("f", "{}"), ((string?)answer.Single["name"], (string?)answer.Single["arguments"]));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("\"\"")]
    public void Decode_NoArguments_AreAnEmptyObject(string arguments)
    {
        var answer = Driver.Read(
            Chunk.Of($$$"""{"tool_calls":[{"function":{"arguments":{{{arguments}}},"name":"f"}}]}"""), Chunk.Calls);
        Assert.Equal("{}", (string?)answer.Single["arguments"]);
    }

    [Fact]
    public void Decode_ArgumentsAsObject_AreText()
    {
        var answer = Driver.Read(
            Chunk.Of("""{"tool_calls":[{"function":{"name":"f","arguments":{"a": "\"\n\u00e9"} }}]}"""), Chunk.Calls);
        Assert.Equal("""{"a": "\"\n\u00e9"}""", (string?)answer.Single["arguments"]);
    }

    [Fact]
    public void Decode_ParallelCalls_EndWhenTheNextBegins()
    {
        var driver = Driver;
        var decoder = driver.Api.Decode(driver.Call());
        var events = new List<ModelEvent>();
        decoder.Read(Encoding.UTF8.GetBytes(Chunk.Call(0, "call_1", "f", "{}")), events);
        Assert.DoesNotContain(events, e => e.Kind == ModelEventKind.ItemDone);
        decoder.Read(Encoding.UTF8.GetBytes(Chunk.Call(1, "call_2", "g")), events);
        Assert.Equal(ModelEventKind.ItemDone, events[^1].Kind);
        decoder.Read(Encoding.UTF8.GetBytes(Chunk.Arguments(1, "{")), events);
        Assert.Equal(ModelEventKind.Delta, events[^1].Kind);
    }

    [Fact]
    public void Decode_InterleavedCalls_AreWholeAndInOrder()
    {
        var answer = Driver.Read(Chunk.Text("so"), Chunk.Call(0, "call_1", "f"), Chunk.Call(1, "call_2", "g"),
            Chunk.Arguments(1, "{\\\"b\\\":"), Chunk.Arguments(0, "{\\\"a\\\":"), Chunk.Arguments(1, "2}"),
            Chunk.Text("done"), Chunk.Arguments(0, "1}"), Chunk.Call(2, "call_3", "h", "{}"), Chunk.Calls);
        Assert.Equal("message function_call function_call message function_call", answer.Types);
        Assert.Equal(["{\"a\":1}", "{\"b\":2}", "{}"],
            answer.Items.Where(item => item["call_id"] is not null).Select(item => (string?)item["arguments"]));
    }

    [Theory]
    [InlineData("\"index\":0,")]
    [InlineData("")]
    public void Decode_CallsWithoutNumbers_AreToldApart(string index)
    {
        string Call(string id) =>
            Chunk.Of($$$"""{"tool_calls":[{{{{index}}}"id":"{{{id}}}","function":{"name":"f","arguments":"{}"}}]}""");
        var answer = Driver.Read(Call("call_1"), Call("call_2"), Chunk.Calls);
        Assert.Equal(["call_1", "call_2"], Ids(answer));
    }

    [Fact]
    public void Decode_CallsWithoutNumbersAndIds_AreToldApart()
    {
        const string call = """{"function":{"name":"f","arguments":"{}"}}""";
        var answer = Driver.Read(Chunk.Of($$"""{"tool_calls":[{{call}},{{call}}]}"""), Chunk.Calls);
        Assert.Equal("function_call function_call", answer.Types);
        Assert.Equal(2, Ids(answer).Distinct().Count());
    }

    [Fact]
    public void Decode_OtherIdWithEveryPiece_IsOneCall()
    {
        var answer = Driver.Read(Chunk.Call(0, "call_1", "f"),
            Chunk.Of("""{"tool_calls":[{"index":0,"id":"call_2","function":{"arguments":"{}"}}]}"""), Chunk.Calls);
        Assert.Equal("call_1", (string?)answer.Single["call_id"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a_call_id_with_far_more_than_the_sixty_four_characters_that_are_allowed")]
    public void Decode_IdThatCannotBe_IsOurs(string id)
    {
        var first = Driver.Read(Chunk.Call(0, id, "f", "{}"), Chunk.Call(1, id, "f", "{}"), Chunk.Calls);
        Assert.All(Ids(first), given => Assert.Matches("^call_[0-9A-Za-z]{22}$", given));
        Assert.Equal(2, Ids(first).Distinct().Count());

        // The same on every node, another one further on.
        var again = Driver.Read(Chunk.Call(0, id, "f", "{}"), Chunk.Calls);
        Assert.Equal(Ids(first)[0], Ids(again)[0]);
        var later = ChatDriver.Of("""{"role":"user","content":"hi"}""", """{"role":"user","content":"hi"}""")
            .Read(Chunk.Call(0, id, "f", "{}"), Chunk.Calls);
        Assert.DoesNotContain(Ids(later)[0], Ids(first));
    }

    [Fact]
    public void Decode_IdThatIsThereAlready_IsOurs()
    {
        var driver = Driver;
        var first = driver.Read(Chunk.Call(0, "call_0", "f", "{}"), Chunk.Call(1, "call_0", "f", "{}"), Chunk.Calls);
        Assert.Equal("call_0", Ids(first)[0]);
        Assert.NotEqual("call_0", Ids(first)[1]);
        driver.Add(first.Items[0].ToJsonString());
        driver.Add("""{"type":"function_call_output","call_id":"call_0","output":""}""");
        var second = driver.Read(Chunk.Call(0, "call_0", "f", "{}"), Chunk.Call(1, "call_1", "f", "{}"), Chunk.Calls);
        Assert.NotEqual("call_0", Ids(second)[0]);
        Assert.Equal("call_1", Ids(second)[1]);
    }

    [Fact]
    public void Decode_CallCutShort_StaysOpen()
    {
        var answer = Driver.Read(Chunk.Call(0, "call_1", "f", "{}"), Chunk.Call(1, "call_2", "f", "{\\\"a"),
            Chunk.Length);
        Assert.Equal(["completed", "incomplete"], answer.Items.Select(item => (string?)item["status"]));
        Assert.Equal("max_output_tokens", answer.End.Code);
        var whole = Driver.Read(Chunk.Call(0, "call_1", "f", "{}"), Chunk.Length);
        Assert.Equal("completed", (string?)whole.Single["status"]);
        Assert.Empty(Driver.Read(Chunk.Of("""{"tool_calls":[{"index":0,"id":"x"}]}"""), Chunk.Length).Items);
    }

    [Fact]
    public void Decode_CallWithoutName_Fails()
    {
        var answer = Driver.Read(
            Chunk.Of("""{"tool_calls":[{"id":"x","function":{"arguments":"{}"}}]}"""), Chunk.Calls);
        Assert.Equal((ModelEventKind.Failed, "server_error"), (answer.End.Kind, answer.End.Code));
    }

    [Fact]
    public void Decode_MoreOfACallThatIsOver_IsRefused()
    {
        Assert.Throws<FormatException>(() => Driver.Read(
            Chunk.Call(0, "call_1", "f", "{}"), Chunk.Call(1, "call_2", "f"), Chunk.Arguments(0, "x")));
        var answer = Driver.Read(Chunk.Call(0, "call_1", "f", "{}"), Chunk.Call(1, "call_2", "f", "{}"),
            Chunk.Arguments(0, "\\n"), Chunk.Calls);
        Assert.Equal("{}", (string?)answer.Items[0]["arguments"]);
    }

    [Fact]
    public void Decode_NameThatChanges_IsRefused() => Assert.Throws<FormatException>(() => Driver.Read(
        Chunk.Call(0, "call_1", "f", "{"), Chunk.Call(0, "call_1", "g", "}")));

    [Fact]
    public void Decode_CallsWithoutEnd_AreRefused() => Assert.Throws<FormatException>(() => Driver.Read(
        [.. Enumerable.Range(0, 2000).Select(i => Chunk.Call(i, $"call_{i}", "f"))]));

    [Fact]
    public void Decode_HeldPiecesWithoutEnd_AreRefused()
    {
        var driver = Driver;
        var decoder = driver.Api.Decode(driver.Call());
        var events = new List<ModelEvent>();
        decoder.Read(Encoding.UTF8.GetBytes(Chunk.Call(0, "call_1", "f", "{")), events);
        var piece = Encoding.UTF8.GetBytes(Chunk.Arguments(1, new string('x', 1 << 20)));
        decoder.Read(Encoding.UTF8.GetBytes(Chunk.Call(1, "call_2", "f", "{")), events);
        Assert.Throws<FormatException>(() =>
        {
            for (var i = 0; i < 65; i++)
            {
                decoder.Read(piece, events);
            }
        });
    }

    private static List<string> Ids(Answer answer) => [.. answer.Items.Select(item => (string)item["call_id"]!)];
}
