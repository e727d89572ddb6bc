using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>A server with activations. It can be paused, die, and stop in good order.</summary>
internal sealed class SimulatedHost(World world, int number)
{
    private readonly List<SimulatedActivation> _active = [];
    private long _pausedAt;
    private bool _isDeclaredDead;

    public World World => world;

    public int Number => number;

    /// <summary>Which life it is: what was to happen in an earlier one does not.</summary>
    public int Life { get; private set; }

    public bool IsPaused { get; private set; }

    /// <summary>Whether it has said nothing for so long that the others take it for dead.</summary>
    public bool IsSilent => IsPaused && world.Agenda.Now - _pausedAt > 300;

    /// <summary>Whether it takes requests.</summary>
    public bool IsUp { get; private set; } = true;

    /// <summary>What waits until the host goes on.</summary>
    public List<Happening> Held { get; } = [];

    public IReadOnlyList<SimulatedActivation> Active => _active;

    /// <summary>An activation of a conversation here, the first or the last; null: there is none.</summary>
    public SimulatedActivation? Find(ConversationKey key, bool first) => first
        ? _active.Find(active => active.Key == key)
        : _active.FindLast(active => active.Key == key);

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
        if (IsUp)
        {
            var active = new SimulatedActivation(this, move.Key);
            _active.Add(active);
            active.Rehydrate(move);
            world.Register(active);
        }
    }

    public void Forget(SimulatedActivation active) => _active.Remove(active);

    /// <summary>Its conversations went on elsewhere while it said nothing: it ends when it learns that.</summary>
    public void DeclareDead() => _isDeclaredDead = true;

    public void Pause(long duration)
    {
        (IsPaused, _pausedAt) = (true, world.Agenda.Now);
        world.Agenda.In(duration, null, Resume);
    }

    public void Resume()
    {
        if (!IsPaused)
        {
            return;
        }

        IsPaused = false;
        world.Agenda.Release(Held);
        if (_isDeclaredDead)
        {
            var (life, delay) = (Life, world.Agenda.Below(3000));
            world.Agenda.In(delay, null, () =>
            {
                if (life == Life)
                {
                    Crash(world.Agenda.Between(10, 600));
                }
            });
        }
    }

    /// <summary>Dies, and is up again after a while; negative: never.</summary>
    public void Crash(long restartsIn)
    {
        Life++;
        IsUp = IsPaused = _isDeclaredDead = false;
        Held.Clear();
        var dead = _active.ToArray();
        _active.Clear();
        foreach (var active in dead)
        {
            active.Die();
        }

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
            active.Tell(static inner => inner.Stop());
            world.Agenda.In(grace, this, () => active.Tell(static inner => inner.Leave()));
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
