using System.Buffers;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// An activation of a conversation in a host: it feeds it inputs one at a time and runs its effects, as
/// <c>ActiveConversation</c> does.
/// </summary>
internal sealed partial class SimulatedActivation
{
    private readonly SimulatedHost _host;
    private readonly int _life;
    private readonly Agenda _agenda;
    private readonly Conversation _conversation;
    private readonly SimulatedBackend _backend = new();
    private readonly List<Letter> _letters = [];
    private readonly List<Action> _whenEnded = [];
    private long _expectedItems;
    private long _unrendered;
    private bool _isEnding;
    private bool _isStopping;
    private bool _isGraceOver;
    private bool _isJournalFailing;
    private bool _isWriting;
    private State _state = State.Opening;
    private Refusal? _reason;

    public SimulatedActivation(SimulatedHost host, ConversationKey key)
    {
        (_host, _life, Key, _agenda) = (host, host.Life, key, host.World.Agenda);
        Writer = _agenda.Next64();
        _conversation = new Conversation(key, Writer, new ModelCatalog([_backend]), _agenda)
        {
            Planted = host.World.Planted,
        };
    }

    private enum State
    {
        Opening,
        Serving,
        Ending,
        Ended,
    }

    public SimulatedHost Host => _host;

    public ConversationKey Key { get; }

    public ulong Writer { get; }

    public bool IsServing => _state == State.Serving;

    public bool IsStopping => _isStopping;

    /// <summary>When the newest look at the journal began of which all was taken in, as a tick.</summary>
    public long FreshAt { get; set; }

    // What came here unrendered, was read or is new, once each.
    private long Renderable => _unrendered + _conversation.Work.Validated + _conversation.Work.Recovered;

    private bool IsOver => _isEnding || _conversation.IsLost || _conversation.IsDeleted ||
        (_isStopping && _conversation.IsAtRest && (_isGraceOver || !_conversation.HasReaders));

    public void Open()
    {
        FreshAt = _agenda.Tick();
        Say("opens");
        _host.World.Journal.Read(_host, Key, JournalEnd.None, Recover);
    }

    /// <summary>All that it holds, where it may move now; null: it may not.</summary>
    public WarmMove? Dehydrate()
    {
        if (!IsServing || IsOver || !_conversation.IsAtRest)
        {
            return null;
        }

        var snapshot = new ArrayBufferWriter<byte>();
        _conversation.Dehydrate(snapshot);
        return new WarmMove(Key, snapshot.WrittenSpan.ToArray(), FreshAt, Renderable - _conversation.Work.Rendered);
    }

    /// <summary>Opens with what another activation held, as fresh as that was, and reads nothing.</summary>
    public void Rehydrate(WarmMove move)
    {
        (FreshAt, _unrendered) = (move.FreshAt, move.Unrendered);
        Say("opens, warm");
        _conversation.Rehydrate(move.Snapshot, _agenda.Time);
        Serve();
    }

    /// <summary>Gives the conversation an input, or keeps it until it is open.</summary>
    /// <param name="deliver">The input.</param>
    /// <param name="fail">Called instead where it has ended; with a refusal, or with null: ask the next.</param>
    public void Post(Action<Conversation> deliver, Action<Refusal?>? fail = null)
    {
        if (_life != _host.Life)
        {
            // It died with its host.
            return;
        }

        switch (_state)
        {
            case State.Opening:
                _letters.Add(new Letter(deliver, fail));
                break;
            case State.Serving:
                Deliver(deliver);
                break;
            default:
                fail?.Invoke(null);
                break;
        }
    }

    /// <summary>Calls back when nothing of the activation is left.</summary>
    public void WhenEnded(Action run)
    {
        if (_state == State.Ended)
        {
            run();
        }
        else
        {
            _whenEnded.Add(run);
        }
    }

    public void Stop(long grace)
    {
        Post(conversation =>
        {
            conversation.InterruptAll(_agenda.Time);
            _isStopping = true;
        });
        _agenda.In(grace, _host, () => Post(_ => _isGraceOver = true));
    }

