using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>Takes the steps of a plan. A step that finds nothing to act on does nothing.</summary>
internal sealed class Steps(World world, List<string>? words)
{
    private readonly Agenda _agenda = world.Agenda;
    private readonly CallAnswers _answers = new(world);
    private readonly Drafts _drafts = new(world);

    public void Take(Step step)
    {
        _agenda.RunUntil(_agenda.Now + step.Wait);
        _agenda.Throw(step.Dice);
        _agenda.Trace.Mix((ulong)step.Kind);
        switch (step.Kind)
        {
            case StepKind.Create:
                Create();
                break;
            case StepKind.Read:
                Read();
                break;
            case StepKind.Get:
                Get();
                break;
            case StepKind.Cancel:
                Cancel();
                break;
            case StepKind.Delete:
                Delete();
                break;
            case StepKind.Expire:
                Expire();
                break;
            case StepKind.Change:
                Change();
                break;
            case StepKind.Replay:
                Replay();
                break;
            case StepKind.DropIndex:
                Say("the index of histories loses all that it holds");
                world.Journal.Count(Fault.IndexDropped);
                world.Index.Drop();
                break;
            case StepKind.Resend:
                Resend();
                break;
            case StepKind.ReuseKey:
                ReuseKey();
                break;
            case StepKind.Disconnect:
                Disconnect();
                break;
            case StepKind.Pause or StepKind.Crash or StepKind.Drain:
                Stop(step.Kind);
                break;
            case StepKind.Migrate or StepKind.Duplicate:
                Move(step.Kind);
                break;
            default:
                Arm(step.Kind);
                break;
        }
    }

    private void Create(ConversationKey key, Errand? parent, Person person)
    {
        var isStored = parent is not { IsStored: false } && !_agenda.Chance(15);
        var isWrong = parent is { Seen.EndedAt: > 0, DeleteAskedAt: 0 } && _agenda.Chance(4);
        var items = _answers.To(parent, isWrong);
        var asksTwins = parent is null && isStored && _agenda.Chance(30);
        if (asksTwins)
        {
            items.Add(TwinAnswers.Question);
        }

        for (var left = asksTwins ? 0 : 1 + _agenda.Below(2); left > 0; left--)
        {
            items.Add(Encoding.UTF8.GetBytes($$"""{"role":"user","content":"{{_drafts.Content(isStored)}}"}"""));
        }

        var errand = _drafts.Make(new Draft(key, parent, items, _agenda.Next128())
        {
            IsStored = isStored,
            IsWrong = isWrong,
            AsksTwins = asksTwins,
            IsKeyed = _agenda.Chance(40),
            KnowsParent = parent is { Seen.EndedAt: > 0 },
        });
        Say($"person {person.Number} at host {person.Host.Number} begins {errand} of {Name(key)} behind " +
            $"{parent?.ToString() ?? "nothing"}{(isStored ? "" : ", not stored")}{(isWrong ? ", wrongly" : "")}");
        world.Send(errand, person, creates: true);
    }

    /// <summary>Begins a turn behind nothing that must be run.</summary>
    public void Close(ConversationKey key)
    {
        _agenda.Throw(((ulong)world.Errands.Count << 32) + (ulong)_agenda.Now);
        var items = new List<byte[]> { """{"role":"user","content":"goodbye"}"""u8.ToArray() };
        world.Send(_drafts.Make(new Draft(key, null, items, _agenda.Next128())), world.People[0], creates: true);
    }

    private void Create()
    {
        var person = world.People[_agenda.Below(world.People.Count)];
        var parent = _agenda.Chance(85) ? AnyErrand(errand => errand.Id is not null, newest: _agenda.Chance(60)) : null;
        Create(parent?.Key ?? world.AnyConversation(), parent, person);
    }

    private void Read()
    {
        if (AnyErrand(errand => errand is { Id: not null, IsStored: true }, newest: _agenda.Chance(50)) is { } errand)
        {
            var person = world.People[_agenda.Below(world.People.Count)];
            var most = errand.Seen.Last >= 0 ? errand.Seen.Last + 1 : errand.Seen.Events.Count;
            var from = _agenda.Chance(50) ? 0 : _agenda.Below(most + 1);
            Say($"person {person.Number} at host {person.Host.Number} reads {errand} from {from}");
            world.Send(errand, person, creates: false, from);
        }
    }

    private void Get() => Ask("gets", (errand, address) => (active, self) => active.Ask(
        self, (conversation, _) => conversation.Get(address.Response.Turn, address.Lease), response =>
        {
            if (!active.IsOfDeletedLog)
            {
                world.Witness.Shown(errand, response, self.AskedAt, active.IsBehind);
            }

            self.Answer(true);
        }));

