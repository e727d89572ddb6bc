using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// A client that wants one turn: it makes the create, unless another did, and reads the events to the end. It loses its
/// connection, tries again elsewhere with what it knows, and goes on behind the last event it saw.
/// </summary>
internal sealed class SimulatedClient(World world, Errand errand, Person person, bool creates, int from)
{
    private readonly Agenda _agenda = world.Agenda;
    private SimulatedHost _host = person.Host;
    private LeaseId _lease = person.Lease;
    private HostRequest? _request;
    private SimulatedActivation? _attached;
    private ResponseId? _id = creates ? null : errand.Id;
    private int _from = from;
    private int _connection;

    public Errand Errand => errand;

    public Person Person => person;

    public SimulatedHost Host => _host;

    /// <summary>Whether it got what it wanted, or knows that it never will.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Whether it waits for an answer: what it did is not known to have happened.</summary>
    public bool IsAsking => _request is { IsAbandoned: false };

    public void Connect()
    {
        if (IsDone)
        {
            return;
        }

        if (!_host.IsUp)
        {
            _host = world.AnyHost();
        }

        var connection = ++_connection;
        _lease = person.Lease;
        var isLateToo = _agenda.Chance(50);
        _agenda.In(_agenda.Between(1, 5), _host, () =>
        {
            // What lay in a paused host's sockets it reads when it goes on, whether or not the client has left.
            if (connection == _connection || (isLateToo && _id is null))
            {
                Ask(connection);
            }
        });
    }

    /// <summary>The connection breaks; the client comes back, perhaps to another host.</summary>
    public void Break()
    {
        if (IsDone)
        {
            return;
        }

        Leave();
        if (!errand.IsStored || (errand.IsReplay && _id is null))
        {
            // Its id died with the connection. A history that is sent once more would be another turn.
            Finish();
            return;
        }

        if (_agenda.Chance(50))
        {
            _host = world.AnyHost();
        }

        _agenda.In(_agenda.Between(5, 400), null, Connect);
    }

    private void Ask(int connection)
    {
        if (_id is null)
        {
            Start(connection);
        }
        else
        {
            Read(connection);
        }
    }

    private StartTurn StartOf() => new()
    {
        Key = errand.Key,
        RequestId = errand.RequestId,
        IsKeyed = errand.IsKeyed,
        IsBackground = errand.IsBackground,
        Lease = _lease,
        Create = errand.Create,
    };

    private void Start(int connection)
    {
        var start = StartOf();
        if (!errand.IsReplay)
        {
            Start(connection, start);
            return;
        }

        new SimulatedRecognition(_host, start, next =>
        {
            if (connection == _connection && !IsDone)
            {
                Start(connection, next);
            }
        }).Begin();
    }

    private void Start(int connection, StartTurn start)
    {
        var request = new HostRequest(_host, start.Key, (active, self) => active.Wait<StartedTurn>(
            self,
            (inner, answer) =>
            {
                world.Starting = errand;
                inner.StartTurn(start, answer);
            },
            started =>
            {
                var id = new ResponseId(start.Key.Id, started.Turn);
                world.Witness.Started(errand, id);
                if (start.IsRecognised)
                {
                    world.Journal.Count(Fault.HistoryContinued);
                }

                self.Answer(id);
            }), reply => OnStarted(connection, start, reply));
        Begin(connection, request);
    }

    private void OnStarted(int connection, StartTurn start, HostReply reply)
    {
        if (connection != _connection || IsDone)
        {
            return;
        }

        if (reply.Refusal is { } refusal)
        {
            if (start.IsRecognised && _request is { Tries: 1 } && refusal.Kind != RefusalKind.Unavailable)
            {
                // Nothing was recorded: it begins a conversation as it came.
                Start(connection, StartOf());
                return;
            }

            OnRefused(refusal, reply.WasBehind);
            return;
        }

        _id = (ResponseId)reply.Value!;
        Say($"is told {_id.Value.Turn}");
        Next(connection);
    }

