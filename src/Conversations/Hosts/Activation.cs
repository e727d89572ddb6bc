using System.Buffers;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// One activation of a conversation: the <see cref="Conversation"/>, the readers and answers that wait, and its life.
/// The cluster's grain, the in-process host and the simulation use it, so the rules are the same in all of them.
/// </summary>
/// <remarks>
/// It is synchronous and has no lock: its host makes one call at a time. What it wants of the world goes out through
/// <see cref="IActivationWorld"/>, and the host reports back with another call. A host opens it with
/// <see cref="Recover"/> or <see cref="TryRehydrate"/>, then <see cref="Open"/>.
/// </remarks>
public sealed class Activation
{
    // An id that does not exist is seldom asked for once: its create is sent again, and its reader says goodbye.
    private static readonly TimeSpan EmptyTime = TimeSpan.FromSeconds(5);
    private readonly ActivationServices _services;
    private readonly IActivationWorld _world;
    private readonly ReaderQueue _readers;
    private readonly DurableAnswers _durable = new();
    private readonly ActivationReport _report;
    private Conversation _conversation;
    private DateTimeOffset? _emptyAt;
    private AppendOutcome _lastAppend;
    private Refusal? _refusal;

    /// <summary>An activation that is still to be opened.</summary>
    /// <param name="key">Whose conversation, and which.</param>
    /// <param name="services">What the host's activations share.</param>
    /// <param name="world">Does what the activation asks for.</param>
    public Activation(ConversationKey key, ActivationServices services, IActivationWorld world)
        : this(key, services, world, new ReaderQueue())
    {
    }

    internal Activation(ConversationKey key, ActivationServices services, IActivationWorld world, ReaderQueue readers)
    {
        ArgumentNullException.ThrowIfNull(services);
        (Key, _services, _world, _readers) = (key, services, world, readers);
        Writer = services.Ids.Next64();
        _report = new ActivationReport(key.Tenant, services);
        _conversation = NewConversation();
    }

    /// <summary>The conversation.</summary>
    public ConversationKey Key { get; }

    /// <summary>64 random bits that no other activation has: the writer of its appends.</summary>
    public ulong Writer { get; }

    /// <summary>Where it stands in its life.</summary>
    public ActivationLife Life { get; private set; }

    /// <summary>Why it ended; null: it has not.</summary>
    public ActivationEnd? EndedBy { get; private set; }

    /// <summary>Whether nothing runs and nothing is being written.</summary>
    public bool IsAtRest => _conversation.IsAtRest;

    /// <summary>Whether the journal has all that it holds, nothing runs and nobody reads: it may go.</summary>
    public bool IsIdle => _conversation.IsIdle && _durable.IsEmpty;

    /// <summary>Whether <see cref="Dehydrate"/> may be called.</summary>
    public bool CanMove => EndedBy is null or ActivationEnd.Left &&
        _conversation is { IsAtRest: true, IsLost: false, IsDeleted: false };

    /// <summary>Where the journal ends, as far as it knows.</summary>
    public JournalEnd End => _conversation.End;

    /// <summary>Bytes it holds, estimated.</summary>
    public long Bytes => _conversation.Bytes;

    /// <summary>What it has done so far.</summary>
    public ConversationWork Work => _conversation.Work;

    private DateTimeOffset Now => _services.Time.GetUtcNow();

    private bool IsServing => Life is ActivationLife.Open or ActivationLife.Stopping;

    /// <summary>Takes in one append of the journal, in order, before <see cref="Open"/>.</summary>
    /// <exception cref="JournalCorruptException">The append holds what no writer of ours wrote.</exception>
    public void Recover(JournalEntry entry) => _conversation.Recover(entry);

    /// <summary>Takes over what another activation wrote with <see cref="Dehydrate"/>, before
    /// <see cref="Open"/>.</summary>
    /// <param name="snapshot">What was written. The conversation keeps it, and nobody may write to it again.</param>
    /// <param name="error">Why the snapshot cannot be used, and the journal must be read.</param>
    public bool TryRehydrate(ReadOnlyMemory<byte> snapshot, out FormatException? error)
    {
        error = null;
        try
        {
            _conversation.Rehydrate(snapshot, Now);
            return true;
        }
        catch (FormatException e)
        {
            (_conversation, error) = (NewConversation(), e);
            return false;
        }
    }

