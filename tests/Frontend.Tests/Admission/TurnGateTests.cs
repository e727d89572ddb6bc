using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Admission;
using Evergrain.Suites.Hosts;

namespace Evergrain.Frontend.Tests.Admission;

/// <summary>Who runs, who waits, and who is told to come back.</summary>
public sealed class TurnGateTests
{
    private static readonly TimeSpan QueueTimeout = TimeSpan.FromSeconds(30);
    private static readonly string TwoPlaces = AdmissionHost.Json("""{"RunningTurnsMax":2}""");

    [Fact]
    public async Task Place_Freed_GoesToTheTenantThatRunsLessHoweverLateItCame()
    {
        using var host = new AdmissionHost(TwoPlaces);
        var running = host.Place("big");
        host.Place("big");
        var big = Enumerable.Range(0, 100).Select(_ => host.EnterAsync("big")).ToArray();
        var small = host.EnterAsync("small");
        Assert.Equal(101, host.Gate.Waiting);

        running.Dispose();

        await small.WaitAsync(Waits.Patience);
        Assert.Equal(100, host.Gate.Waiting);
        Assert.DoesNotContain(big, static turn => turn.IsCompleted);
    }

    [Fact]
    public async Task Place_Freed_GoesInOrderWithinATenant()
    {
        using var host = new AdmissionHost(AdmissionHost.Json("""{"RunningTurnsMax":1}"""));
        var place = host.Place("a");
        var waiting = Enumerable.Range(0, 20).Select(_ => host.EnterAsync("a")).ToArray();
        foreach (var turn in waiting)
        {
            place.Dispose();
            place = await turn.WaitAsync(Waits.Patience);
        }

        Assert.Equal(0, host.Gate.Waiting);
    }

    [Theory]
    [InlineData(1, 1, 6, 6)]
    [InlineData(3, 1, 9, 3)]
    [InlineData(1000, 1, 12, 0)]
    public async Task Places_Short_AreSharedByWeight(int weightA, int weightB, int runsA, int runsB)
    {
        using var host = new AdmissionHost(AdmissionHost.Json("""{"RunningTurnsMax":12}""",
            $$$"""{"a":{"Weight":{{{weightA}}}},"b":{"Weight":{{{weightB}}}}}"""));
        var places = new Queue<TurnPlace>(Enumerable.Range(0, 12).Select(_ => host.Place("other")));
        var a = Enumerable.Range(0, 20).Select(_ => host.EnterAsync("a")).ToArray();
        var b = Enumerable.Range(0, 20).Select(_ => host.EnterAsync("b")).ToArray();
        while (places.TryDequeue(out var place))
        {
            place.Dispose();
        }

        await Task.WhenAll([.. a[..runsA], .. b[..runsB]]).WaitAsync(Waits.Patience);
        Assert.Equal(40 - 12, host.Gate.Waiting);
    }

    [Fact]
    public async Task Model_Full_HoldsBackItsOwnTurnsOnly()
    {
        using var host = new AdmissionHost("{}", new NamedModel("x", 1), new NamedModel("y", 1));
        var place = host.Place("a", "x");
        var waiting = host.EnterAsync("a", "x");

        host.Place("a", "y");
        host.Place("b", "not served");
        host.Place("b");

        Assert.False(waiting.IsCompleted);
        place.Dispose();
        await waiting.WaitAsync(Waits.Patience);
    }

    [Fact]
    public async Task Model_Busy_DoesNotCountAgainstATenantInLineForAnother()
    {
        using var host = new AdmissionHost("{}", new NamedModel("wide", 1000), new NamedModel("narrow", 2));
        Array.ForEach(new int[40], _ => host.Place("a", "wide"));
        var place = host.Place("b", "narrow");
        host.Place("b", "narrow");
        var b = host.EnterAsync("b", "narrow");
        var a = host.EnterAsync("a", "narrow");

        place.Dispose();

        await a.WaitAsync(Waits.Patience);
        Assert.False(b.IsCompleted);
    }

    [Fact]
    public async Task Models_OfOneTenant_AreServedInTheOrderOfArrival()
    {
        using var host = new AdmissionHost(AdmissionHost.Json("""{"RunningTurnsMax":1}"""),
            new NamedModel("x", int.MaxValue), new NamedModel("y", int.MaxValue));
        var place = host.Place("a");
        var waiting = ((string[])["y", "x", "x", "y", "x"]).Select(model => host.EnterAsync("a", model)).ToArray();
        foreach (var turn in waiting)
        {
            place.Dispose();
            place = await turn.WaitAsync(Waits.Patience);
        }
    }

