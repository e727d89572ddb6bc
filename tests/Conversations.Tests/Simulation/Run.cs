using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>What became of a run.</summary>
/// <param name="Broken">The invariant that does not hold; null: all do.</param>
/// <param name="Faults">The faults that happened, as bits.</param>
/// <param name="Trace">What happened.</param>
/// <param name="Words">The steps, in words.</param>
internal sealed record Outcome(BrokenInvariantException? Broken, uint Faults, Trace Trace, List<string> Words)
{
    /// <summary>How many late appends were stored and how many were refused.</summary>
    public (int Stored, int Refused) Late { get; init; }

    /// <summary>How often the index named a turn with another key than was asked for.</summary>
    public int Misled { get; init; }

    /// <summary>How often a turn was shown as running that someone had seen to end before.</summary>
    public int StaleViews { get; init; }
}

/// <summary>Runs a plan from the first step to the last check.</summary>
internal static class Run
{
    // Late appends have arrived and pauses have ended by then.
    private const long CalmTime = 30_000;

    // What dead hosts sent has arrived by then. Nobody may ask for its turn any more.
    private const long ArrivalTime = 1000;

    // A turn that stalls, one that waits for a turn elsewhere, and coming back after that.
    private const long DecisionTime = 120_000;

    public static Outcome Of(
        Plan plan, Mistake? mistake = null, bool isTold = false, Func<int, IJournal>? stores = null)
    {
        var trace = new Trace(isTold);
        var words = new List<string>();
        var world = new World(trace, mistake ?? Mistake.None, plan.Seed, stores);
        BrokenInvariantException? broken = null;
        try
        {
            Live(world, plan, isTold ? words : null);
        }
        catch (BrokenInvariantException e)
        {
            broken = e;
        }
        catch (Exception e)
        {
            broken = new BrokenInvariantException(Invariant.NoException, e.ToString());
        }

        return new Outcome(broken, world.Journal.Happened, trace, words) 
        {
            Late = world.Journal.Late,
            StaleViews = world.Witness.StaleViews,
            Misled = world.Index.Misled,
        };
    }

    private static void Live(World world, Plan plan, List<string>? words)
    {
        var steps = new Steps(world, words);
        foreach (var step in plan.Steps)
        {
            steps.Take(step);
        }

        world.Journal.Disarm();
        world.Hosts.ForEach(static host => host.Resume());
        Wait(world, CalmTime, mustDecide: false);
        world.Agenda.RunUntil(Math.Max(world.Agenda.Now, 10_000));
        var last = LeaveOne(world);
        world.Agenda.RunUntil(world.Agenda.Now + ArrivalTime);
        Close(world, steps);
        Wait(world, DecisionTime, mustDecide: true);
        last.Crash(0);
        world.Agenda.RunUntil(world.Agenda.Now + 1000);
        world.Conversations.ForEach(key => Reopen(world, key));
    }

    private static void Wait(World world, long time, bool mustDecide)
    {
        for (var until = world.Agenda.Now + time; world.Agenda.Now < until;)
        {
            world.Agenda.RunUntil(world.Agenda.Now + 500);
            if (world.Clients.All(static client => client.IsDone) && HasNoOpenTurn(world) &&
                world.Journal.OnTheWay == 0)
            {
                return;
            }
        }

        if (mustDecide)
        {
            var left = world.Clients.Where(static client => !client.IsDone).Select(static client => client.Errand);
            throw new BrokenInvariantException(Invariant.EverythingEnds,
                $"undecided: {string.Join(", ", left)}; open: {string.Join(", ", OpenTurns(world))}");
        }
    }

    private static SimulatedHost LeaveOne(World world)
    {
        var last = world.AnyHost();
        foreach (var host in world.Hosts)
        {
            if (host != last)
            {
                host.Crash(-1);
            }
        }

        // What it knows may be old: an activation learns of other writers when it writes, or is opened again.
        foreach (var active in last.Active.ToArray())
        {
            active.Tell(static inner => inner.Leave());
        }

        world.People.ForEach(person => person.Host = last);
        return last;
    }

    /// <summary>
    /// Whoever reads takes nothing over: what a dead host left open ends when someone begins a turn.
    /// </summary>
    private static void Close(World world, Steps steps)
    {
        foreach (var key in world.Conversations)
        {
            if (world.Witness.LogOf(key).Open.Any())
            {
                steps.Close(key);
            }
        }
    }

    private static bool HasNoOpenTurn(World world) =>
        world.Conversations.TrueForAll(key => !world.Witness.LogOf(key).Open.Any());

    private static IEnumerable<Errand> OpenTurns(World world) =>
        world.Conversations.SelectMany(key => world.Witness.LogOf(key).Open).Select(static turn => turn.Errand);

    /// <summary>A journal tells a new activation what it told before.</summary>
    private static void Reopen(World world, ConversationKey key)
    {
        var conversation = new Conversation(key, 1, new ModelCatalog([new SimulatedBackend()]), world.Agenda);
        try
        {
            world.Journal.Entries(key, JournalEnd.None, out _)!.ForEach(conversation.Recover);
        }
        catch (JournalCorruptException e)
        {
            throw new BrokenInvariantException(Invariant.JournalOpens, e.Message);
        }

        foreach (var errand in world.Errands)
        {
            if (errand.Key == key && errand is { IsStored: true, Id: { } id, DeleteAskedAt: 0 })
            {
                Reread(world, conversation, errand, id);
            }
        }
    }

    private static void Reread(World world, Conversation conversation, Errand errand, ResponseId id)
    {
        var askedAt = world.Agenda.Tick();
        try
        {
            world.Witness.Shown(errand, conversation.Get(id.Turn, default), askedAt);
            conversation.Attach(id.Turn, default, world.Agenda.Time);
        }
        catch (ConversationException)
        {
            world.Witness.NotFound(errand, askedAt, isBehind: false);
            throw new BrokenInvariantException(Invariant.TurnIsKept, $"{errand} is gone at the end");
        }

        for (var from = 0; ;)
        {
            var step = conversation.Read(id.Turn, default, from);
            world.Witness.Read(errand, from, step);
            from += step.Events.Count;
            if (step.IsLast)
            {
                break;
            }
        }

        conversation.Detach(id.Turn, world.Agenda.Time);
    }
}
