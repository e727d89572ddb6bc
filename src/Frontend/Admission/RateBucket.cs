namespace Evergrain.Frontend.Admission;

/// <summary>
/// How much of a bound per minute is used: what was taken, less what a minute gives back bit by bit. It may owe more
/// than the bound, since how many tokens a turn takes is known at its end. Its owner's lock guards it.
/// </summary>
internal sealed class RateBucket(TimeProvider time)
{
    private const double MinuteMilliseconds = 60_000;

    // What floating-point sums are off by, at most.
    private const double Slack = 1e-6;

    private double _taken;
    private long _at = time.GetTimestamp();

    /// <summary>What is left of the bound now; negative: it is owed.</summary>
    public double Left(long max)
    {
        var now = time.GetTimestamp();
        _taken = Math.Max(0, _taken - (time.GetElapsedTime(_at, now).TotalMinutes * max));
        _at = now;
        return max - _taken;
    }

    /// <summary>Whether so much is left.</summary>
    public bool Has(double amount, long max) => Left(max) >= amount - Slack;

    public void Take(double amount) => _taken += amount;

    /// <summary>How long it takes until so much is left, in whole milliseconds.</summary>
    public TimeSpan TimeUntil(double left, long max) => TimeSpan.FromMilliseconds(
        Math.Ceiling(Math.Max(0, ((left - Left(max)) / max * MinuteMilliseconds) - Slack)));
}