    /// <summary>Ends the activation whatever it does, as a host does that met a fault or gives it away.</summary>
    public void Drop() => Post(_ => _isEnding = true);

    /// <summary>Ends it if nothing needs it.</summary>
    public void Passivate() => Post(conversation => _isEnding |= conversation.IsIdle);

    private void Recover(List<JournalEntry>? entries, Exception? error)
    {
        if (error is not null)
        {
            Close(error is PositionTakenException ? null : NotOpened());
            return;
        }

        try
        {
            entries!.ForEach(_conversation.Recover);
        }
        catch (JournalCorruptException e)
        {
            throw new BrokenInvariantException(Invariant.JournalOpens, e.Message);
        }

        if (_host.TakeLost(Key, _conversation.End.LastWriter) && _conversation.HasAbandonedTurns)
        {
            _conversation.TakeOver(_agenda.Time);
            foreach (var effect in _conversation.TakeEffects())
            {
                Run(effect);
            }

            return;
        }

        Serve();
    }

    private void Serve()
    {
        _state = State.Serving;
        Deliver(static _ => { });
        foreach (var letter in _letters.ToArray())
        {
            Post(letter.Deliver, letter.Fail);
        }

        _letters.Clear();
    }

    private void Deliver(Action<Conversation> deliver)
    {
        deliver(_conversation);
        RunEffects();
        _isEnding |= _conversation.IsEmpty && _letters.Count == 0;
        if (IsOver)
        {
            Close(null);
        }
    }

    /// <summary>Lets nothing in any more; ends when what is being written is.</summary>
    private void Close(Refusal? reason)
    {
        Say($"closes{(_conversation.IsLost ? ", lost" : "")}");
        CheckWork();
        if (_state == State.Serving && (!_conversation.IsAtRest || _conversation.IsLost))
        {
            _host.AddLost(Key, Writer);
        }

        (_state, _reason) = (State.Ending, reason);
        FailAll(_letters, letter => letter.Fail?.Invoke(reason));
        FailAll(_waiting, reader => reader.Request.Fail(reason));
        foreach (var call in _calls.ToArray())
        {
            call.Cancel();
        }

        if (!_isWriting)
        {
            Finish();
        }
    }

    private void Finish()
    {
        if (_conversation.IsDeleted)
        {
            ReleaseDurable();
        }

        var reason = _isJournalFailing ? Unavailable("The conversation cannot be written: try again.") : _reason;
        FailAll(_durable, waiting => waiting.Fail(reason));
        _state = State.Ended;
        _host.Forget(this);
        FailAll(_whenEnded, static run => run());
    }

    private static void FailAll<T>(List<T> waiting, Action<T> fail)
    {
        foreach (var one in waiting.ToArray())
        {
            fail(one);
        }

        waiting.Clear();
    }

    private void CheckWork()
    {
        var work = _conversation.Work;
        if (work.Validated > _expectedItems || work.Rendered > Renderable)
        {
            throw new BrokenInvariantException(Invariant.WorkOnce,
                $"{work} for {_expectedItems} new items");
        }
    }

    private static Refusal NotOpened() => Unavailable("The conversation cannot be opened: try again.");

    private static Refusal Unavailable(string message) => new(RefusalKind.Unavailable, message);

    private void Say(string what)
    {
        if (_agenda.Trace.IsKept)
        {
            _agenda.Trace.Say(_agenda.Now, $"host {_host.Number}: activation {Writer:x4} of {Key.Id} {what}");
        }
    }

    private readonly record struct Letter(Action<Conversation> Deliver, Action<Refusal?>? Fail);
}

/// <summary>What one activation held, on its way to another.</summary>
/// <param name="Key">The conversation.</param>
/// <param name="Snapshot">All of it.</param>
/// <param name="FreshAt">How fresh it was, as a tick.</param>
/// <param name="Unrendered">Items that it had read and not rendered yet; maybe fewer.</param>
internal sealed record WarmMove(ConversationKey Key, byte[] Snapshot, long FreshAt, long Unrendered);
