using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// When a turn's events were being sent: the time of all sends, and the last stretches of them. Sends that follow each
/// other at once are one stretch, so a client that is behind has one.
/// </summary>
internal struct SendTimes
{
    private const int StretchesMax = 8;

    // A gap of less than this part of a second is none.
    private const int GapsPerSecond = 10_000;

    private Stretches _last;
    private int _count;
    private long _dropped;

    /// <summary>The time of all sends, in ticks of the clock.</summary>
    public long Total { get; private set; }

    /// <summary>Notes a send between two timestamps.</summary>
    public void Add(long begun, long ended, long frequency)
    {
        Total += ended - begun;
        if (_count > 0 && begun - Newest.Ended < frequency / GapsPerSecond)
        {
            Newest.Ended = ended;
            return;
        }

        _count++;
        if (_count > StretchesMax)
        {
            _dropped += Newest.Ended - Newest.Begun;
        }

        Newest = new Stretch { Begun = begun, Ended = ended };
    }

    /// <summary>The time of sends between two timestamps.</summary>
    public readonly long After(long from, long to)
    {
        var kept = Math.Min(_count, StretchesMax);
        var (sum, oldest) = (0L, to);
        for (var i = 0; i < kept; i++)
        {
            var stretch = _last[i];
            oldest = Math.Min(oldest, stretch.Begun);
            sum += Math.Max(0, Math.Min(to, stretch.Ended) - Math.Max(from, stretch.Begun));
        }

        return sum + Math.Clamp(oldest - from, 0, _dropped);
    }

    [UnscopedRef]
    private ref Stretch Newest => ref _last[(_count - 1) % StretchesMax];

    private struct Stretch
    {
        public long Begun;
        public long Ended;
    }

    [InlineArray(StretchesMax)]
    private struct Stretches
    {
        private Stretch _first;
    }
}