    private void Read(int connection)
    {
        var (address, host) = (new TurnAddress(errand.Key.Tenant, _id!.Value, _lease), _host);
        var next = _from;
        Begin(connection, new HostRequest(host, errand.Key, (active, self) =>
        {
            if (active == _attached)
            {
                Pull(active, self, address, next);
                return;
            }

            active.Ask(self, (conversation, now) =>
            {
                conversation.Attach(address.Response.Turn, address.Lease, now);
                return true;
            }, _ =>
            {
                Leave(_attached);
                _attached = active;
                Pull(active, self, address, next);
            });
        }, reply => OnRead(connection, reply)));
    }

    private void Begin(int connection, HostRequest request)
    {
        if (connection == _connection)
        {
            _request = request;
        }

        request.Begin();
    }

    private void Pull(SimulatedActivation active, HostRequest request, TurnAddress address, int number) =>
        active.Wait<EventBatch>(
            request,
            (inner, answer) => inner.Read(new Reading(address, number, answer)),
            batch =>
            {
                if (!active.IsOfDeletedLog)
                {
                    world.Witness.Read(errand, number, new ReadStep(batch.Events, batch.IsLast));
                }

                request.Answer(batch);
            });

    private void OnRead(int connection, HostReply reply)
    {
        if (connection != _connection || IsDone)
        {
            return;
        }

        if (reply.Refusal is { } refusal)
        {
            OnRefused(refusal, reply.WasBehind);
            return;
        }

        var batch = (EventBatch)reply.Value!;
        _from = batch.From + batch.Events.Count;
        if (batch.IsLast)
        {
            Say($"has read it up to {_from - 1}");
            Leave();
            Finish();
            return;
        }

        Next(connection);
    }

    private void Next(int connection) => _agenda.In(_agenda.Below(8), _host, () =>
    {
        if (connection == _connection && !IsDone)
        {
            Read(connection);
        }
    });

    private void OnRefused(Refusal refusal, bool wasBehind)
    {
        Say($"is refused: {refusal.Message}");
        world.Witness.Stale(wasBehind);
        if ((wasBehind || refusal.Kind == RefusalKind.Unavailable) && (errand.IsStored || _id is null) &&
            !(errand.IsReplay && _id is null))
        {
            Leave();
            _host = _agenda.Chance(30) ? world.AnyHost() : _host;
            _agenda.In(_agenda.Between(50, 400) + (long)(refusal.RetryAfter?.TotalMilliseconds ?? 0), null, Connect);
            return;
        }

        if (_id is null)
        {
            world.Witness.Refused(errand, refusal, _request!.AskedAt);
        }
        else if (errand.IsStored)
        {
            world.Witness.NotFound(errand, _request!.AskedAt, wasBehind);
        }

        Leave();
        Finish();
    }

    private void Leave()
    {
        _connection++;
        if (_request is { } request && (_id is not null || _agenda.Chance(50)))
        {
            request.Abandon();
        }

        _request = null;
        Leave(_attached);
        _attached = null;
    }

    private void Leave(SimulatedActivation? attached)
    {
        if (attached is not null && _id is { } id)
        {
            _agenda.In(0, attached.Host, () => attached.Tell(inner => inner.Ask((conversation, now) =>
            {
                conversation.Detach(id.Turn, now);
                return true;
            })));
        }
    }

    private void Finish()
    {
        IsDone = true;
        errand.IsDecided |= creates;
    }

    private void Say(string what)
    {
        if (_agenda.Trace.IsKept)
        {
            _agenda.Trace.Say(_agenda.Now, $"client of {errand} at host {_host.Number} {what}");
        }
    }
}

/// <summary>A person with a connection: its lease holds the turns that are not stored.</summary>
internal sealed class Person
{
    public required int Number { get; init; }

    public required SimulatedHost Host { get; set; }

    public required LeaseId Lease { get; set; }
}
