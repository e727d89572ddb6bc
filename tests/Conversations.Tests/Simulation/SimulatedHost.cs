using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// A server: it holds activations, and does with them what <c>EmbeddedConversations</c> does. It can be paused, die,
/// and stop in good order.
/// </summary>
internal sealed class SimulatedHost(World world, int number)
{
    private readonly List<SimulatedActivation> _active = [];
    private readonly List<(ConversationKey Key, ulong Writer)> _lost = [];

    public World World => world;

    public int Number => number;

    /// <summary>Which life it is: what was to happen in an earlier one does not.</summary>
    public int Life { get; private set; }

    public bool IsPaused { get; private set; }

    /// <summary>Whether it takes requests.</summary>
    public bool IsUp { get; private set; } = true;

    /// <summary>What waits until the host goes on.</summary>
    public List<Happening> Held { get; } = [];

    public IReadOnlyList<SimulatedActivation> Active => _active;

    /// <summary>The activation that a request reaches; one more is begun if there is none.</summary>
    public SimulatedActivation Activate(ConversationKey key)
    {
        // Where there are several, a directory that is not up to date sends requests to any of them.
        var last = -1;
        for (var i = 0; i < _active.Count; i++)
        {
            if (_active[i].Key == key && (last < 0 || world.Agenda.Chance(70)))
            {
                last = i;
            }
        }

        return last < 0 ? Begin(key) : _active[last];
    }

    /// <summary>Begins an activation whether there is one or not.</summary>
    public SimulatedActivation Begin(ConversationKey key)
    {
        var active = new SimulatedActivation(this, key);
        _active.Add(active);
        active.Open();
        return active;
    }

    /// <summary>Begins an activation with what another one held, unless it takes nothing any more.</summary>
    public void Take(WarmMove move)
    {
        if (!IsUp)
        {
            return;
        }

        var active = new SimulatedActivation(this, move.Key);
        _active.Add(active);
        active.Rehydrate(move);
    }

    public void Forget(SimulatedActivation active) => _active.Remove(active);

    /// <summary>Notes an activation that ended before its turns did.</summary>
    public void AddLost(ConversationKey key, ulong writer)
    {
        TakeLost(key, 0);
        _lost.Add((key, writer));
    }

    /// <summary>Whether a journal's last writer was the conversation's last activation here.</summary>
    public bool TakeLost(ConversationKey key, ulong lastWriter)
    {
        var at = _lost.FindIndex(lost => lost.Key == key);
        var wasOurs = at >= 0 && _lost[at].Writer == lastWriter;
        if (at >= 0)
        {
            _lost.RemoveAt(at);
        }

        return wasOurs;
    }

    public void Pause(long duration)
    {
        IsPaused = true;
        world.Agenda.In(duration, null, Resume);
    }

    public void Resume()
    {
        if (IsPaused)
        {
            IsPaused = false;
            world.Agenda.Release(Held);
        }
    }

    /// <summary>Dies, and is up again after a while; negative: never.</summary>
    public void Crash(long restartsIn)
    {
        Life++;
        IsUp = IsPaused = false;
        Held.Clear();
        _active.Clear();
        _lost.Clear();
        world.HostDied(this);
        if (restartsIn >= 0)
        {
            var life = Life;
            world.Agenda.In(restartsIn, null, () => IsUp |= life == Life);
        }
    }

    /// <summary>Stops in good order: turns end as interrupted, readers may see that, then the process ends.</summary>
    public void Drain(long grace, long restartsIn)
    {
        IsUp = false;
        foreach (var active in _active.ToArray())
        {
            active.Stop(grace);
        }

        WaitForEnd(restartsIn);
    }

    private void WaitForEnd(long restartsIn)
    {
        if (_active.Count == 0)
        {
            Crash(restartsIn);
        }
        else
        {
            world.Agenda.In(20, this, () => WaitForEnd(restartsIn));
        }
    }
}
