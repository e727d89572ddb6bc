using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Simulation;

/// <content>Running what the conversation asks of the world, and the answers that wait.</content>
internal sealed partial class SimulatedActivation
{
    private readonly List<SimulatedCall> _calls = [];
    private readonly List<WaitingReader> _waiting = [];
    private readonly List<WaitingAnswer> _durable = [];
    private int _timer;

    /// <summary>Answers once a record is durable, 0: after this input; or says that it never will be.</summary>
    public void AnswerDurable(long record, Action give, Action<Refusal?> fail) =>
        _durable.Add(new WaitingAnswer(record, give, fail));

    /// <summary>Answers a reader with what is visible, or lets it wait.</summary>
    public void Read(HostRequest request, Errand errand, TurnAddress turn, int from)
    {
        var waiting = new WaitingReader(request, errand, turn, from);
        if (!TryAnswer(waiting))
        {
            _waiting.Add(waiting);
        }
    }

    /// <summary>Notes items that are to be validated and rendered here, once.</summary>
    public void Expect(int items) => _expectedItems += items;

    /// <summary>A model call is over.</summary>
    public void Ended(SimulatedCall call) => _calls.Remove(call);

    private void RunEffects()
    {
        foreach (var effect in _conversation.TakeEffects())
        {
            Run(effect);
        }

        if (!_conversation.IsDeleted)
        {
            ReleaseDurable();
        }
    }

    private void Run(Effect effect)
    {
        switch (effect)
        {
            case Effect.Append append:
                _isWriting = true;
                _host.World.Journal.Append(_host, Key, append, Writer, OnAppended);
                break;
            case Effect.CallModel call:
                Call(call);
                break;
            case Effect.CancelCall cancel:
                _calls.Find(call => call.Turn == cancel.Turn)?.Cancel();
                break;
            case Effect.WakeReaders wake:
                Wake(wake.Turn);
                break;
            case Effect.WakeAt wake:
                var timer = ++_timer;
                var delay = Math.Max(0, (long)Math.Ceiling((wake.Time - _agenda.Time).TotalMilliseconds));
                _agenda.In(delay, _host, () => OnTimer(timer));
                break;
            case Effect.DeleteJournal delete:
                _isWriting = true;
                _host.World.Journal.Delete(_host, Key, delete.End, () => OnWritten(null));
                break;
        }
    }

    private void Call(Effect.CallModel effect)
    {
        var errand = _host.World.Starting ?? throw new InvalidOperationException("nobody starts a turn");
        _host.World.Witness.Called(errand, effect.Call);
        Expect(effect.Call.NewItems);
        var call = new SimulatedCall(_host, this, effect.Turn);
        _calls.Add(call);
        call.Start();
    }

    private void OnAppended(Exception? error)
    {
        _isJournalFailing = error is not (null or PositionTakenException);
        if (_state == State.Opening)
        {
            // The claim after a death of our own.
            _isWriting = false;
            OnClaimed(error);
            return;
        }

        OnWritten(conversation =>
        {
            if (error is null)
            {
                conversation.OnAppended();
            }
            else
            {
                conversation.OnAppendFailed();
            }
        });
    }

    private void OnClaimed(Exception? error)
    {
        if (error is null)
        {
            _conversation.OnAppended();
            Serve();
        }
        else
        {
            Close(_isJournalFailing ? NotOpened() : null);
        }
    }

    private void OnWritten(Action<Conversation>? told)
    {
        _isWriting = false;
        if (_state == State.Ending)
        {
            Finish();
        }
        else if (told is not null)
        {
            Post(told);
        }
    }

    private void OnTimer(int timer)
    {
        if (timer == _timer)
        {
            Post(conversation => conversation.OnTime(_agenda.Time));
        }
    }

    private void ReleaseDurable()
    {
        for (var i = 0; i < _durable.Count;)
        {
            var waiting = _durable[i];
            if (waiting.Record > _conversation.DurableRecords)
            {
                i++;
                continue;
            }

            _durable.RemoveAt(i);
            waiting.Give();
        }
    }

    private void Wake(TurnId turn)
    {
        for (var i = 0; i < _waiting.Count;)
        {
            if (_waiting[i].Turn.Response.Turn == turn && TryAnswer(_waiting[i]))
            {
                _waiting.RemoveAt(i);
            }
            else
            {
                i++;
            }
        }
    }

    private bool TryAnswer(WaitingReader reader)
    {
        if (reader.Request.IsAbandoned)
        {
            return true;
        }

        var step = _conversation.Read(reader.Turn.Response.Turn, reader.Turn.Lease, reader.From);
        if (step.MustWait)
        {
            return false;
        }

        _host.World.Witness.Read(reader.Errand, reader.From, step);
        reader.Request.AnswerRead(step);
        return true;
    }

    private readonly record struct WaitingReader(HostRequest Request, Errand Errand, TurnAddress Turn, int From);

    private readonly record struct WaitingAnswer(long Record, Action Give, Action<Refusal?> Fail);
}