    /// <summary>
    /// Opens it, when the journal was read: it claims the turns that an earlier activation left open.
    /// </summary>
    /// <param name="refusal">Why it cannot be opened; null: it can. Its callers get this refusal, or ask again.</param>
    /// <param name="opened">Is completed when it serves, or has ended.</param>
    public void Open(Refusal? refusal, TaskCompletionSource<Answer<bool>> opened)
    {
        if (refusal is not null)
        {
            Finish(ActivationEnd.Refused, refusal);
            _world.Answer(() => opened.TrySetResult(Answer.Refused<bool>(refusal)));
            return;
        }

        Run(conversation =>
        {
            _durable.Add(conversation.EndAbandoned(Now), opened, true);
            if (conversation.IsAtRest)
            {
                BecomeOpen();
            }
        });
    }

    /// <summary>Asks the conversation.</summary>
    public Answer<T> Ask<T>(Func<Conversation, DateTimeOffset, T> question)
    {
        if (!IsServing)
        {
            return NotServing<T>();
        }

        Answer<T>? answer = null;
        Run(conversation =>
        {
            try
            {
                answer = Answer.Given(question(conversation, Now));
            }
            catch (ConversationException e)
            {
                answer = Answer.Refused<T>(e.Refusal);
            }
        });
        return answer ?? Answer.Refused<T>(ActivationRefusals.Fault);
    }

    /// <summary>Asks the conversation; the answer waits until the record that the question names is durable.</summary>
    /// <param name="question">Gives the answer, and the record it depends on; 0: none.</param>
    /// <param name="answer">Is completed with the answer.</param>
    public void AskDurable<T>(
        Func<Conversation, DateTimeOffset, (T Value, long Record)> question, TaskCompletionSource<Answer<T>> answer)
    {
        var asked = Ask((conversation, now) =>
        {
            var (value, record) = question(conversation, now);
            _durable.Add(record, answer, value);
            return true;
        });
        if (asked.Kind != AnswerKind.Given)
        {
            var failed = new Answer<T>(asked.Kind, default, asked.Refusal);
            _world.Answer(() => answer.TrySetResult(failed));
        }
    }

    /// <summary>
    /// Starts a turn, or attaches to the one that its request id started. The answer waits until the turn's id is
    /// durable: before that, another activation could give the id to another turn.
    /// </summary>
    public void StartTurn(StartTurn start, TaskCompletionSource<Answer<StartedTurn>> answer) =>
        AskDurable((conversation, now) =>
        {
            if (Life == ActivationLife.Stopping)
            {
                throw new ConversationException(ActivationRefusals.Stopped);
            }

            var begun = _services.Time.GetTimestamp();
            try
            {
                var turn = conversation.StartTurn(start, now).Turn;
                _services.Instruments.PhaseEnded(ConversationPhase.Context, _services.Time.GetElapsedTime(begun));
                return (new StartedTurn(turn), conversation.StartRecord(turn));
            }
            catch (ForeignItemsException e)
            {
                return (new StartedTurn(default, e.Items), 0);
            }
        }, answer);

    /// <summary>Gives a reader the events of an attached turn, at once or when there are some.</summary>
    public void Read(Reading reading)
    {
        if (!IsServing)
        {
            _world.Answer(() => reading.Answer.TrySetResult(NotServing<EventBatch>()));
            return;
        }

        Run(conversation => _readers.Read(conversation, reading, _world.Answer));
    }

    /// <summary>The append under way has ended.</summary>
    public void Appended(AppendOutcome outcome) => Run(conversation =>
    {
        if (outcome == AppendOutcome.Stored)
        {
            conversation.OnAppended();
            if (Life == ActivationLife.Opening)
            {
                BecomeOpen();
            }

            return;
        }

        _lastAppend = outcome;
        conversation.OnAppendFailed();
    });

    /// <summary>A turn's model said something.</summary>
    public void ModelSaid(TurnId turn, IReadOnlyList<ModelEvent> events) => Run(conversation =>
    {
        var now = Now;
        for (var i = 0; i < events.Count; i++)
        {
            conversation.OnModelEvent(turn, events[i], now);
        }
    });

    /// <summary>A turn's model call is over.</summary>
    /// <param name="turn">The turn.</param>
    /// <param name="fault">A sentence for the client; null: the stream ended.</param>
    public void ModelEnded(TurnId turn, string? fault) =>
        Run(conversation => conversation.OnModelEnded(turn, fault, Now));

    /// <summary>The time that <see cref="IActivationWorld.WakeAt"/> named has come.</summary>
    public void Wake()
    {
        if (_emptyAt <= Now && _conversation.IsEmpty)
        {
            Finish(ActivationEnd.Left);
            return;
        }

        Run(conversation => conversation.OnTime(Now));
    }