    [Fact]
    public async Task Wait_TooLong_IsRefusedByWhatWasFull()
    {
        using var host = new AdmissionHost(
            AdmissionHost.Json("""{"RunningTurnsMax":4}""", """{"own":{"RunningTurnsMax":1}}"""),
            new NamedModel("x", 1));
        host.Place("own");
        host.Place("other", "x");
        var own = host.EnterAsync("own");
        var model = host.EnterAsync("other", "x");
        host.Time.Advance(QueueTimeout - TimeSpan.FromTicks(1));
        Assert.False(own.IsCompleted || model.IsCompleted);

        host.Time.Advance(TimeSpan.FromTicks(1));

        var refusal = await own.RefusalAsync();
        Assert.Equal((RefusalKind.TooManyRequests, QueueTimeout), (refusal.Kind, refusal.RetryAfter));
        Assert.Contains("1 turns", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(RefusalKind.Overloaded, (await model.RefusalAsync()).Kind);
        host.Place("other");
        host.Place("other");
        var all = host.EnterAsync("another");
        host.Time.Advance(QueueTimeout);
        refusal = await all.RefusalAsync();
        Assert.Equal(RefusalKind.Overloaded, refusal.Kind);
        Assert.Contains("4 turns", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, host.Gate.Waiting);
    }

    [Fact]
    public async Task Line_TooLong_IsRefusedAtOnce()
    {
        using var host = new AdmissionHost(AdmissionHost.Json("""{"RunningTurnsMax":1,"WaitingTurnsMax":3}"""));
        host.Place("a");
        host.EnterAsync("a").IgnoreRefusal();
        host.EnterAsync("a").IgnoreRefusal();

        Assert.Equal(RefusalKind.TooManyRequests, (await host.EnterAsync("a").RefusalAsync()).Kind);
        host.EnterAsync("b").IgnoreRefusal();
        Assert.Equal(RefusalKind.Overloaded, (await host.EnterAsync("b").RefusalAsync()).Kind);
        Assert.Equal(3, host.Gate.Waiting);
    }

    [Fact]
    public async Task RetryAfter_OfALine_IsItsLengthAtItsLatePace()
    {
        using var host = new AdmissionHost(AdmissionHost.Json(
            """{"RunningTurnsMax":1,"WaitingTurnsMax":10}""", """{"a":{"WaitingTurnsMax":8}}"""));

        // One turn a second over ten seconds; then eight wait.
        for (var i = 0; i < 10; i++)
        {
            host.Place("a").Dispose();
            host.Time.Advance(TimeSpan.FromSeconds(1));
        }

        host.Place("a");
        Array.ForEach(new int[8], _ => host.EnterAsync("a").IgnoreRefusal());

        var retryAfter = (await host.EnterAsync("a").RefusalAsync()).RetryAfter!.Value;
        Assert.InRange(retryAfter.TotalSeconds, 6, 10);
        host.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(QueueTimeout, (await host.EnterAsync("a").RefusalAsync()).RetryAfter);
    }

    [Fact]
    public async Task Wait_Cancelled_LeavesTheLineAtOnce()
    {
        using var host = new AdmissionHost(AdmissionHost.Json("""{"RunningTurnsMax":1}"""));
        using var cancel = new CancellationTokenSource();
        var place = host.Place("a");
        var cancelled = host.EnterAsync("a", cancellationToken: cancel.Token);
        var next = host.EnterAsync("a");

        await cancel.CancelAsync();

        Assert.Equal(1, host.Gate.Waiting);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.WaitAsync(Waits.Patience));
        place.Dispose();
        await next.WaitAsync(Waits.Patience);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            host.EnterAsync("a", cancellationToken: cancel.Token));
        Assert.Equal(0, host.Gate.Waiting);
    }

    [Fact]
    public void Place_DisposedAgain_IsGivenBackOnce()
    {
        using var host = new AdmissionHost(TwoPlaces);
        var place = host.Place("a");
        host.Place("a");
        place.Dispose();
        place.Dispose();
        host.Place("a");

        Assert.False(host.EnterAsync("a").IsCompleted);
    }

    [Fact]
    public async Task Bounds_Shrunk_CutNothingAndGiveNothing()
    {
        using var host = new AdmissionHost(AdmissionHost.Json("""{"RunningTurnsMax":3}"""));
        var places = Enumerable.Range(0, 3).Select(_ => host.Place("a")).ToArray();
        var waiting = host.EnterAsync("a");
        host.Rewrite(AdmissionHost.Json("{}", """{"a":{"RunningTurnsMax":1}}"""));

        places[0].Dispose();
        places[1].Dispose();
        Assert.False(waiting.IsCompleted);
        places[2].Dispose();
        await waiting.WaitAsync(Waits.Patience);
    }

    [Fact]
    public async Task Bounds_Raised_LetInWhoWaits()
    {
        using var host = new AdmissionHost(AdmissionHost.Json("""{"RunningTurnsMax":1}"""));
        host.Place("a");
        var waiting = new[] { host.EnterAsync("a"), host.EnterAsync("a") };

        host.Rewrite(AdmissionHost.Json("""{"RunningTurnsMax":3}"""));

        await Task.WhenAll(waiting).WaitAsync(Waits.Patience);
    }

    [Fact]
    public async Task Model_ThatTakesMoreCallsMeanwhile_LetsInAtTheLatestInTime()
    {
        var model = new NamedModel("x", 1);
        using var host = new AdmissionHost("{}", model);
        host.Place("a", "x");
        var waiting = host.EnterAsync("a", "x");

        model.CallsMax = 2;
        host.Time.Advance(QueueTimeout);

        await waiting.WaitAsync(Waits.Patience);
    }
}

internal static class Unawaited
{
    /// <summary>A turn that the test leaves in line.</summary>
    public static void IgnoreRefusal(this Task<TurnPlace> turn) => Assert.False(turn.IsCompleted);
}
