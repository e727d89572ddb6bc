using System.Collections.Concurrent;

namespace Evergrain.Providers.Tests.Checks;

/// <summary>The system's clock, save that timers set to one time fire when the test says.</summary>
internal sealed class HeldTime(TimeSpan held) : TimeProvider
{
    private readonly ConcurrentQueue<Action> _timers = new();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime != held)
        {
            return base.CreateTimer(callback, state, dueTime, period);
        }

        _timers.Enqueue(() => callback(state));
        return base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Lets the one timer that was set fire.</summary>
    public void Fire()
    {
        Assert.True(_timers.TryDequeue(out var fire), "no timer was set");
        fire();
    }
}