    /// <summary>The journal was deleted, or could not be: what was deleted stays deleted.</summary>
    public void Erased()
    {
        _durable.Release(_conversation.DurableRecords, _world.Answer);
        Finish(ActivationEnd.Erased);
    }

    /// <summary>Ends running turns as interrupted.</summary>
    public void Interrupt() => Run(conversation => conversation.InterruptAll(Now));

    /// <summary>Ends running turns as interrupted, begins no more, and ends when their readers have seen it.</summary>
    public void Stop()
    {
        Life = Life == ActivationLife.Open ? ActivationLife.Stopping : Life;
        Interrupt();
    }

    /// <summary>Ends the activation if nothing needs it.</summary>
    public void LeaveIfIdle()
    {
        if (IsServing && IsIdle)
        {
            Finish(ActivationEnd.Left);
        }
    }

    /// <summary>Ends the activation, whatever it does.</summary>
    public void Leave() => Finish(ActivationEnd.Left);

    /// <summary>Writes all that it holds, where <see cref="CanMove"/>; also after <see cref="Leave"/>.</summary>
    public void Dehydrate(IBufferWriter<byte> writer) => _conversation.Dehydrate(writer);

    private Conversation NewConversation() => new(Key, Writer, _services.Models, _services.Ids, _services.Format);

    private void BecomeOpen()
    {
        Life = ActivationLife.Open;
        _services.Instruments.Activated();
    }

    private Answer<T> NotServing<T>() => _refusal is { Kind: not RefusalKind.Unavailable }
        ? Answer.Refused<T>(_refusal) : Answer.AskAgain<T>(_refusal);

    /// <summary>Feeds one input and has its effects run. A fault of ours ends the activation.</summary>
    private void Run(Action<Conversation> input)
    {
        if (Life is ActivationLife.Erasing or ActivationLife.Ended)
        {
            return;
        }

        try
        {
            input(_conversation);
            RunEffects();
        }
        catch (Exception e)
        {
            Finish(ActivationEnd.Faulted, fault: e);
        }
    }

    private void RunEffects()
    {
        foreach (var effect in _conversation.TakeEffects())
        {
            Run(effect);
        }

        _report.Update(_conversation);
        if (_conversation.IsLost)
        {
            _services.Instruments.Lost();
            Finish(_lastAppend == AppendOutcome.Unknown ? ActivationEnd.JournalFailed : ActivationEnd.Taken,
                _lastAppend == AppendOutcome.Unknown ? ActivationRefusals.NotWritten : null);
        }
        else if (Life != ActivationLife.Erasing)
        {
            _durable.Release(_conversation.DurableRecords, _world.Answer);
            EndIfDone();
        }
    }

    private void Run(Effect effect)
    {
        switch (effect)
        {
            case Effect.Append append:
                _world.Append(append.End, Writer, append.Records);
                break;
            case Effect.CallModel call:
                _world.Call(call);
                break;
            case Effect.CancelCall cancel:
                _world.CancelCall(cancel.Turn);
                break;
            case Effect.WakeReaders wake:
                _readers.Wake(_conversation, wake.Turn, _world.Answer);
                break;
            case Effect.WakeAt wake:
                _world.WakeAt(wake.Time);
                break;
            case Effect.DeleteJournal delete:
                Life = ActivationLife.Erasing;
                _world.Erase(delete.End);
                break;
        }
    }

    private void EndIfDone()
    {
        if (Life == ActivationLife.Stopping && _conversation is { IsAtRest: true, HasReaders: false })
        {
            Finish(ActivationEnd.Left);
        }
        else if (_conversation.IsEmpty)
        {
            _emptyAt = Now + EmptyTime;
            _world.WakeAt(_emptyAt.Value);
        }
    }

    /// <summary>Ends the activation. Its callers ask the next one, or get the refusal if there is one.</summary>
    private void Finish(ActivationEnd end, Refusal? refusal = null, Exception? fault = null)
    {
        if (EndedBy is not null)
        {
            return;
        }

        if (Life != ActivationLife.Opening)
        {
            _services.Instruments.Passivated();
        }

        (EndedBy, Life, _refusal) = (end, ActivationLife.Ended, refusal);
        _readers.EndAll(_world.Answer);
        _durable.FailAll(refusal, _world.Answer);
        _world.Ended(end, fault);
    }
}
