using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// The simulation: several hosts, one journal, some clients, in virtual time, from one seed.
/// </summary>
/// <remarks>
/// <para>
/// A run is a plan of <see cref="Step"/>s: something a client does, or something that goes wrong. Between the steps the
/// <see cref="Agenda"/> lets happen what they caused. Everything is synchronous, on one thread. Each step has dice of
/// its own, from which all that it causes is decided: so a plan from which steps are left out is a run again, much
/// like the first, and <see cref="Shrinking"/> finds the shortest that still fails.
/// </para>
/// <para>
/// What is real: <c>Activation</c> and all below it, <c>InMemoryJournal</c>, the bytes of records and events. So the
/// rules of an activation are the product's. <see cref="SimulatedActivation"/> is the world around one,
/// <see cref="SimulatedHost"/> a server with several, <see cref="HostRequest"/> a request that is retried,
/// <see cref="SimulatedJournal"/> puts distance and faults around the journal, <see cref="SimulatedCall"/> is a model,
/// <see cref="SimulatedClient"/> a client with its frontend, <see cref="SimulatedIndex"/> the index of histories, and
/// <see cref="SimulatedRecognition"/> the way of a history that is sent again. A directory routes requests, as Orleans
/// does: to one activation of a conversation, and for a while to an older one where hosts were silent or the directory
/// was split.
/// </para>
/// <para>
/// What is checked: <see cref="Witness"/> knows what was asked for and what the journal holds, and checks each append
/// as it is stored and each id, event and response object as it leaves. At the end faults stop, one host is left, every
/// request must be decided and every turn ended; then each journal is opened anew and must tell the same.
/// </para>
/// </remarks>
internal sealed class World
{
    private readonly ConversationKey[] _current = new ConversationKey[2];
    private readonly List<SimulatedClient> _clients = [];
    private readonly Dictionary<ConversationKey, SimulatedActivation> _directory = [];

    public World(Trace trace, Mistake mistake, ulong seed, Func<int, IJournal>? stores = null)
    {
        Agenda = new Agenda(trace);
        Agenda.Throw(seed);
        Mistake = mistake;
        Index = new SimulatedIndex(Agenda, mistake);
        Witness = new Witness(Agenda, Index);
        Journal = new SimulatedJournal(Agenda, Witness, mistake, stores);
        Hosts = [.. Enumerable.Range(0, 2 + Agenda.Below(2)).Select(number => new SimulatedHost(this, number))];
        People = [.. Enumerable.Range(0, 3).Select(number => new Person
        {
            Number = number,
            Host = Hosts[number % Hosts.Count],
            Lease = new LeaseId(Agenda.Next64()),
        })];
        for (var i = 0; i < _current.Length; i++)
        {
            _current[i] = new ConversationKey("default", new ConversationId(Agenda.Next128()));
            Conversations.Add(_current[i]);
        }
    }

    public Agenda Agenda { get; }

    /// <summary>The mistake that is made around the product.</summary>
    public Mistake Mistake { get; }

    public Witness Witness { get; }

    public SimulatedJournal Journal { get; }

    public SimulatedIndex Index { get; }

    public List<SimulatedHost> Hosts { get; }

    public List<Person> People { get; }

    public List<ConversationKey> Conversations { get; } = [];

    public List<Errand> Errands { get; } = [];

    public IReadOnlyList<SimulatedClient> Clients => _clients;

    /// <summary>The errand whose turn is being started in this happening.</summary>
    public Errand? Starting { get; set; }

    /// <summary>A host that takes requests; any, where none does.</summary>
    public SimulatedHost AnyHost()
    {
        var first = Agenda.Below(Hosts.Count);
        for (var i = 0; i < Hosts.Count; i++)
        {
            if (Hosts[(first + i) % Hosts.Count] is { IsUp: true } host)
            {
                return host;
            }
        }

        return Hosts[first];
    }

    /// <summary>
    /// A conversation to begin a turn in; another in its place where all of it may be deleted: its ids are then free to
    /// name other turns.
    /// </summary>
    public ConversationKey AnyConversation()
    {
        var place = Agenda.Chance(75) ? 0 : 1;
        var key = _current[place];
        if (Errands.Exists(errand => errand.Key == key && errand.DeleteAskedAt > 0))
        {
            key = _current[place] = new ConversationKey("default", new ConversationId(Agenda.Next128()));
            Conversations.Add(key);
        }

        return key;
    }

    /// <summary>The directory names this activation from now on; an earlier one ends when it learns that.</summary>
    public void Register(SimulatedActivation active)
    {
        if (_directory.TryGetValue(active.Key, out var before) && before != active && !before.IsGone)
        {
            Agenda.In(Agenda.Between(20, 3000), before.Host, () => before.Tell(static inner => inner.Leave()));
        }

        _directory[active.Key] = active;
    }

    /// <summary>The activation that a request from a host reaches; one more is begun if there is none.</summary>
    public SimulatedActivation Route(SimulatedHost from, ConversationKey key)
    {
        // A place that is not up to date knows an older one.
        if (Agenda.Chance(15) && from.Find(key, first: true) is { IsGone: false } older)
        {
            return older;
        }

        if (_directory.TryGetValue(key, out var active) && !active.IsGone)
        {
            if (active.Host == from || !active.Host.IsSilent)
            {
                return active;
            }

            active.Host.DeclareDead();
        }

        var begun = from.Begin(key);
        Register(begun);
        return begun;
    }

    public void HostDied(SimulatedHost host)
    {
        foreach (var client in _clients)
        {
            if (client.Host == host)
            {
                Agenda.In(Agenda.Between(1, 50), null, client.Break);
            }
        }
    }

    /// <summary>Lets a client go after a turn.</summary>
    public void Send(Errand errand, Person person, bool creates, int from = 0)
    {
        var client = new SimulatedClient(this, errand, person, creates, from);
        _clients.Add(client);
        client.Connect();
    }

    /// <summary>A person's connection breaks: the next has another lease, and the turns of this one end.</summary>
    public void Disconnect(Person person)
    {
        var (host, lease) = (person.Host, person.Lease);
        person.Lease = new LeaseId(Agenda.Next64());
        Agenda.In(Agenda.Between(1, 20), host, () =>
        {
            foreach (var active in host.Active.ToArray())
            {
                active.Tell(inner => inner.Ask((conversation, now) =>
                {
                    conversation.Release(lease, now);
                    return true;
                }));
            }
        });
        foreach (var client in _clients)
        {
            if (client.Person == person)
            {
                client.Break();
            }
        }

        person.Host = AnyHost();
    }
}
