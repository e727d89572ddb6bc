using Microsoft.Extensions.Time.Testing;

namespace Evergrain.Suites.Hosts;

/// <summary>
/// A clock that a test moves, which also says when a timer is set: a test that waits for that needs no sleep.
/// </summary>
public sealed class ManualTime() : FakeTimeProvider(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero))
{
    private readonly Lock _gate = new();
    private readonly List<(TimeSpan Due, TaskCompletionSource Armed)> _awaited = [];
    private readonly Dictionary<ToldTimer, TimeSpan> _set = [];

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ToldTimer(this, callback);
        timer.Inner = base.CreateTimer(timer.Fire, state, dueTime, period);
        Tell(timer, dueTime);
        return timer;
    }

    /// <summary>Ends when a timer is set to this time from now on.</summary>
    public Task ArmedAsync(TimeSpan dueTime)
    {
        var armed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _awaited.Add((dueTime, armed));
        }

        return armed.Task.WaitAsync(Waits.Patience);
    }

    /// <summary>How many timers that were set to this time have neither fired nor ended.</summary>
    public int CountArmed(TimeSpan dueTime)
    {
        lock (_gate)
        {
            return _set.Values.Count(due => due == dueTime);
        }
    }

    private void Tell(ToldTimer timer, TimeSpan dueTime)
    {
        lock (_gate)
        {
            _set[timer] = dueTime;
            _awaited.Where(awaited => awaited.Due == dueTime).ToList().ForEach(static awaited =>
                awaited.Armed.TrySetResult());
        }
    }

    private void Forget(ToldTimer timer)
    {
        lock (_gate)
        {
            _set.Remove(timer);
        }
    }

    private sealed class ToldTimer(ManualTime time, TimerCallback callback) : ITimer
    {
        public ITimer Inner { get; set; } = null!;

        public void Fire(object? state)
        {
            time.Forget(this);
            callback(state);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var isChanged = Inner.Change(dueTime, period);
            time.Tell(this, dueTime);
            return isChanged;
        }

        public void Dispose()
        {
            time.Forget(this);
            Inner.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            time.Forget(this);
            return Inner.DisposeAsync();
        }
    }
}
