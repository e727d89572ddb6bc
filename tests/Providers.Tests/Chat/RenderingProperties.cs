using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Evergrain.Providers.Chat;
using Evergrain.Providers.Dialects;
using Evergrain.Providers.Servers;
using Evergrain.Providers.Tests.Dialects;
using FsCheck;
using FsCheck.Fluent;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>What holds for any sequence of items, sensible or not.</summary>
public sealed partial class RenderingProperties(ITestOutputHelper output)
{
    private const int Sequences = 300;
    private const int ItemsMax = 24;

    // Insides of JSON strings, as spelled.
    private static readonly Gen<string> Text = Gen.Elements(
        "", "plain", "a \\\"quoted\\\" word", "line\\nline", "\\u00e9é", "\\ud83d\\ude00", "\\\\", "]}", "\\/");

    private static readonly Gen<string> Part = Gen.OneOf(
        Text.Select(text => $$"""{"type":"input_text","text":"{{text}}"}"""),
        Text.Select(text => $$"""{"type":"output_text","text":"{{text}}","annotations":[]}"""),
        Text.Select(text => $$"""{"image_url":"data:{{text}}","type":"input_image","detail":"auto"}"""),
        Text.Select(text => $$"""{"type":"input_file","file_data":"{{text}}"}"""),
        Gen.Constant("""{"type":"input_image","file_id":"f"}"""),
        Gen.Constant("""{"type":"unknown","x":[{}]}"""),
        Gen.Constant("{}"));

    private static readonly Gen<string> Content = Gen.OneOf(
        Text.Select(text => $"\"{text}\""), Part.ListOf(3).Select(parts => $"[{string.Join(',', parts)}]"));

    private static readonly Gen<string> Item = Gen.OneOf(
        from role in Gen.Elements("user", "assistant", "system", "developer")
        from content in Content
        select $$"""{"type":"message","role":"{{role}}","content":{{content}}}""",
        from id in Gen.Choose(0, 3)
        from text in Text
        from type in Gen.Elements("\"function_call\",\"arguments\"", "\"custom_tool_call\",\"input\"")
        select $$"""{"call_id":"call_{{id}}","name":"n\u0061 me","type":{{type}}:"{{text}}"}""",
        from id in Gen.Choose(0, 3)
        from content in Content
        from type in Gen.Elements("function_call_output", "custom_tool_call_output")
        select $$"""{"type":"{{type}}","call_id":"call_{{id}}","output":{{content}}}""",
        Part.ListOf(2).Select(parts =>
            $$"""{"type":"reasoning","summary":[],"content":[{{string.Join(',', parts)}}]}"""),
        Text.Select(text => $$"""{"type":"compaction","encrypted_content":"{{text}}"}"""),
        Gen.Constant("""{"type":"compaction_trigger"}"""),
        Gen.Constant("""{"type":"additional_tools","tools":[{"type":"custom","name":"c"}]}"""),
        Gen.Constant("""{"type":"web_search_call","action":{}}"""));

    [Theory]
    [InlineData(null)]
    [InlineData("reasoning_content")]
    public void Body_OfAnySequence_IsWellFormedAtEachItem(string? reasoningField)
    {
        var dialect = ChatDriver.Lenient with { ReasoningField = reasoningField };
        foreach (var items in Item.ArrayOf().Samples(Sequences, ItemsMax, output))
        {
            var driver = new ChatDriver(dialect);
            foreach (var item in items)
            {
                output.WriteLine(item);
                driver.Add(item);
                CheckMessages(driver.Request()["messages"]!.AsArray());
                driver.Fork().With("instructions", "\"be brief\"").Request();
            }

            output.WriteLine(string.Empty);
        }
    }

