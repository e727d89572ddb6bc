using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>
/// Random lives of a conversation: the context that grew turn by turn equals the one rebuilt from the journal and the
/// one a plain list of items gives, byte for byte and digest for digest.
/// </summary>
public sealed class RebuildProperty
{
    private static readonly string[] Texts =
    [
        "", "plain", "quo\"te \\ slash / \b\f\n\r\t", "\u0000\u001f", "é ü ß", "日本語", "👩‍👩‍👧‍👦 😀", "\u2028\u2029",
        "\ufeff bom", "e\u0301", "\U0010FFFF", "  spaces  ", "ﷺ",
    ];

    private static readonly string[] OddItems =
    [
        """{ "role" : "user" , "content" : [ ] }""",
        """{"type":"message","role":"developer","content":[{"type":"input_text","text":"\u0041\ud83d"}],"id":"x"}""",
        """{"content":"\ud800 lone","role":"user"}""",
        """{"type":"acme:thing","deep":[[[{"n":1e400,"m":-0.0,"o":1E+2,"p":0.1e-6}]]],"id":null}""",
        """{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"abc=="}""",
        """{"role":"assistant","content":"said","phase":"final_answer"}""",
        """{"type":"additional_tools","role":"developer","tools":[{"type":"custom","name":"exec"}]}""",
        "{\n\t\"role\": \"system\",\r\n \"content\": \"white\\u0020space\"\n}",
    ];

    [Fact]
    public void Context_RandomLife_EqualsRebuildAndPlainList()
    {
        var seeds = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is null ? 150 : 3000;
        for (var seed = 1; seed <= seeds; seed++)
        {
            var life = new Life(seed);
            for (var step = 0; step < 25; step++)
            {
                life.Step();
            }

            life.Check();
        }
    }

    private sealed class Life
    {
        private readonly Random _random;
        private readonly int _seed;
        private readonly ConversationDriver _driver = new();
        private readonly List<(ResponseId? Id, List<string> Items, List<string> OpenCalls)> _turns = [(null, [], [])];
        private int _calls;

        public Life(int seed) => (_random, _seed) = (new Random(seed), seed);

        public void Step()
        {
            var parent = _turns[_random.Next(3) == 0 ? _random.Next(_turns.Count) : _turns.Count - 1];
            var input = parent.OpenCalls.ConvertAll(callId => Output(callId));
            for (var count = _random.Next(4); count > 0; count--)
            {
                input.Add(NewItem());
            }

            var previous = parent.Id is null ? string.Empty : $"\"previous_response_id\":\"{parent.Id}\",";
            var warmUp = _random.Next(6) == 0;
            var id = _driver.Create($$"""
                {"model":"m",{{previous}}"generate":{{(warmUp ? "false" : "true")}},
                 "input":[{{string.Join(',', input)}}],
                 "instructions":{{JsonSerializer.Serialize(Pick(Texts))}}}
                """);
            if (!warmUp)
            {
                Answer(id);
            }

            _driver.AppendAll();
            Keep(id, [.. parent.Items, .. input]);
            if (_random.Next(10) == 0)
            {
                _driver.Restart();
            }
        }

        public void Check()
        {
            var rebuilt = new ConversationDriver { Requests = new SeededIdSource(2) };
            rebuilt.Journal.AddRange(_driver.Journal);
            rebuilt.Restart();
            foreach (var (id, items, openCalls) in _turns)
            {
                if (id is null)
                {
                    continue;
                }

                var digest = items.Aggregate(ItemDigest.Root, (last, item) => ItemDigest.Chain(last, Utf8(item)));
                var expected = string.Concat(items.Select((item, i) => $"scripted {i + 1}: {item}\n"));
                Equal(digest.ToString(), DigestOf(_driver, id.Value));
                Equal(digest.ToString(), DigestOf(rebuilt, id.Value));
                Equal(expected, Context(_driver, id.Value, openCalls));
                Equal(expected, Context(rebuilt, id.Value, openCalls));
            }
        }

        private static string? DigestOf(ConversationDriver driver, ResponseId id) =>
            driver.Get(id).GetProperty("evergrain").GetProperty("digest").GetString();

        private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

        private static string Output(string callId) =>
            $$"""{"type":"function_call_output","call_id":"{{callId}}","output":"done"}""";

        /// <summary>
        /// The context before the new items of an unstored turn that continues <paramref name="id"/>.
        /// </summary>
        private static string Context(ConversationDriver driver, ResponseId id, List<string> openCalls)
        {
            var next = driver.Create($$"""
                {"model":"m","store":false,"previous_response_id":"{{id}}",
                 "input":[{{string.Join(',', openCalls.ConvertAll(Output))}}]}
                """);
            var call = driver.Calls[next.Turn];
            var context = string.Concat(call.Context.Chunks().SkipLast(openCalls.Count)
                .Select(chunk => Encoding.UTF8.GetString(chunk.Span)));
            driver.Conversation.Release(ConversationDriver.Lease, driver.Now);
            driver.Take();
            return context;
        }

        private void Keep(ResponseId id, List<string> items)
        {
            var calls = new List<string>();
            foreach (var item in _driver.Get(id).GetProperty("output").EnumerateArray())
            {
                items.Add(item.GetRawText());
                if (item.TryGetProperty("call_id", out var callId))
                {
                    calls.Add(callId.GetString()!);
                }
            }

            _turns.Add((id, items, calls));
        }

        private void Answer(ResponseId id)
        {
            for (var count = _random.Next(3); count > 0; count--)
            {
                _driver.Model(id, _random.Next(2) == 0
                    ? ConversationDriver.Message(Pick(Texts))
                    : ConversationDriver.Call($"call_{_seed}_{_calls++}"));
            }

            switch (_random.Next(6))
            {
                case 0:
                    _driver.Model(id, ConversationDriver.Message("never whole")[..^2]);
                    _driver.Model(id, new ModelEvent(ModelEventKind.Incomplete) { Code = "max_output_tokens" });
                    break;
                case 1:
                    _driver.Model(id, ConversationDriver.Message("never whole")[..^2]);
                    _driver.Model(id, new ModelEvent(ModelEventKind.Failed) { Code = "server_error", Message = "x" });
                    break;
                case 2:
                    _driver.Conversation.Cancel(id.Turn, default, _driver.Now);
                    _driver.Take();
                    break;
                case 3:
                    _driver.AppendAll();
                    _driver.Restart();
                    break;
                default:
                    _driver.Model(id, new ModelEvent(ModelEventKind.Completed));
                    break;
            }
        }

        private string NewItem() => _random.Next(2) == 0
            ? Pick(OddItems)
            : $$"""{"role":"user","content":{{JsonSerializer.Serialize(Pick(Texts) + Pick(Texts))}}}""";

        private string Pick(string[] from) => from[_random.Next(from.Length)];

        private void Equal(string? expected, string? actual) =>
            Assert.True(expected == actual, $"seed {_seed}:\nexpected {expected}\nactual   {actual}");
    }
}
