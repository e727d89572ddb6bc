namespace Evergrain.Conversations.Recognition;

/// <summary>Keeps lines about one kind of failure apart: what is away fails each look-up.</summary>
/// <param name="time">The clock.</param>
internal sealed class LogPause(TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);
    private readonly Lock _gate = new();
    private long? _saidAt;

    /// <summary>Whether a line may be written now.</summary>
    public bool IsOver()
    {
        lock (_gate)
        {
            var now = time.GetTimestamp();
            if (_saidAt is { } saidAt && time.GetElapsedTime(saidAt, now) < Pause)
            {
                return false;
            }

            _saidAt = now;
            return true;
        }
    }
}
