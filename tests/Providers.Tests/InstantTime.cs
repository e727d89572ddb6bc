using Microsoft.Extensions.Time.Testing;

namespace Evergrain.Providers.Tests;

/// <summary>A clock on which every wait ends at once; it keeps what was waited for.</summary>
internal sealed class InstantTime : FakeTimeProvider
{
    /// <summary>The waits in milliseconds, in order.</summary>
    public List<int> Waits { get; } = [];

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Waits.Add((int)dueTime.TotalMilliseconds);
        return base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
