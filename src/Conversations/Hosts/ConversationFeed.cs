using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// Feeds inputs to a conversation and hands its effects to the world, until the activation ends. It holds the
/// activation's life, and the readers and answers that end with it.
/// </summary>
internal sealed class ConversationFeed
{
    // An id that does not exist is seldom asked for once: its create is sent again, and its reader says goodbye.
    private static readonly TimeSpan EmptyTime = TimeSpan.FromSeconds(5);

    private readonly ConversationKey _key;
    private readonly ActivationServices _services;
    private readonly IActivationWorld _world;
    private readonly ReaderQueue _readers;
    private readonly TenantHolding? _holding;
    private readonly ActivationReport _report;
    private DateTimeOffset? _emptyAt;
    private AppendOutcome _lastAppend;

    /// <summary>A feed into an empty conversation.</summary>
    public ConversationFeed(
        ConversationKey key, ActivationServices services, IActivationWorld world, ReaderQueue readers)
    {
        (_key, _services, _world, _readers) = (key, services, world, readers);
        Writer = services.Ids.Next64();
        _holding = services.Instruments.Holding?.Of(key.Tenant);
        _report = new ActivationReport(key, services, _holding);
        Conversation = NewConversation();
    }

    /// <summary>64 random bits that no other activation has.</summary>
    public ulong Writer { get; }

    /// <summary>The conversation. A change to it goes through <see cref="Run(Action{Conversation})"/>.</summary>
    public Conversation Conversation { get; private set; }

    /// <summary>Answers that wait until a record is durable.</summary>
    public DurableAnswers Durable { get; } = new();

    public ActivationLife Life { get; private set; }

    /// <summary>Why the activation ended; null: it has not.</summary>
    public ActivationEnd? EndedBy { get; private set; }

    /// <summary>What callers of an activation that has ended are told; null: nothing but to ask the next one.</summary>
    public Refusal? Refusal { get; private set; }

    public bool IsServing => Life is ActivationLife.Open or ActivationLife.Stopping;

    public DateTimeOffset Now => _services.Time.GetUtcNow();

    /// <summary>Begins again with an empty conversation: the one before took over what it cannot use.</summary>
    public void Clear() => Conversation = NewConversation();

    /// <summary>The activation serves from now on.</summary>
    public void BecomeOpen()
    {
        Life = ActivationLife.Open;
        _services.Instruments.Activated();
    }

    /// <summary>The activation begins no more turns, and ends when it is at rest and nobody reads.</summary>
    public void BecomeStopping() => Life = Life == ActivationLife.Open ? ActivationLife.Stopping : Life;

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

    /// <summary>Gives a reader the events of its turn, at once or when there are some.</summary>
    public void Read(Reading reading) => Run(conversation => _readers.Read(conversation, reading, _world.Answer));

    /// <summary>The time that was asked for has come.</summary>
    public void Wake(DateTimeOffset at)
    {
        if (_emptyAt is { } emptyAt && Conversation.IsEmpty && Life != ActivationLife.Ended)
        {
            // A timer may be early by less than a millisecond.
            if (emptyAt - Now < TimeSpan.FromMilliseconds(1))
            {
                Finish(ActivationEnd.Emptied);
            }
            else
            {
                _world.WakeAt(emptyAt);
            }

            return;
        }

        Run(conversation => conversation.OnTime(at));
    }

    /// <summary>The journal was deleted, or could not be.</summary>
    public void Erased()
    {
        Durable.Release(Conversation.DurableRecords, _world.Answer);
        Finish(ActivationEnd.Erased);
    }

    /// <summary>Feeds one input and has its effects run. A fault of ours ends the activation.</summary>
    public void Run(Action<Conversation> input)
    {
        if (Life is ActivationLife.Erasing or ActivationLife.Ended)
        {
            return;
        }

        try
        {
            input(Conversation);
            RunEffects();
        }
        catch (Exception e)
        {
            Finish(ActivationEnd.Faulted, fault: e);
        }
    }

    /// <summary>Ends the activation. Its callers ask the next one, or get the refusal if there is one.</summary>
    public void Finish(ActivationEnd end, Refusal? refusal = null, Exception? fault = null)
    {
        if (EndedBy is not null)
        {
            return;
        }

        if (Life != ActivationLife.Opening)
        {
            _services.Instruments.Passivated();
        }

        (EndedBy, Life, Refusal) = (end, ActivationLife.Ended, refusal);
        _report.End();
        _readers.EndAll(_world.Answer);
        Durable.FailAll(refusal, _world.Answer);
        _world.Ended(end, fault);
    }

    private Conversation NewConversation() =>
        new(_key, Writer, _services.Models, _services.Ids, _services.Rules.Format)
        {
            Holding = _holding,
            Recognises = _services.Rules.Known?.IsOnFor(_key.Tenant) ?? false,
            UnstoredGrace = _services.Rules.Known?.GraceOf(_key.Tenant) ?? TimeSpan.Zero,
        };

    private void RunEffects()
    {
        foreach (var effect in Conversation.TakeEffects())
        {
            Run(effect);
        }

        _report.Update(Conversation);
        if (Conversation.IsLost)
        {
            _services.Instruments.Lost();
            Finish(_lastAppend == AppendOutcome.Unknown ? ActivationEnd.JournalFailed : ActivationEnd.Taken,
                _lastAppend == AppendOutcome.Unknown ? ActivationRefusals.NotWritten : null);
        }
        else if (Life != ActivationLife.Erasing)
        {
            Durable.Release(Conversation.DurableRecords, _world.Answer);
            EndIfDone();
        }
    }

    private void Run(Effect effect)
    {
        switch (effect)
        {
            case Effect.Append append:
                _world.Append(append, Writer);
                break;
            case Effect.CallModel call:
                _world.Call(call);
                break;
            case Effect.CancelCall cancel:
                _world.CancelCall(cancel.Turn);
                break;
            case Effect.WakeReaders wake:
                _readers.Wake(Conversation, wake.Turn, _world.Answer);
                break;
            case Effect.NoteEnd note:
                _services.Rules.Known?.Ended(note.Entry);
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
        if (Life == ActivationLife.Stopping && Conversation is { IsAtRest: true, HasReaders: false })
        {
            Finish(ActivationEnd.Left);
        }
        else if (!Conversation.IsEmpty)
        {
            _emptyAt = null;
        }
        else if (_emptyAt is null)
        {
            // Who asks again and again gets no longer life for it: what the journal holds by then counts.
            _emptyAt = Now + EmptyTime;
            _world.WakeAt(_emptyAt.Value);
        }
    }
}
