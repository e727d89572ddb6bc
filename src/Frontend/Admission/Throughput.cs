namespace Evergrain.Frontend.Admission;

/// <summary>How much of something happened lately: over the last 5 to 10 seconds. Its owner's lock guards it.</summary>
internal sealed class Throughput(TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(5);

    // Two windows: the one that runs, and the one before it.
    private long _begun = time.GetTimestamp();
    private long _current;
    private long _before;

    public void Add(long amount)
    {
        Roll();
        _current += amount;
    }

    /// <summary>How long so much takes at this rate, from a second up to a time that stands for "not soon".</summary>
    public TimeSpan TimeFor(long amount, TimeSpan longest)
    {
        Roll();
        var seen = (Window + time.GetElapsedTime(_begun)).TotalSeconds;
        var seconds = Math.Min(amount * seen / (_current + _before), longest.TotalSeconds);

        // No amount over no rate is no number; a client that comes back at once only adds to the load.
        return TimeSpan.FromSeconds(seconds >= 1 ? seconds : 1);
    }

    private void Roll()
    {
        var elapsed = time.GetElapsedTime(_begun);
        if (elapsed >= 2 * Window)
        {
            (_begun, _before, _current) = (time.GetTimestamp(), 0, 0);
        }
        else if (elapsed >= Window)
        {
            _begun += (long)(Window.TotalSeconds * time.TimestampFrequency);
            (_before, _current) = (_current, 0);
        }
    }
}
