using System.Text.Json.Nodes;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Demo;

/// <summary>Which step is next: turn after turn, on a full resend, in a fork, after a cut or a compaction.</summary>
public sealed class ScriptPlaceTests
{
    private const string Loop =
        """[{"shell":"a"},{"parallel":[{"shell":"b"},{"shell":"c"}]},""" +
        """{"think":"t","then":{"shell":"d"}},{"say":"end"}]""";

    [Fact]
    public async Task State_ItemsThatChangeNothing_IsShared()
    {
        var driver = DemoDriver.WithScript(Loop);
        await driver.AskAsync();
        var state = driver.State;
        driver.Add("""{"type":"function_call_output","call_id":"call_1_0","output":"x"}""");
        driver.Add("""{"type":"reasoning","summary":[]}""");
        driver.User("plain");
        Assert.Same(state, driver.State);
    }

    [Fact]
    public async Task Resend_WithOutputsBetweenTheCalls_CountsOneStep()
    {
        var driver = DemoDriver.WithScript(Loop);
        await driver.TurnAsync();
        var calls = (await driver.AskAsync()).Calls.ToList();
        var resent = DemoDriver.Resend(driver.Items.Take(3).Select(Json)
            .Concat(calls.SelectMany(call => new[] { call.ToJsonString(), DemoDriver.OutputOf(call) })));
        Assert.Equal("""{"cmd":"d"}""", (string?)(await resent.AskAsync()).Calls.Single()["arguments"]);
    }

