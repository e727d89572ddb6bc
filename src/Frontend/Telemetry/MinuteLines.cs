namespace Evergrain.Frontend.Telemetry;

/// <summary>Decides what is said of things that come in floods: of each kind one line a minute, with a count.</summary>
/// <remarks>Kinds are a closed set, such as the members of an enum, so that they need no bound here.</remarks>
internal sealed class MinuteLines(TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<int, (long SaidAt, long Unsaid)> _kinds = [];

    /// <summary>Counts one more of a kind.</summary>
    /// <returns>How many a line is to tell of, this one included; null: no line is due.</returns>
    public long? Add(int kind, long more = 1)
    {
        lock (_lock)
        {
            var isKnown = _kinds.TryGetValue(kind, out var last);
            var unsaid = last.Unsaid + more;
            if (isKnown && time.GetElapsedTime(last.SaidAt) < Window)
            {
                _kinds[kind] = last with { Unsaid = unsaid };
                return null;
            }

            _kinds[kind] = (time.GetTimestamp(), 0);
            return unsaid;
        }
    }
}
