using System.Buffers;
using System.Diagnostics.Metrics;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// The world of one <see cref="Activation"/>: journal, models, time and callers, all on the agenda. The activation
/// itself, and with it every rule, is the product's.
/// </summary>
internal sealed class SimulatedActivation : IActivationWorld
{
    private static readonly ConversationInstruments Instruments = new(new Meters());
    private readonly SimulatedHost _host;
    private readonly int _life;
    private readonly Agenda _agenda;
    private readonly SimulatedBackend _backend = new();
    private readonly List<SimulatedCall> _calls = [];
    private readonly List<(Task Answer, Action Lost, Action Take)> _waiting = [];
    private readonly List<(Action Lost, Action Run)> _whenOpen = [];
    private readonly List<Action> _whenGone = [];
    private long _expectedItems;
    private long _unrendered;
    private int _timer;
    private bool _isWriting;

    public SimulatedActivation(SimulatedHost host, ConversationKey key)
    {
        (_host, _life, _agenda) = (host, host.Life, host.World.Agenda);
        var services = new ActivationServices(
            new ModelCatalog([_backend]), _agenda, new AgendaTime(_agenda), Instruments);
        Inner = new Activation(key, services, this, host.World.Mistake.Readers());
    }

    public Activation Inner { get; }

    public SimulatedHost Host => _host;

    public ConversationKey Key => Inner.Key;

    public bool IsServing => Inner.Life is ActivationLife.Open or ActivationLife.Stopping;

    /// <summary>Whether it is over, and its last append and calls are too.</summary>
    public bool IsGone => (Inner.Life == ActivationLife.Ended && !_isWriting) || _life != _host.Life;

    /// <summary>Whether the journal holds what it has not heard of: it answers as of before that.</summary>
    public bool IsBehind => _host.World.Witness.LogOf(Key).End != Inner.End;

    /// <summary>
    /// Whether it may hold a log that was deleted as a whole: its ids may name other turns by now. Allowed and known,
    /// see docs/decisions/0013-simulation.md.
    /// </summary>
    public bool IsOfDeletedLog => IsBehind && _host.World.Witness.LogOf(Key).Deletions > 0;

    // What came here unrendered, was read or is new, once each.
    private long Renderable => _unrendered + Inner.Work.Validated + Inner.Work.Recovered;

    public void Open()
    {
        Say("opens");
        _host.World.Journal.Read(_host, Key, JournalEnd.None, (entries, error) =>
        {
            try
            {
                entries?.ForEach(Inner.Recover);
            }
            catch (JournalCorruptException e)
            {
                throw new BrokenInvariantException(Invariant.JournalOpens, e.Message);
            }

            Open(error is null ? null : new Refusal(RefusalKind.Unavailable, "It cannot be opened: try again."));
        });
    }

    /// <summary>All that it holds, where it may move now; null: it may not.</summary>
    public WarmMove? Dehydrate()
    {
        if (Inner.Life != ActivationLife.Open || !Inner.CanMove)
        {
            return null;
        }

        var snapshot = new ArrayBufferWriter<byte>();
        Inner.Dehydrate(snapshot);
        return new WarmMove(Key, snapshot.WrittenSpan.ToArray(), Renderable - Inner.Work.Rendered);
    }

    /// <summary>Opens with what another activation held.</summary>
    public void Rehydrate(WarmMove move)
    {
        _unrendered = move.Unrendered;
        Say("opens, warm");
        if (!Inner.TryRehydrate(move.Snapshot, out var error))
        {
            throw new BrokenInvariantException(Invariant.NoException, error!.ToString());
        }

        Open(refusal: null);
    }

    /// <summary>Asks the conversation for a request, now or when it is open.</summary>
    public void Ask<T>(HostRequest request, Func<Conversation, DateTimeOffset, T> question, Action<T> given) =>
        WhenOpen(request.WhenLost(), () => request.Take(this, Inner.Ask(question), given));

    /// <summary>Asks likewise for an answer that may come later.</summary>
    public void Wait<T>(
        HostRequest request, Action<Activation, TaskCompletionSource<Answer<T>>> ask, Action<T> given) =>
        WhenOpen(request.WhenLost(), () =>
        {
            var answer = new TaskCompletionSource<Answer<T>>();
            _waiting.Add((answer.Task, request.WhenLost(), () => request.Take(this, ResultOf(answer.Task), given)));
            ask(Inner, answer);
        });

    /// <summary>Gives it an input that nobody waits for.</summary>
    public void Tell(Action<Activation> input) => WhenOpen(static () => { }, () => input(Inner));

    /// <summary>Calls back when nothing of the activation is left.</summary>
    public void WhenGone(Action run)
    {
        if (IsGone)
        {
            run();
        }
        else
        {
            _whenGone.Add(run);
        }
    }

    /// <summary>Its host died: what waited for it is asked again.</summary>
    public void Die()
    {
        _waiting.ForEach(static waiting => waiting.Lost());
        _whenOpen.ForEach(static waiting => waiting.Lost());
        _whenGone.ForEach(static run => run());
    }