    private void Cancel() => Ask("cancels", (_, address) => (active, self) => active.Ask(self, (conversation, now) =>
    {
        conversation.Cancel(address.Response.Turn, address.Lease, now);
        return true;
    }, done => self.Answer(done)));

    private void Delete() => Ask("deletes", (errand, address) =>
    {
        errand.DeleteAskedAt = errand.DeleteAskedAt == 0 ? _agenda.Tick() : errand.DeleteAskedAt;
        return (active, self) => active.Wait<bool>(
            self,
            (inner, answer) => inner.AskDurable((conversation, now) =>
                (true, conversation.Delete(address.Response.Turn, address.Lease, now)), answer),
            _ =>
            {
                errand.DeletedAt = errand.DeletedAt == 0 ? _agenda.Tick() : errand.DeletedAt;
                self.Answer(true);
            });
    });

    private void Change()
    {
        var metadata = Encoding.UTF8.GetBytes($$"""{"n":"{{_agenda.Tick()}}"}""");
        Ask("changes the metadata of", (errand, address) => (active, self) => active.Wait<bool>(
            self,
            (inner, answer) => inner.AskDurable((conversation, now) =>
                (true, conversation.Stored.Change(address.Response.Turn, metadata, now)), answer),
            _ =>
            {
                world.Witness.Changed(errand, metadata);
                self.Answer(true);
            }));
    }

    private void Expire()
    {
        var age = _agenda.Below(1000);
        Ask($"expires what is {age} ms old beside", (errand, _) => Expiry.Of(world, errand.Key, age));
    }

    private void Ask(string verb,
        Func<Errand, TurnAddress, Action<SimulatedActivation, HostRequest>> input)
    {
        if (AnyErrand(static errand => errand is { Id: not null, IsStored: true }, newest: _agenda.Chance(60))
            is not { } errand)
        {
            return;
        }

        var host = world.AnyHost();
        Say($"someone at host {host.Number} {verb} {errand}");
        var ask = input(errand, new TurnAddress(errand.Key.Tenant, errand.Id!.Value));
        _agenda.In(1, host, () =>
        {
            HostRequest? request = null;
            request = new HostRequest(host, errand.Key, ask, reply =>
            {
                if (reply.Refusal?.Kind == RefusalKind.NotFound)
                {
                    world.Witness.NotFound(errand, request!.AskedAt, reply.WasBehind);
                }
            });
            request.Begin();
        });
    }

    private void Replay()
    {
        if (AnyErrand(static errand => errand is { IsStored: true, Seen.EndedAt: > 0 }, newest: _agenda.Chance(60))
            is not { } last || ResentItems.Of(last) is not { } items)
        {
            return;
        }

        items.AddRange(_answers.To(last, isWrong: false));
        items.Add(Encoding.UTF8.GetBytes($$"""{"role":"user","content":"{{_drafts.Content(isStored: true)}}"}"""));
        var change = new ResentItems(_agenda).Change(items);
        var key = new ConversationKey("default", new ConversationId(_agenda.Next128()));
        world.Conversations.Add(key);
        var errand = _drafts.Make(new Draft(key, null, items, _agenda.Next128()) { IsReplay = true });
        var person = world.People[_agenda.Below(world.People.Count)];
        Say($"person {person.Number} at host {person.Host.Number} sends the history of {last} again{change}, and " +
            $"{errand} of {Name(key)}");
        world.Send(errand, person, creates: true);
    }

    private void Resend()
    {
        var asking = _agenda.Chance(70);
        if (AnyErrand(errand => errand is { IsStored: true, IsReplay: false, DeleteAskedAt: 0 } &&
            (!asking || errand.Id is null), newest: _agenda.Chance(60)) is { } errand)
        {
            var person = world.People[_agenda.Below(world.People.Count)];
            world.Journal.Count(Fault.Resend);
            Say($"person {person.Number} at host {person.Host.Number} sends {errand} again");
            world.Send(errand, person, creates: true);
        }
    }

    private void ReuseKey()
    {
        if (AnyErrand(static errand => errand is { IsKeyed: true, IsStored: true, DeleteAskedAt: 0 },
            newest: _agenda.Chance(60)) is { } known)
        {
            var request = new UInt128((ulong)(known.RequestId >> 64), _agenda.Next64());
            var errand = _drafts.Make(new Draft(known.Key, known.Parent, known.Items, request)
            {
                IsWrong = known.IsWrong,
                IsKeyed = true,
                KnowsParent = known.KnowsParent,
            });
            Say($"someone uses the key of {known} for {errand}");
            world.Send(errand, world.People[_agenda.Below(world.People.Count)], creates: true);
        }
    }

