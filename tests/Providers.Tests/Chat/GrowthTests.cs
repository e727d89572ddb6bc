using System.Diagnostics;
using Evergrain.Providers.Dialects;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>
/// What clients and servers choose the size of costs no more than in proportion to it. Bounds are less than half of
/// what the square took.
/// </summary>
public sealed class GrowthTests
{
    private const int Many = 20_000;
    private const long BytesMax = 512L << 20;
    private static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Calls_ThatMoveWhileOpen_CostTheirNumber(bool isParallel)
    {
        var dialect = KnownDialects.Plain with { ParallelCalls = isParallel };
        var driver = new ChatDriver(dialect) { Moves = true };
        Bounded(() =>
        {
            for (var i = 0; i < Many; i++)
            {
                driver.Add($$"""{"type":"function_call","call_id":"c{{i}}","name":"f","arguments":"{}"}""");
            }

            for (var i = Many - 1; i >= 0; i--)
            {
                driver.Add($$"""{"type":"function_call_output","call_id":"c{{i}}","output":"o"}""");
            }
        });
        var messages = driver.Request()["messages"]!.AsArray();
        Assert.Equal(Many, messages.Count(static message => (string)message!["role"]! == "tool"));
    }

    [Fact]
    public void Users_InARowThatMove_CostTheirNumber()
    {
        var driver = new ChatDriver(KnownDialects.Plain) { Moves = true };
        Bounded(() =>
        {
            for (var i = 0; i < Many; i++)
            {
                driver.Add("""{"role":"user","content":"hi"}""");
            }
        });
        Assert.Equal((2 * Many) + (2 * (Many - 1)), ((string)driver.Request()["messages"]![0]!["content"]!).Length);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ToolSets_OfOneContext_CostTheirNumber(bool moves)
    {
        var driver = new ChatDriver(KnownDialects.Plain) { Moves = moves };
        Bounded(() =>
        {
            for (var i = 0; i < Many; i++)
            {
                driver.Add("{\"type\":\"additional_tools\",\"role\":\"developer\",\"tools\":[{\"type\":\"function\"," +
                    $"\"name\":\"f{i % (Many - 1)}\",\"description\":\"{i}\"}}]}}");
            }

            driver.Add("""{"role":"user","content":"hi"}""");
        });
        var tools = driver.Request()["tools"]!.AsArray();
        Assert.Equal(Many - 1, tools.Count);
        Assert.Equal($"{Many - 1}", (string)tools[^1]!["function"]!["description"]!);
    }

    [Fact]
    public void Schema_OfManyMembers_CostsTheirNumber()
    {
        var members = string.Join(',', Enumerable.Range(0, 5 * Many).Select(static i => $"\"m{i}\":{i}"));
        var driver = ChatDriver.Of("""{"role":"user","content":"hi"}""")
            .With("tools", "[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"n\":null," + members + "}}]");

        Bounded(() => driver.Body());

        var schema = driver.Request()["tools"]![0]!["function"]!["parameters"]!.AsObject();
        Assert.Equal((5 * Many) + 2, schema.Count);
        Assert.False(schema.ContainsKey("n"));
    }

    [Fact]
    public void Logprobs_BeforeTheirText_CostTheirNumber()
    {
        var entry = """{"token":"a","logprob":-1,"bytes":[97],"top_logprobs":[]}""";
        var piece = "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"logprobs\":{\"content\":[" +
            entry + "]}}]}";
        Answer? answer = null;

        Bounded(() => answer = ChatDriver.Of().Read(
            [.. Enumerable.Repeat(piece, Many), Chunk.Text("a"), Chunk.Text("b"), Chunk.Stop]));

        Assert.Equal(Many, answer!.Single["content"]![0]!["logprobs"]!.AsArray().Count);
    }

    [Theory]
    [InlineData("{\"index\":#}", 256, true)]
    [InlineData("{\"index\":#}", 257, false)]
    [InlineData("{\"index\":#}", Many, false)]
    [InlineData("{\"index\":1,\"m#\":#}", 31, true)]
    [InlineData("{\"index\":1,\"m#\":#}", Many, false)]
    public void ReasoningDetails_OfManyPieces_CostTheirNumber(string piece, int count, bool areKept)
    {
        var list = string.Join(',', Enumerable.Range(0, count).Select(i => piece.Replace("#", $"{i}")));
        Answer? answer = null;

        Bounded(() => answer = ChatDriver.Of().Read(
            Chunk.Of("{\"reasoning_details\":[" + list + "]}"), Chunk.Text("a"), Chunk.Stop));

        Assert.Equal(areKept, answer!.Events.Exists(static e => !e.ServerData.IsEmpty));
    }

    [Fact]
    public void ReasoningDetails_OfManyMembers_CostTheirNumber()
    {
        var members = string.Join(',', Enumerable.Range(0, Many).Select(static i => $"\"m{i}\":{i}"));
        Answer? answer = null;

        Bounded(() => answer = ChatDriver.Of().Read(
            Chunk.Of("{\"reasoning_details\":[{" + members + "}]}"), Chunk.Text("a"), Chunk.Stop));

        Assert.DoesNotContain(answer!.Events, static e => !e.ServerData.IsEmpty);
    }

    [Fact]
    public void Signature_ThatComesManyTimes_CountsOnce()
    {
        var signatures = string.Join(',', Enumerable.Range(0, Many).Select(static i => $"\"thought_signature\":{i}"));
        Answer? answer = null;

        Bounded(() => answer = ChatDriver.Of().Read(
            Chunk.Of("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}," +
                signatures + "}]}"),
            Chunk.Calls));

        var kept = answer!.Events.Single(static e => !e.ServerData.IsEmpty).ServerData;
        Assert.Equal("""{"thought_signature":0}""", System.Text.Encoding.UTF8.GetString(kept.Span));
    }

    private static void Bounded(Action work)
    {
        var (before, clock) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.StartNew());
        work();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, BytesMax);
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeMax);
    }
}