    /// <summary>Notes items that are to be validated and rendered here, once.</summary>
    public void Expect(int items) => _expectedItems += items;

    /// <summary>A model call is over.</summary>
    public void CallEnded(SimulatedCall call, TurnId turn)
    {
        _calls.Remove(call);
        Inner.ModelEnded(turn, null);
    }

    public void Append(Effect.Append append, ulong writer)
    {
        _isWriting = true;
        _host.World.Journal.Append(_host, Key, append, writer, error =>
        {
            _isWriting = false;
            Inner.Appended(error switch
            {
                null => AppendOutcome.Stored,
                PositionTakenException => AppendOutcome.Taken,
                _ => AppendOutcome.Unknown,
            });
            GoIfOver();
        });
    }

    public void Call(Effect.CallModel call)
    {
        var errand = _host.World.Starting ?? throw new InvalidOperationException("nobody starts a turn");
        _host.World.Witness.Called(errand, call.Call);
        Expect(call.Call.NewItems);
        var simulated = new SimulatedCall(_host, this, call.Turn, errand.AsksTwins);
        _calls.Add(simulated);
        simulated.Start();
    }

    public void CancelCall(TurnId turn) => _calls.Find(call => call.Turn == turn)?.Cancel();

    public void WakeAt(DateTimeOffset time)
    {
        var timer = ++_timer;
        var delay = Math.Max(0, (long)Math.Ceiling((time - _agenda.Time).TotalMilliseconds));
        _agenda.In(delay, _host, () =>
        {
            if (timer == _timer)
            {
                Inner.Wake(_agenda.Time);
            }
        });
    }

    public void Erase(JournalEnd end)
    {
        _isWriting = true;
        _host.World.Journal.Delete(_host, Key, end, () =>
        {
            _isWriting = false;
            Inner.Erased();
            GoIfOver();
        });
    }

    public void Answer(Action give) => _agenda.In(0, _host, () =>
    {
        give();
        foreach (var waiting in _waiting.FindAll(static waiting => waiting.Answer.IsCompleted))
        {
            _waiting.Remove(waiting);
            waiting.Take();
        }
    });

    public void Ended(ActivationEnd end, Exception? fault)
    {
        Say($"ends: {end}");
        if (fault is not null)
        {
            // Kept for the agenda: what is thrown here the activation itself would catch.
            _agenda.Fail(fault as BrokenInvariantException ??
                new BrokenInvariantException(Invariant.NoException, fault.ToString()));
        }
        else if (Inner.Work.Validated > _expectedItems || Inner.Work.Rendered > Renderable)
        {
            _agenda.Fail(new BrokenInvariantException(Invariant.WorkOnce, $"{Inner.Work} for {_expectedItems} items"));
        }

        foreach (var call in _calls.ToArray())
        {
            call.Cancel();
        }

        GoIfOver();
    }

    private void Open(Refusal? refusal)
    {
        var opened = new TaskCompletionSource<Answer<bool>>();
        Inner.Open(refusal, opened);
        _waiting.Add((opened.Task, static () => { }, () =>
        {
            var waiting = _whenOpen.ToArray();
            _whenOpen.Clear();
            foreach (var (_, run) in waiting)
            {
                run();
            }
        }));
    }

#pragma warning disable VSTHRD002 // The task has ended.
    private static T ResultOf<T>(Task<T> ended) => ended.GetAwaiter().GetResult();
#pragma warning restore VSTHRD002

    private void WhenOpen(Action lost, Action run)
    {
        if (Inner.Life == ActivationLife.Opening)
        {
            _whenOpen.Add((lost, run));
        }
        else
        {
            run();
        }
    }

    private void GoIfOver()
    {
        if (!IsGone)
        {
            return;
        }

        // Behind the answers that are due now.
        _agenda.In(1, _host, () =>
        {
            _host.Forget(this);
            _whenGone.ForEach(static run => run());
            _whenGone.Clear();
        });
    }

    private void Say(string what)
    {
        if (_agenda.Trace.IsKept)
        {
            _agenda.Trace.Say(
                _agenda.Now, $"host {_host.Number}: activation {Inner.Writer:x4} of {Inner.Key.Id} {what}");
        }
    }

    private sealed class Meters : IMeterFactory
    {
        public Meter Create(MeterOptions options) => new(options);

        public void Dispose()
        {
            // The meter lives as long as the process.
        }
    }
}

/// <summary>What one activation held, on its way to another.</summary>
/// <param name="Key">The conversation.</param>
/// <param name="Snapshot">All of it.</param>
/// <param name="Unrendered">Items that it had read and not rendered yet; maybe fewer.</param>
internal sealed record WarmMove(ConversationKey Key, byte[] Snapshot, long Unrendered);

/// <summary>The agenda's clock, as activations have it.</summary>
internal sealed class AgendaTime(Agenda agenda) : TimeProvider
{
    public override long TimestampFrequency => 1000;

    public override DateTimeOffset GetUtcNow() => agenda.Time;

    public override long GetTimestamp() => agenda.Now;
}
