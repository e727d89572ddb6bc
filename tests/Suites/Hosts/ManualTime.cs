using Microsoft.Extensions.Time.Testing;

namespace Evergrain.Suites.Hosts;

/// <summary>
/// A clock that a test moves, which also says when a timer is set: a test that waits for that needs no sleep.
/// </summary>
public sealed class ManualTime() : FakeTimeProvider(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero))
{
    private readonly Lock _gate = new();
    private readonly List<(TimeSpan Due, TaskCompletionSource Armed)> _awaited = [];

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ToldTimer(this, base.CreateTimer(callback, state, dueTime, period));
        Tell(dueTime);
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

    private void Tell(TimeSpan dueTime)
    {
        lock (_gate)
        {
            _awaited.Where(awaited => awaited.Due == dueTime).ToList().ForEach(static awaited =>
                awaited.Armed.TrySetResult());
        }
    }

    private sealed class ToldTimer(ManualTime time, ITimer timer) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var isChanged = timer.Change(dueTime, period);
            time.Tell(dueTime);
            return isChanged;
        }

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
