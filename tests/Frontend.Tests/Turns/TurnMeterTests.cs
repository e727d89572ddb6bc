using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Frontend.Turns;
using Evergrain.Suites.Hosts;

namespace Evergrain.Frontend.Tests.Turns;

public sealed class TurnMeterTests
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);
    private readonly ManualTime _time = new();

    [Fact]
    public void Sends_WhileTheModelStreams_AreHidden()
    {
        var meter = Begin();
        Send(meter, 3 * Step);
        _time.Advance(7 * Step);
        Send(meter, 2 * Step, new TurnTiming { ModelStream = 10 * Step });

        var timing = meter.Read();
        Assert.Equal((10 * Step, 2 * Step, TimeSpan.Zero), (timing.ModelStream, timing.Deliver, timing.Transport));
        Assert.Equal((3 * Step, 12 * Step), (timing.HiddenDeliver, timing.Total));
    }

    [Fact]
    public void Send_DuringWhichTheTurnEnds_IsDeliverFromThere()
    {
        var meter = Begin();
        Send(meter, 50 * Step);
        _time.Advance(Step);
        Send(meter, 2 * Step, new TurnTiming { ModelWait = 20 * Step });

        var timing = meter.Read();
        Assert.Equal((20 * Step, 32 * Step, Step), (timing.ModelWait, timing.Deliver, timing.Transport));
        Assert.Equal(20 * Step, timing.HiddenDeliver);
    }

    [Fact]
    public void Sends_OfASlowReader_AreDeliverHoweverOftenItPauses()
    {
        var meter = Begin();
        for (var i = 0; i < 100; i++)
        {
            Send(meter, Step);
        }

        _time.Advance(Step);
        for (var i = 0; i < 20; i++)
        {
            Send(meter, Step);
            _time.Advance(Step);
        }

        Send(meter, Step, new TurnTiming());

        var timing = meter.Read();
        Assert.Equal((121 * Step, 21 * Step, TimeSpan.Zero), (timing.Deliver, timing.Transport, timing.HiddenDeliver));
    }

    [Fact]
    public void Turn_ThatRanBeforeTheRequest_HasNoMoreTimeThanTheRequest()
    {
        var meter = Begin();
        _time.Advance(5 * Step);
        Send(meter, default, new TurnTiming { Context = Step, ModelWait = 20 * Step, Persist = 2 * Step });

        var timing = meter.Read();
        Assert.Equal((TimeSpan.Zero, 3 * Step, 2 * Step), (timing.Context, timing.ModelWait, timing.Persist));
        Assert.Equal(5 * Step, timing.Total);
    }

    [Fact]
    public void Queue_BeforeAndInsideTheConversation_IsOne()
    {
        var meter = new TurnMeter(_time, _time.GetTimestamp(), bytesIn: 7);
        _time.Advance(4 * Step);
        meter.Granted();
        _time.Advance(3 * Step);
        Send(meter, default, new TurnTiming { Queue = 2 * Step });

        var timing = meter.Read();
        Assert.Equal((6 * Step, Step, 7L, 5L), (timing.Queue, timing.Transport, timing.BytesIn, timing.BytesOut));
        Assert.Equal(4 * Step, meter.Waited);
    }

    private TurnMeter Begin()
    {
        var meter = new TurnMeter(_time, _time.GetTimestamp(), bytesIn: 0);
        meter.Granted();
        return meter;
    }

    private void Send(TurnMeter meter, TimeSpan takes, TurnTiming? timing = null)
    {
        var batch = new EventBatch(0, [new byte[5]], timing is not null) { Timing = timing };
        meter.Received(batch);
        var begun = _time.GetTimestamp();
        _time.Advance(takes);
        meter.Sent(batch, begun, _time.GetTimestamp());
    }
}
