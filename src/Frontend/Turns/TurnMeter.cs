using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// The clock of one turn in the process of its connection, from the create's last byte to the hand-over of the terminal
/// event. It adds what the process of the conversation measured.
/// </summary>
/// <remarks>
/// The two clocks are never compared. The conversation's time is taken as the first that passes behind the queue. Sends
/// after it are what the turn waited for, and what nothing explains is transport. See docs/timing.md.
/// </remarks>
/// <param name="time">The clock of this process.</param>
/// <param name="receivedAt">When the create's last byte came, as a timestamp.</param>
/// <param name="bytesIn">Bytes of the create.</param>
internal sealed class TurnMeter(TimeProvider time, long receivedAt, long bytesIn)
{
    private readonly long _receivedAt = receivedAt;
    private SendTimes _sends;
    private TurnTiming? _inside;
    private long _grantedAt = receivedAt;
    private long _bytesOut;

    /// <summary>How long the create waited for its place.</summary>
    public TimeSpan Waited => time.GetElapsedTime(_receivedAt, _grantedAt);

    /// <summary>The time since the create's last byte.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(_receivedAt);

    /// <summary>The turn has its place: its conversation is asked from now on.</summary>
    public void Granted() => _grantedAt = time.GetTimestamp();

    /// <summary>A batch came from the conversation.</summary>
    public void Received(in EventBatch batch) => _inside = batch.Timing ?? _inside;

    /// <summary>A batch was handed over, between two timestamps.</summary>
    public void Sent(in EventBatch batch, long begun, long ended)
    {
        _sends.Add(begun, ended, time.TimestampFrequency);
        for (var i = 0; i < batch.Events.Count; i++)
        {
            _bytesOut += batch.Events[i].Length;
        }
    }

    /// <summary>Where the time went until now.</summary>
    public TurnTiming Read()
    {
        var now = time.GetTimestamp();
        var waited = Waited;
        var rest = time.GetElapsedTime(_receivedAt, now) - waited;
        var inside = Fit(_inside ?? new TurnTiming(), rest);
        var unexplained = rest - inside.Total;
        var insideTicks = inside.Total.Ticks * (time.TimestampFrequency / (double)TimeSpan.TicksPerSecond);
        var sent = time.GetElapsedTime(0, _sends.After(_grantedAt + (long)insideTicks, now));
        var deliver = sent < unexplained ? sent : unexplained;
        var hidden = time.GetElapsedTime(0, _sends.Total) - deliver;
        return inside with
        {
            Queue = inside.Queue + waited,
            Deliver = deliver,
            Transport = unexplained - deliver,
            HiddenDeliver = hidden > TimeSpan.Zero ? hidden : TimeSpan.Zero,
            BytesIn = bytesIn,
            BytesOut = _bytesOut,
        };
    }

    /// <summary>
    /// What was measured inside, if it fits into the time. It does not where a request came to a turn that ran already,
    /// or to a conversation that was being opened: then the first phases were over before.
    /// </summary>
    private static TurnTiming Fit(TurnTiming inside, TimeSpan room)
    {
        var excess = inside.Total - room;
        return excess <= TimeSpan.Zero
            ? inside
            : inside with
            {
                Context = Less(inside.Context, ref excess),
                Queue = Less(inside.Queue, ref excess),
                Check = Less(inside.Check, ref excess),
                ModelWait = Less(inside.ModelWait, ref excess),
                ModelStream = Less(inside.ModelStream, ref excess),
                Persist = Less(inside.Persist, ref excess),
            };
    }

    private static TimeSpan Less(TimeSpan phase, ref TimeSpan excess)
    {
        var cut = phase < excess ? phase : excess;
        excess -= cut;
        return phase - cut;
    }
}