    [Fact]
    public async Task Cut_BeforeAnyCall_PlaysTheStepAgain()
    {
        var driver = DemoDriver.WithScript("""[{"think":"t","then":{"shell":"a"}},{"say":"end"}]""");
        driver.Add("""{"type":"reasoning","summary":[{"type":"summary_text","text":"t"}]}""");
        driver.User("again");
        Assert.Equal("reasoning function_call", (await driver.TurnAsync()).Types);
        Assert.Equal("end", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task Cut_InAParallelStepThatWasAnswered_GoesOnWithTheNextStep()
    {
        var driver = DemoDriver.WithScript(
            """[{"parallel":[{"shell":"a"},{"shell":"b"}]},{"shell":"c"},{"say":"end"}]""");
        var first = (await driver.Fork().AskAsync()).Items[0];
        driver.Add(first.ToJsonString());
        driver.Output(first);
        Assert.Equal("""{"cmd":"c"}""", (string?)(await driver.TurnAsync()).Single["arguments"]);
        Assert.Equal("end", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task Cut_InAParallelStepWithNothingAfter_PlaysTheRest()
    {
        var driver = DemoDriver.WithScript(
            """[{"parallel":[{"say":"a"},{"think":"t","then":{"say":"b"}}]},{"say":"end"}]""");
        driver.Add((await driver.Fork().AskAsync()).Items[0].ToJsonString());
        var rest = await driver.AskAsync();
        Assert.Equal("b", Answer.TextOf(rest.Items[1]));
        Assert.Equal("end", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task Parallel_EndsInFail_LeavesTheCallToAnswer()
    {
        var driver = DemoDriver.WithScript("""[{"parallel":[{"shell":"a"},{"fail":"server_error"}]},{"say":"end"}]""");
        var answer = await driver.TurnAsync();
        Assert.Equal(ModelEventKind.Failed, answer.End.Kind);
        Assert.Single(answer.Calls);
        Assert.Equal("end", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task Fork_OfOneParent_GoesOnFromThere()
    {
        var driver = DemoDriver.WithScript("""[{"say":"1"},{"say":"2"},{"say":"3"}]""");
        await driver.AskAsync();
        var fork = driver.Fork();
        Assert.Equal("2", (await driver.AskAsync()).Text);
        Assert.Equal("3", (await driver.AskAsync()).Text);
        Assert.Equal("2", (await fork.AskAsync()).Text);
        fork.User("@@script [{\"say\":\"new\"}]");
        Assert.Equal("new", (await fork.AskAsync()).Text);
        Assert.Equal("script finished", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task SecondUserTurn_WithoutScript_GoesOn()
    {
        var driver = DemoDriver.WithScript("""[{"say":"1"},{"say":"2"}]""");
        await driver.AskAsync();
        driver.User("and now?");
        Assert.Equal("2", (await driver.AskAsync()).Text);
    }

    [Fact]
    public async Task CallIds_WhenAResendDropsItems_DoNotRepeat()
    {
        var script = "[" + string.Join(',', Enumerable.Repeat("""{"think":"t","then":{"shell":"a"}}""", 12)) + "]";
        var driver = DemoDriver.WithScript(script);
        for (var turn = 0; turn < 10; turn++)
        {
            // The third call was made behind 7 items; without the reasoning so many are left behind its output.
            await driver.TurnAsync();
            driver = turn == 2
                ? DemoDriver.Resend(driver.Items.Where(item => item.Type != "reasoning").Select(Json))
                : driver;
        }

        var ids = driver.Items.Where(item => item.Type == "function_call")
            .Select(item => (string)JsonNode.Parse(item.Json.Span)!["call_id"]!).ToList();
        Assert.Equal(10, ids.Count);
        Assert.Equal(10, ids.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task CallIds_AfterAClientsOwn_Differ()
    {
        var driver = new DemoDriver();
        driver.Add("""{"type":"function_call","name":"f","call_id":"call_1699999999_0","arguments":"{}"}""");
        driver.Add("""{"type":"function_call_output","call_id":"call_1699999999_0","output":""}""");
        driver.User("@@script " + Loop);
        Assert.Equal("call_1700000000_0", (string?)(await driver.TurnAsync()).Single["call_id"]);
        Assert.Equal("call_1700000001_0", (string?)(await driver.TurnAsync()).Items[0]["call_id"]);
    }

    [Fact]
    public async Task Compaction_ByTrigger_GoesOnInANewChain()
    {
        var driver = DemoDriver.WithScript(Loop);
        await driver.TurnAsync();
        await driver.TurnAsync();
        driver.Add("""{"type":"compaction_trigger"}""");
        var answer = await driver.AskAsync();
        Assert.Equal("compaction", (string?)answer.Single["type"]);
        Assert.Single(answer.Deltas);
        Assert.EndsWith("\n@@progress 2", (string?)answer.Single["encrypted_content"], StringComparison.Ordinal);

        var compacted = DemoDriver.Resend([Json(driver.Items[0]), answer.Single.ToJsonString()]);
        foreach (var next in new[] { compacted, driver })
        {
            Assert.Equal("""{"cmd":"d"}""", (string?)(await next.TurnAsync()).Calls.Single()["arguments"]);
            next.Add("""{"type":"compaction_trigger"}""");
            var again = (string)(await next.AskAsync()).Single["encrypted_content"]!;
            Assert.EndsWith("\n@@progress 3", again, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Compaction_ByMessage_GoesOnInANewChain()
    {
        var driver = DemoDriver.WithScript(Loop);
        await driver.TurnAsync();
        var fork = driver.Fork();
        fork.OfferedTools = "[]";
        fork.User("You are performing a CONTEXT CHECKPOINT COMPACTION. Write a summary.");
        var summary = (await fork.AskAsync()).Text;
        Assert.EndsWith("\n@@progress 1", summary, StringComparison.Ordinal);

        var compacted = DemoDriver.Resend([Json(driver.Items[0])]);
        compacted.User("A model produced this summary:\n" + summary);
        Assert.Equal(2, (await compacted.TurnAsync()).Calls.Count());
        Assert.Single((await compacted.TurnAsync()).Calls);
        Assert.Equal("end", (await compacted.AskAsync()).Text);

        fork.OfferedTools = DemoDriver.Tools;
        Assert.Equal(2, (await fork.TurnAsync()).Calls.Count());
    }

    [Fact]
    public async Task Progress_BeforeANewScript_IsForgotten()
    {
        var driver = DemoDriver.WithScript(Loop);
        driver.User("@@progress 3");
        Assert.Equal("end", (await driver.AskAsync()).Text);
        driver.User("@@script " + Loop);
        Assert.Single((await driver.AskAsync()).Calls);
    }

    [Theory]
    [InlineData("@@progress")]
    [InlineData("@@progress -1")]
    [InlineData("@@progress 1 of 2")]
    [InlineData("@@progress 99999999999")]
    public async Task Progress_Malformed_IsText(string line)
    {
        var driver = DemoDriver.WithScript("""[{"say":"a"},{"say":"b"}]""");
        driver.User(line);
        Assert.Equal("a", (await driver.AskAsync()).Text);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Resend_OfRandomScripts_PlaysTheSameNextStep(int seed)
    {
        var random = new Random(seed);
        for (var run = 0; run < 40; run++)
        {
            var script = RandomScript(random);
            var driver = DemoDriver.WithScript(script);
            for (var turn = 0; turn < 8; turn++)
            {
                var plain = await DemoDriver.Resend(driver.Items.Select(Json)).AskAsync();
                var odd = await DemoDriver.Resend(Rearranged(driver.Items.Select(Json), random)).AskAsync();
                var next = await driver.TurnAsync();
                Assert.True(Content(next, ids: true) == Content(plain, ids: true), $"seed {seed}: {script}");
                Assert.True(Content(next, ids: false) == Content(odd, ids: false), $"seed {seed}: {script}");
            }
        }
    }

    private static string RandomScript(Random random)
    {
        return "[" + string.Join(',', Enumerable.Range(0, random.Next(1, 7)).Select(_ => Step(2))) + "]";

        string Step(int depth) => random.Next(depth > 0 ? 7 : 4) switch
        {
            0 => $$"""{"say":"{{random.Next()}}"}""",
            1 => $$"""{"shell":"{{random.Next()}}"}""",
            2 => $$"""{"bytes":{{random.Next(50)}}}""",
            3 => $$"""{"custom":"c","input":"{{random.Next()}}"}""",
            4 => $$"""{"think":"{{random.Next()}}","then":{{Step(depth - 1)}}}""",
            _ => $$"""{"parallel":[{{Step(depth - 1)}},{{Step(0)}},{{Step(0)}}]}""",
        };
    }

    /// <summary>As a client may resend: without ids and reasoning, each output right behind its call.</summary>
    private static IEnumerable<string> Rearranged(IEnumerable<string> items, Random random)
    {
        var nodes = items.Select(item => JsonNode.Parse(item)!.AsObject()).ToList();
        var mixed = random.Next(2) == 0 && !nodes.Exists(node => (string?)node["role"] == "assistant");
        foreach (var node in nodes)
        {
            node.Remove("id");
            var type = (string?)node["type"] ?? "message";
            var isOutput = type.EndsWith("_output", StringComparison.Ordinal);
            if (type == "reasoning" || (mixed && isOutput))
            {
                continue;
            }

            yield return node.ToJsonString();
            if (mixed && node["call_id"] is { } id)
            {
                yield return nodes.Last(n => (string?)n["call_id"] == (string?)id).ToJsonString();
            }
        }
    }

    private static string Content(Answer answer, bool ids) => string.Join('\n', answer.Items.Select(item =>
    {
        var copy = item.DeepClone().AsObject();
        copy.Remove("id");
        if (!ids)
        {
            copy.Remove("call_id");
        }

        return copy.ToJsonString();
    }));

    private static string Json(Conversations.Context.Item item) => System.Text.Encoding.UTF8.GetString(item.Json.Span);
}
