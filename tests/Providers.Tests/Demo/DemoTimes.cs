namespace Evergrain.Providers.Tests.Demo;

/// <summary>Every wait ends at once; what was waited for is kept.</summary>
internal sealed class InstantTime : TimeProvider
{
    public List<int> Waits { get; } = [];

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Waits.Add((int)dueTime.TotalMilliseconds);
        ThreadPool.QueueUserWorkItem(_ => callback(state));
        return new StillTimer();
    }
}

/// <summary>Nothing that waits ever goes on.</summary>
internal sealed class StillTime : TimeProvider
{
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new StillTimer();
}

internal sealed class StillTimer : ITimer
{
    public bool Change(TimeSpan dueTime, TimeSpan period) => true;

    public void Dispose()
    {
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
