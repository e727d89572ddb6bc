using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// Virtual time: what is to happen, in order. Chance comes from what happens now: each happening has dice of its own,
/// drawn from those of the one that caused it, so that leaving one step out changes little of what the others do.
/// </summary>
internal sealed class Agenda : IIdSource
{
    // Far more than any run needs: a run that goes beyond it turns in circles.
    private const int HappeningsMax = 200_000;

    private readonly PriorityQueue<Happening, (long At, long Order)> _queue = new();
    private long _order;
    private long _ticks;
    private ulong _dice;
    private int _happened;
    private BrokenInvariantException? _failed;

    public Agenda(Trace trace) => Trace = trace;

    public Trace Trace { get; }

    /// <summary>Milliseconds since the run began.</summary>
    public long Now { get; private set; }

    public DateTimeOffset Time => Start + TimeSpan.FromMilliseconds(Now);

    private static DateTimeOffset Start { get; } = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    /// <summary>An invariant does not hold: the run ends when what happens now has happened.</summary>
    public void Fail(BrokenInvariantException broken) => _failed ??= broken;

    /// <summary>A moment that no other moment equals: later ones are greater.</summary>
    public long Tick() => ++_ticks;

    /// <summary>Draws from these dice from here on.</summary>
    public void Throw(ulong dice) => _dice = dice;

    // Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    public ulong Next64()
    {
        _dice += 0x9E3779B97F4A7C15;
        var z = _dice;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    public UInt128 Next128() => new(Next64(), Next64());

    public int Below(int bound) => (int)(Next64() % (ulong)bound);

    public int Between(int least, int most) => least + Below(most - least + 1);

    public bool Chance(int percent) => Below(100) < percent;

    /// <summary>Lets something happen later: in a life of a host, or, without one, whatever hosts do.</summary>
    public void In(long delay, SimulatedHost? host, Action run)
    {
        var happening = new Happening(host, host?.Life ?? 0, Next64(), run);
        _queue.Enqueue(happening, (Now + delay, ++_order));
    }

    /// <summary>What a paused host held back happens now.</summary>
    public void Release(List<Happening> held)
    {
        foreach (var happening in held)
        {
            _queue.Enqueue(happening, (Now, ++_order));
        }

        held.Clear();
    }

    public void RunUntil(long time)
    {
        while (_queue.TryPeek(out _, out var next) && next.At <= time)
        {
            Now = Math.Max(Now, next.At);
            RunNext();
        }

        Now = Math.Max(Now, time);
    }

    private void RunNext()
    {
        var happening = _queue.Dequeue();
        if (happening.Host is { } host)
        {
            if (host.Life != happening.Life)
            {
                return;
            }

            if (host.IsPaused)
            {
                host.Held.Add(happening);
                return;
            }
        }

        if (++_happened > HappeningsMax)
        {
            throw new BrokenInvariantException(Invariant.EverythingEnds, "the run turns in circles");
        }

        Trace.Mix((ulong)Now);
        Trace.Mix(happening.Dice);
        Throw(happening.Dice);
        happening.Run();
        if (_failed is { } failed)
        {
            throw failed;
        }
    }
}

/// <summary>Something that is to happen, in one life of a host.</summary>
internal sealed record Happening(SimulatedHost? Host, int Life, ulong Dice, Action Run);
