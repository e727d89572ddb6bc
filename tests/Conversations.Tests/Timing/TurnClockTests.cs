using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Tests.Turns;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Timing;

public sealed class TurnClockTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private readonly StepTime _time = new();
    private readonly ConversationDriver _driver = new();

    [Fact]
    public void Journal_SlowerThanTheFirstToken_IsPersistFromThere()
    {
        var id = Start(out _);
        _time.Pass(Second);
        _driver.Model(id, ConversationDriver.Message("hello"));
        _time.Pass(2 * Second);
        _driver.AppendAll();
        _time.Pass(4 * Second);
        _driver.Model(id, new ModelEvent(ModelEventKind.Completed));
        _time.Pass(8 * Second);
        _driver.AppendAll();

        var timing = TimingOf(id);
        Assert.Equal((Second, 4 * Second, 10 * Second), (timing.ModelWait, timing.ModelStream, timing.Persist));
        Assert.Equal((Second, 2 * Second), (timing.HiddenPersist, timing.HiddenModelStream));
        Assert.Equal(15 * Second, timing.Total);
        Assert.Equal(10 * Second, timing.WithoutModel);
    }

    [Fact]
    public void Call_HeldBackUntilItIsStored_IsPersistWhileTheModelGoesOn()
    {
        var id = Start(out _);
        _driver.AppendAll();
        _driver.Model(id, ConversationDriver.Call("c1"));
        _time.Pass(Second);
        _driver.AppendAll();
        _time.Pass(2 * Second);
        _driver.Model(id, new ModelEvent(ModelEventKind.Completed));
        _driver.AppendAll();

        var timing = TimingOf(id);
        Assert.Equal((Second, 2 * Second, Second),
            (timing.Persist, timing.ModelStream, timing.HiddenModelStream));
    }

    [Fact]
    public void Tools_OfAFork_AreTimedOnce()
    {
        var asked = Start(out _);
        _driver.AppendAll();
        _driver.Model(asked, [.. ConversationDriver.Call("c1"), new ModelEvent(ModelEventKind.Completed)]);
        _driver.AppendAll();
        _time.Pass(5 * Second);

        var answered = Start(out var clock, Reply(asked), waited: 2 * Second);
        var forked = Start(out var fork, Reply(asked));

        Assert.Equal([new ToolWait("f", "c1", 3 * Second)], clock.Report().Tools);
        Assert.Empty(fork.Report().Tools);
        Assert.NotEqual(answered, forked);
    }

    [Fact]
    public void Turn_Unstored_WaitsForNoJournal()
    {
        var id = Start(out _, ConversationDriver.Json("hello", store: false));
        _time.Pass(Second);
        _driver.Model(id, [.. ConversationDriver.Message("hi"), new ModelEvent(ModelEventKind.Completed)]);

        var timing = TimingOf(id);
        Assert.Equal((Second, Second), (timing.ModelWait, timing.Total));
        Assert.Equal((1, 1, "m", "completed"),
            (timing.ItemsHeld, timing.ItemsNew, timing.Model, timing.Outcome));
    }

    [Fact]
    public void Turn_BeingRead_HasItsTimeSoFarInTheFirstBatch()
    {
        var id = Start(out _);
        _driver.AppendAll();
        _time.Pass(Second);

        var first = _driver.Conversation.Read(id.Turn, default, 0);
        var none = _driver.Conversation.Read(id.Turn, default, 1);

        Assert.Equal(Second, first.Timing?.ModelWait);
        Assert.Null(none.Timing);
    }

    private static string Reply(ResponseId asked) => $$"""
        {"type":"response.create","model":"m","previous_response_id":"{{asked}}",
         "input":[{"type":"function_call_output","call_id":"c1","output":"done"}]}
        """;

    private ResponseId Start(out TurnClock clock, string? json = null, TimeSpan waited = default)
    {
        clock = _driver.Clock = new TurnClock(_time, waited, default);
        return _driver.Create(json ?? ConversationDriver.Json("hello"));
    }

    private TurnTiming TimingOf(ResponseId id)
    {
        var step = _driver.Conversation.Read(id.Turn, ConversationDriver.Lease, 0);
        Assert.True(step.IsLast);
        return step.Timing!;
    }

    /// <summary>A clock that stands still until the test moves it.</summary>
    private sealed class StepTime : TimeProvider
    {
        private long _now = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Pass(TimeSpan time) => _now += time.Ticks;
    }
}
