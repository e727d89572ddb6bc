using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Evergrain.Conversations.Ports;
using FsCheck;
using FsCheck.Fluent;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>Answers cut into chunks anywhere, and chunks that are broken anywhere.</summary>
public sealed class DecoderProperties(ITestOutputHelper output)
{
    private const int Answers = 300;

    private const string Tools = """
        [{"type":"function","name":"f","parameters":{}},{"type":"namespace","name":"n","tools":[
        {"type":"custom","name":"c"}]}]
        """;

    private static readonly Gen<string> Text = Gen
        .Elements("a", "é", "😀", "\"", "\\", "\n", "{", "}", ",", " ", "\\u00e9").ArrayOf().Select(string.Concat);

    private static readonly Gen<Call> Calls =
        from isCustom in Gen.Elements(true, false)
        from text in Text
        select new Call(isCustom, text);

    private static readonly Gen<Spoken> Whole =
        from thought in Text
        from said in Text
        from calls in Calls.ArrayOf().Resize(5)
        from chance in Gen.Choose(0, int.MaxValue - 1)
        select new Spoken("t" + thought, "s" + said, calls, chance);

    private static ChatDriver Driver => ChatDriver.Of("""{"role":"user","content":"hi"}""").With("tools", Tools);

    [Fact]
    public void Decode_AnswerInAnyChunks_IsTheAnswer()
    {
        foreach (var spoken in Whole.Samples(Answers, 30, output))
        {
            output.WriteLine(spoken.ToString());
            var answer = Driver.Read([.. Stream(spoken)]);
            Assert.Equal(ModelEventKind.Completed, answer.End.Kind);
            Assert.Equal(spoken.Thought, (string?)answer.Items[0]["content"]![0]!["text"]);
            Assert.Equal(spoken.Said, (string?)answer.Items[1]["content"]![0]!["text"]);
            Assert.Equal(
                spoken.Calls.Select(call => call.IsCustom ? $"n c {call.Text}" : $" f {call.Arguments}"),
                answer.Items.Skip(2).Select(item =>
                    $"{item["namespace"]} {item["name"]} {item["input"] ?? item["arguments"]}"));
        }
    }

    [Fact]
    public void Decode_BrokenChunks_AreRefusedAndNothingElse()
    {
        var refused = 0;
        foreach (var spoken in Whole.Samples(Answers, 12, output))
        {
            output.WriteLine(spoken.ToString());
            var chance = new Random(spoken.Chance);
            var driver = Driver;
            var decoder = driver.Api.Decode(driver.Call());
            var events = new List<ModelEvent>();
            try
            {
                foreach (var chunk in Stream(spoken))
                {
                    decoder.Read(Broken(Encoding.UTF8.GetBytes(chunk), chance), events);
                }

                decoder.Finish(isMarked: false, events);
            }
            catch (FormatException)
            {
                refused++;
            }

            Answer.Check(events);
        }

        Assert.InRange(refused, 1, Answers);
    }

    private static byte[] Broken(byte[] chunk, Random chance)
    {
        const string breaks = "\"\\{}[]:,0u nd\u0001\u00ff";
        switch (chance.Next(12))
        {
            case 0:
                chunk[chance.Next(chunk.Length)] = (byte)breaks[chance.Next(breaks.Length)];
                return chunk;
            case 1:
                var at = chance.Next(chunk.Length);
                return [.. chunk.AsSpan(0, at), .. chunk.AsSpan(Math.Min(chunk.Length, at + chance.Next(20)))];
            default:
                return chunk;
        }
    }

    /// <summary>
    /// The answer's chunks: texts cut anywhere between two UTF-16 units, calls at the same time, one after the other in
    /// order of appearance.
    /// </summary>
    private static IEnumerable<string> Stream(Spoken spoken)
    {
        var chance = new Random(spoken.Chance);
        foreach (var piece in Cut(spoken.Thought, chance))
        {
            yield return Chunk.Reasoning(piece);
        }

        foreach (var piece in Cut(spoken.Said, chance))
        {
            yield return Chunk.Text(piece);
        }

        var rest = new List<(int Index, Queue<string> Pieces)>();
        for (var i = 0; i < spoken.Calls.Length; i++)
        {
            yield return Chunk.Call(i, $"call_{i}", spoken.Calls[i].IsCustom ? "n__c" : "f");
            rest.Add((i, new Queue<string>(Cut(spoken.Calls[i].Arguments, chance))));
        }

        while (rest.Count > 0)
        {
            var (index, pieces) = rest[chance.Next(rest.Count)];
            yield return Chunk.Arguments(index, pieces.Dequeue());
            rest.RemoveAll(call => call.Pieces.Count == 0);
        }

        yield return Chunk.Calls;
    }

    private static IEnumerable<string> Cut(string text, Random chance)
    {
        while (text.Length > 0)
        {
            var length = Math.Min(text.Length, chance.Next(1, 9));
            yield return string.Concat(text[..length].Select(c => chance.Next(3) == 0 || char.IsSurrogate(c)
                ? $"\\u{(int)c:x4}"
                : Chunk.Spell(c.ToString())));
            text = text[length..];
        }
    }

    private sealed record Spoken(string Thought, string Said, Call[] Calls, int Chance);

    private sealed record Call(bool IsCustom, string Text)
    {
        public string Arguments => IsCustom
            ? JsonSerializer.Serialize(new { input = Text }, ChatDriver.Compact)
            : new JsonObject { ["a"] = Text, [Text] = new JsonArray(1, new JsonObject()) }.ToJsonString();
    }
}