    [Fact]
    public void Bytes_OfAnySequence_AreThoseOfARebuildFromAnyPlace()
    {
        foreach (var items in Item.ArrayOf().Samples(Sequences, ItemsMax, output))
        {
            output.WriteLine(string.Join('\n', items));
            var whole = ChatDriver.Of(items);
            var fork = ChatDriver.Of(items[..(items.Length / 2)]).Fork();
            foreach (var item in items[(items.Length / 2)..])
            {
                fork.Fork().Add("""{"role":"user","content":"another branch"}""");
                fork.Add(item);
            }

            Assert.Equal(Bytes(whole), Bytes(fork));
            Assert.Equal(whole.Body(), fork.Body());
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("reasoning_content")]
    public void Bytes_OfAConversationThatMoves_AreThoseOfOneThatStays(string? reasoningField)
    {
        var dialect = ChatDriver.Lenient with { ReasoningField = reasoningField };
        foreach (var items in Item.ArrayOf().Samples(Sequences, ItemsMax, output))
        {
            output.WriteLine(string.Join('\n', items));
            var (stays, moves) = (new ChatDriver(dialect), new ChatDriver(dialect) { Moves = true });
            foreach (var item in items)
            {
                stays.Add(item);
                moves.Add(item);
                Assert.Equal(stays.Body(), moves.Body());
                Assert.Equal(Said(stays), Said(moves));
            }
        }
    }

    /// <summary>What the state says beside the bytes that it leaves to be written.</summary>
    private static string Said(ChatDriver driver)
    {
        var state = driver.State as ChatState ?? ChatState.Start;
        return $"{state.AsksForSummary} {string.Join(' ', state.CountedCallIds.Order(StringComparer.Ordinal))} " +
            string.Join(' ', state.Omitted.ByType) + string.Concat(state.Tools.Select(
                static set => Encoding.UTF8.GetString(set.Json.Span)));
    }

    /// <summary>Each message has a speaker and a content, and calls and outputs are all there, in order.</summary>
    private static void CheckMessages(JsonArray messages)
    {
        foreach (var message in messages)
        {
            var role = (string?)message!["role"];
            Assert.Contains(role, (string[])["user", "assistant", "system", "tool"]);
            Assert.True(message.AsObject().ContainsKey("content"));
            Assert.True(role == "tool" == message.AsObject().ContainsKey("tool_call_id"));
            foreach (var call in message["tool_calls"]?.AsArray() ?? [])
            {
                Assert.Matches("^na_me_[0-9A-Za-z]{8}$", (string?)call!["function"]!["name"]);
                JsonNode.Parse((string)call["function"]!["arguments"]!)!.AsObject();
            }
        }

        var speakers = messages.Select(message => (string?)message!["role"]).ToList();
        Assert.DoesNotContain(("assistant", "assistant"), speakers.Zip(speakers.Skip(1)));
    }

    /// <summary>Each call and each output is there once, and every text that was said.</summary>
    [Fact]
    public void Messages_OfAValidConversation_HoldAllThatWasSaid()
    {
        for (var seed = 0; seed < 1_000; seed++)
        {
            var driver = new ChatDriver(KnownDialects.Plain);
            var items = new SampleConversation(seed, "chat:test").Items;
            items.ForEach(driver.Add);
            var sent = items.ConvertAll(static item => JsonNode.Parse(
                PairedEscapes.Of(item.Json).Span)!.AsObject());
            var messages = driver.Request()["messages"]!.AsArray();

            Assert.Equal(
                sent.Where(item => item["name"] is not null).Select(item => (string?)item["call_id"]).Order(),
                messages.SelectMany(message => message!["tool_calls"]?.AsArray() ?? [])
                    .Select(call => (string?)call!["id"]).Order());
            Assert.Equal(
                sent.Where(item => item["output"] is not null).Select(item => (string?)item["call_id"]).Order(),
                messages.Where(message => (string?)message!["role"] == "tool")
                    .Select(message => (string?)message!["tool_call_id"]).Order());
            foreach (var role in (string[])["user", "assistant"])
            {
                var there = string.Concat(messages.Where(message => (string?)message!["role"] == role)
                    .Select(message => message!["content"]).Where(static content => content is not null)
                    .Select(content => Plain(content!)));
                Assert.All(sent.Where(item => (string?)item["role"] == role), item => Assert.Contains(
                    Plain(item["content"]!), there, StringComparison.Ordinal));
            }
        }
    }

    /// <summary>The texts of a content, without what stands between and instead of parts.</summary>
    private static string Plain(JsonNode content) =>
        PlaceholderOrBreak().Replace(content is JsonArray parts
            ? string.Concat(parts.Select(part => (string?)(part!["text"] ?? part["refusal"])))
            : (string)content!, string.Empty);

    [GeneratedRegex(@"\n|\[\w+ was left out: the model server cannot be given it\]",
        RegexOptions.NonBacktracking | RegexOptions.CultureInvariant)]
    private static partial Regex PlaceholderOrBreak();

    private static List<string> Bytes(ChatDriver driver) =>
        [.. driver.Chunks.Select(chunk => Encoding.UTF8.GetString(chunk.Span))];
}
