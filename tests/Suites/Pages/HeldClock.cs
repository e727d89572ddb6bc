namespace Evergrain.Suites.Pages;

/// <summary>
/// The clock of a demo model that waits until its test lets it go on. A page may take long to show a turn that runs.
/// </summary>
public sealed class HeldClock : TimeProvider
{
    private readonly TaskCompletionSource _let = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>From now on it is the system's clock. Waits that have begun begin now.</summary>
    public void Let() => _let.TrySetResult();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _ = StartAsync();
        return timer;

        async Task StartAsync()
        {
            await _let.Task;
            timer.Change(dueTime, period);
        }
    }
}