    private void Disconnect()
    {
        var person = world.People[_agenda.Below(world.People.Count)];
        if (world.Clients.Any(client => client.Person == person && client is { IsDone: false, IsAsking: true }))
        {
            world.Journal.Count(Fault.Disconnect);
        }

        Say($"person {person.Number} loses the connection to host {person.Host.Number}");
        world.Disconnect(person);
    }

    private void Stop(StepKind kind)
    {
        var host = world.Hosts[_agenda.Below(world.Hosts.Count)];
        if (!host.IsUp || host.IsPaused)
        {
            return;
        }

        var duration = kind == StepKind.Pause && _agenda.Chance(30) ? _agenda.Between(1000, 9000)
            : _agenda.Between(10, 600);
        Say($"host {host.Number}: {kind} of {duration} ms");
        switch (kind)
        {
            case StepKind.Pause:
                world.Journal.Count(Fault.Pause);
                host.Pause(duration);
                LosePatience(host, duration);
                break;
            case StepKind.Crash:
                world.Journal.Count(Fault.Crash);
                host.Crash(duration);
                break;
            default:
                world.Journal.Count(Fault.Drain);
                host.Drain(grace: 5000, restartsIn: duration);
                break;
        }
    }

    private void LosePatience(SimulatedHost host, int duration)
    {
        foreach (var person in world.People)
        {
            if (person.Host == host && _agenda.Chance(60))
            {
                _agenda.In(_agenda.Below(duration), null, () => world.Disconnect(person));
            }
        }
    }

    private void Move(StepKind kind)
    {
        var host = world.AnyHost();
        if (host.IsPaused || host.Active.Count == 0)
        {
            return;
        }

        var active = host.Active[_agenda.Below(host.Active.Count)];
        if (kind == StepKind.Duplicate)
        {
            if (host.IsUp && active.IsServing)
            {
                world.Journal.Count(Fault.Duplicate);
                Say($"host {host.Number}: a second activation of {Name(active.Key)}");
                world.Register(host.Begin(active.Key));
            }

            return;
        }

        if (_agenda.Chance(50) && active.Dehydrate() is { } move)
        {
            MoveWarm(active, move);
            return;
        }

        world.Journal.Count(Fault.Migration);
        Say($"host {host.Number}: gives {Name(active.Key)} away");
        if (_agenda.Chance(30))
        {
            active.Tell(static inner => inner.LeaveIfIdle());
            return;
        }

        active.Tell(static inner => inner.Leave());
        foreach (var person in world.People)
        {
            person.Host = person.Host == host ? world.AnyHost() : person.Host;
        }
    }

    private void MoveWarm(SimulatedActivation active, WarmMove move)
    {
        var (host, target, livesOn) = (active.Host, world.AnyHost(), _agenda.Chance(40));
        world.Journal.Count(Fault.WarmMove);
        Say($"host {host.Number}: moves {Name(active.Key)} to host {target.Number}{(livesOn ? " and keeps it" : "")}");
        if (!livesOn)
        {
            active.Tell(static inner => inner.Leave());
        }

        _agenda.In(_agenda.Between(1, _agenda.Chance(80) ? 20 : 2000), target, () => target.Take(move));
        foreach (var person in world.People)
        {
            person.Host = person.Host == host && _agenda.Chance(80) ? target : person.Host;
        }
    }

    private void Arm(StepKind kind)
    {
        Say($"journal: {kind} at the next call");
        world.Journal.Arm(kind switch
        {
            StepKind.AppendFails => Fault.AppendFails,
            StepKind.AppendFailsAfter => Fault.AppendFailsAfter,
            StepKind.AppendDelayed => Fault.AppendDelayed,
            StepKind.AppendLate => Fault.AppendLate,
            StepKind.LoseAcknowledgement => Fault.AcknowledgementLost,
            StepKind.ReadStale => Fault.ReadStale,
            _ => Fault.ReadFails,
        });
    }

    private Errand? AnyErrand(Func<Errand, bool> fits, bool newest)
    {
        var fitting = world.Errands.FindAll(errand => fits(errand));
        return fitting.Count == 0 ? null : fitting[newest ? ^1 : _agenda.Below(fitting.Count)];
    }

    private string Name(ConversationKey key) => $"conversation {world.Conversations.IndexOf(key)}";

    private void Say(string line)
    {
        words?.Add($"{_agenda.Now / 1000}.{_agenda.Now % 1000:000} s  {line}");
        if (_agenda.Trace.IsKept)
        {
            _agenda.Trace.Say(_agenda.Now, "STEP " + line);
        }
    }
}
