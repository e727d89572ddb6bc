using Evergrain.Conversations.Ports;
using Evergrain.Providers.Demo;
using Microsoft.Extensions.Time.Testing;

namespace Evergrain.Providers.Tests.Demo;

/// <summary>How an answer is cut into deltas, and when they come.</summary>
public sealed class StreamTests
{
    [Theory]
    [InlineData("")]
    [InlineData("short")]
    [InlineData("aé漢😀")]
    [InlineData("""\"\\\/\b\f\n\r\t\u00e9""")]
    [InlineData("""\ud83d\ude00\uD83D\uDE00""")]
    [InlineData("""\ud800x\udc00\ud83d\ud83d\ude00""")]
    [InlineData("""\\ud83d\\ude00\\""")]
    [InlineData("e\u0301\u200d\u2028\ufeff\U0010ffff")]
    public async Task Say_UnusualText_IsCutBetweenCharactersOnly(string unit)
    {
        // Every offset in a piece is met: a piece has 24 characters, and the runs before differ.
        for (var shift = 0; shift < 25; shift++)
        {
            var content = new string('x', shift) + string.Concat(Enumerable.Repeat(unit, 30));
            var driver = new DemoDriver();
            driver.User("@@script [{\"say\":\"" + content + "\"}]");
            var events = await driver.StreamAsync();
            EventGrammar.Check(events);
            var deltas = new Answer(events, []).Deltas;
            Assert.Equal(content, string.Concat(deltas));
            Assert.Equal(Pairs(content), deltas.Sum(Pairs));
            Assert.All(deltas, delta => Assert.True(delta.Length <= 24 * 12));
        }
    }

    [Fact]
    public async Task Say_LongText_ComesInSeveralDeltas()
    {
        var answer = await DemoDriver.WithScript($$"""[{"say":"{{new string('a', 240)}}"}]""").AskAsync();
        Assert.Equal(10, answer.Deltas.Count);
    }

    [Fact]
    public async Task Delays_OfAStep_ComeBeforeTheFirstEventAndBetweenDeltas()
    {
        var time = new InstantTime();
        var driver = new DemoDriver(time);
        var text = new string('a', 60);
        driver.User($$"""@@script [{"say":"{{text}}","delay_ms":500,"chunk_ms":20},{"fail":"x","delay_ms":7}]""");
        Assert.Equal(3, (await driver.AskAsync()).Deltas.Count);
        Assert.Equal([500, 20, 20], time.Waits);
        await driver.AskAsync();
        Assert.Equal([500, 20, 20, 7], time.Waits);
    }

    [Fact]
    public async Task Delays_OfNestedSteps_AddUp()
    {
        var time = new InstantTime();
        var driver = new DemoDriver(time);
        driver.User(
            """@@script [{"parallel":[{"think":"t","then":{"say":"a","delay_ms":3},"delay_ms":2},""" +
            """{"say":"b"}],"delay_ms":1}]""");
        await driver.AskAsync();
        Assert.Equal([3, 3], time.Waits);
    }

    [Fact]
    public async Task Stream_WithoutDelays_NeverWaits()
    {
        var driver = DemoDriver.WithScript("""[{"think":"t","then":{"bytes":100000}}]""");
        var backend = new DemoBackend(["demo"], new FakeTimeProvider());
        await using var events = backend.StreamAsync(driver.Call(), default).GetAsyncEnumerator();
        for (var more = true; more;)
        {
            var next = events.MoveNextAsync();
            Assert.True(next.IsCompletedSuccessfully);
            more = await next;
        }
    }

    [Fact]
    public async Task Stream_CancelledInADelay_EndsPromptly()
    {
        var driver = DemoDriver.WithScript("""[{"say":"a","delay_ms":3600000}]""");
        using var cancel = new CancellationTokenSource();
        var backend = new DemoBackend(["demo"], new FakeTimeProvider());
        await using var events = backend.StreamAsync(driver.Call(), cancel.Token).GetAsyncEnumerator();
        var next = events.MoveNextAsync().AsTask();
        Assert.False(next.IsCompleted);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
    }

    [Fact]
    public async Task Stream_CancelledBetweenEvents_Ends()
    {
        var driver = DemoDriver.WithScript("""[{"say":"a"}]""");
        using var cancel = new CancellationTokenSource();
        var backend = new DemoBackend(["demo"], new FakeTimeProvider());
        await using var events = backend.StreamAsync(driver.Call(), cancel.Token).GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());
        Assert.Equal(ModelEventKind.ItemStarted, events.Current.Kind);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await events.MoveNextAsync());
    }

    private static int Pairs(string content) =>
        content.Split("\\ud83d\\ude00").Length + content.Split("\\uD83D\\uDE00").Length - 2;
}
