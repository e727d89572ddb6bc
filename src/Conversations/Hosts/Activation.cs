using System.Buffers;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Timing;
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
    private readonly ActivationServices _services;
    private readonly IActivationWorld _world;
    private readonly ConversationFeed _feed;
    private bool _isShortened;
    private ContextSource _source;

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
        (Key, _services, _world) = (key, services, world);
        _feed = new ConversationFeed(key, services, world, readers);
    }

    /// <summary>The conversation.</summary>
    public ConversationKey Key { get; }

    /// <summary>64 random bits that no other activation has: the writer of its appends.</summary>
    public ulong Writer => _feed.Writer;

    /// <summary>Where it stands in its life.</summary>
    public ActivationLife Life => _feed.Life;

    /// <summary>Why it ended; null: it has not.</summary>
    public ActivationEnd? EndedBy => _feed.EndedBy;

    /// <summary>Whether nothing runs and nothing is being written.</summary>
    public bool IsAtRest => _feed.Conversation.IsAtRest;

    /// <summary>Whether nothing runs, nobody reads and no connection needs what it holds: it may go.</summary>
    public bool IsIdle => _feed.Conversation.IsIdle && _feed.Durable.IsEmpty;

    /// <summary>Whether it keeps what only histories may continue: see <see cref="Conversation.Keeps"/>.</summary>
    public bool Keeps => _feed.Conversation.Keeps;

    /// <summary>Whether <see cref="Dehydrate"/> may be called.</summary>
    public bool CanMove => EndedBy is null or ActivationEnd.Left &&
        _feed.Conversation is { IsAtRest: true, IsLost: false, IsDeleted: false };

    /// <summary>Where the journal ends, as far as it knows.</summary>
    public JournalEnd End => _feed.Conversation.End;

    /// <summary>Bytes it holds, estimated.</summary>
    public long Bytes => _feed.Conversation.Bytes;

    /// <summary>What it has done so far.</summary>
    public ConversationWork Work => _feed.Conversation.Work;

    /// <summary>Takes in one append of the journal, in order, before <see cref="Open"/>.</summary>
    /// <exception cref="JournalCorruptException">The append holds what no writer of ours wrote.</exception>
    public void Recover(JournalEntry entry)
    {
        _source = ContextSource.Reloaded;
        _feed.Conversation.Recover(entry);
    }

    /// <summary>Takes over what another activation wrote with <see cref="Dehydrate"/>, before
    /// <see cref="Open"/>.</summary>
    /// <param name="snapshot">What was written. The conversation keeps it, and nobody may write to it again.</param>
    /// <param name="error">Why the snapshot cannot be used, and the journal must be read.</param>
    public bool TryRehydrate(ReadOnlyMemory<byte> snapshot, out FormatException? error)
    {
        error = null;
        try
        {
            _feed.Conversation.Rehydrate(snapshot, _feed.Now);
            _source = ContextSource.Moved;
            return true;
        }
        catch (FormatException e)
        {
            _feed.Clear();
            error = e;
            return false;
        }
    }

    /// <summary>
    /// Opens it, when the journal was read: it claims the turns that an earlier activation left open, and takes those
    /// away whose lifetime is over.
    /// </summary>
    /// <param name="refusal">Why it cannot be opened; null: it can. Its callers get this refusal, or ask again.</param>
    /// <param name="opened">Is completed when it serves, or has ended.</param>
    public void Open(Refusal? refusal, TaskCompletionSource<Answer<bool>> opened)
    {
        if (refusal is not null)
        {
            _feed.Finish(ActivationEnd.Refused, refusal);
            _world.Answer(() => opened.TrySetResult(Answer.Refused<bool>(refusal)));
            return;
        }

        _feed.Run(conversation =>
        {
            var claim = conversation.EndAbandoned(_feed.Now);
            _feed.Durable.Add(Math.Max(claim, Expire(conversation)), opened, true);
            if (conversation.IsAtRest)
            {
                _feed.BecomeOpen();
            }
        });
        if (_feed.EndedBy is not null)
        {
            // A fault before the answer waited. Where it did wait, it was given before this.
            _world.Answer(() => opened.TrySetResult(NotServing<bool>()));
        }
    }

    /// <summary>Asks the conversation.</summary>
    public Answer<T> Ask<T>(Func<Conversation, DateTimeOffset, T> question)
    {
        if (!_feed.IsServing)
        {
            return NotServing<T>();
        }

        Answer<T>? answer = null;
        _feed.Run(conversation =>
        {
            Expire(conversation);
            try
            {
                answer = Answer.Given(question(conversation, _feed.Now));
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
            _feed.Durable.Add(record, answer, value);
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

            try
            {
                start.Clock?.ContextFrom(start.IsRecognised ? ContextSource.Recognised : _source);
                var turn = conversation.StartTurn(start, now).Turn;
                _services.Instruments.Roster.Began(start, turn.IsStored);
                _source = ContextSource.Warm;
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
        if (!_feed.IsServing)
        {
            _world.Answer(() => reading.Answer.TrySetResult(NotServing<EventBatch>()));
            return;
        }

        _feed.Read(reading);
        if (_feed.EndedBy == ActivationEnd.Faulted)
        {
            // This reader met the fault: in the next activation it would meet it again.
            _world.Answer(() => reading.Answer.TrySetResult(
                Answer.Refused<EventBatch>(ActivationRefusals.Fault)));
        }
    }

    /// <summary>Notes that the journal no longer holds what it knows; returns whether that is new.</summary>
    public bool NoteShortened() => !_isShortened && (_isShortened = true);

    /// <summary>The append under way has ended.</summary>
    public void Appended(AppendOutcome outcome) => _feed.Appended(outcome);

    /// <summary>A turn's model said something.</summary>
    public void ModelSaid(TurnId turn, IReadOnlyList<ModelEvent> events) => _feed.Run(conversation =>
    {
        var now = _feed.Now;
        for (var i = 0; i < events.Count; i++)
        {
            conversation.OnModelEvent(turn, events[i], now);
        }
    });

    /// <summary>A turn's model call is over.</summary>
    /// <param name="turn">The turn.</param>
    /// <param name="fault">A sentence for the client; null: the stream ended.</param>
    public void ModelEnded(TurnId turn, string? fault) =>
        _feed.Run(conversation => conversation.OnModelEnded(turn, fault, _feed.Now));

    /// <summary>The time that <see cref="IActivationWorld.WakeAt"/> named has come.</summary>
    /// <param name="at">The time when the host's timer fired, which may be before this input's turn came.</param>
    public void Wake(DateTimeOffset at) => _feed.Wake(at);

    /// <summary>The journal was deleted, or could not be: what was deleted stays deleted.</summary>
    public void Erased() => _feed.Erased();

    /// <summary>Ends running turns as interrupted.</summary>
    public void Interrupt() => _feed.Run(conversation => conversation.InterruptAll(_feed.Now));

    /// <summary>Ends running turns as interrupted, begins no more, and ends when their readers have seen it.</summary>
    public void Stop()
    {
        _feed.BecomeStopping();
        Interrupt();
    }

    /// <summary>Ends the activation if nothing needs it.</summary>
    public void LeaveIfIdle()
    {
        if (_feed.IsServing && IsIdle)
        {
            _feed.Finish(ActivationEnd.Left);
        }
    }

    /// <summary>Ends the activation, whatever it does.</summary>
    public void Leave() => _feed.Finish(ActivationEnd.Left);

    /// <summary>Writes all that it holds, where <see cref="CanMove"/>; also after <see cref="Leave"/>.</summary>
    public void Dehydrate(IBufferWriter<byte> writer) => _feed.Conversation.Dehydrate(writer);

    private long Expire(Conversation conversation) =>
        _services.Rules.Lifetimes?.CutoffOf(Key.Tenant, _feed.Now) is { } endedBy
            ? conversation.Expire(endedBy, _feed.Now)
            : 0;

    private Answer<T> NotServing<T>() => _feed.Refusal is { Kind: not RefusalKind.Unavailable } refusal
        ? Answer.Refused<T>(refusal)
        : Answer.AskAgain<T>(_feed.Refusal);
}
