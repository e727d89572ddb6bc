using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// One request to a host, from the question to the answer: the activation that is asked, the next one if that ends, and
/// what is done and asked again where the conversation is not settled. The rules are those of
/// <c>EmbeddedConversations.WithActiveAsync</c> and <c>ActiveConversation.SettleAsync</c>.
/// </summary>
/// <param name="host">The host that is asked.</param>
/// <param name="key">The conversation.</param>
/// <param name="ask">The input; it answers the request, now or later, or throws.</param>
/// <param name="done">Gets the answer, in a later happening of the host.</param>
internal sealed class HostRequest(SimulatedHost host, ConversationKey key,
    Action<SimulatedActivation, Conversation, HostRequest> ask, Action<HostReply> done)
{
    private const int ActivationsMax = 3;
    private const int SettlingsMax = 16;
    private const long ElsewhereWait = 20_000;
    private const long LookSoon = 50;
    private const long LookRarely = 500;

    private readonly Agenda _agenda = host.World.Agenda;
    private SimulatedActivation _active = null!;
    private int _tries = 1;
    private bool _isSettling;
    private int _settlings;
    private long _settlingSince;
    private long _pause;

    /// <summary>When it was asked, as a tick.</summary>
    public long AskedAt { get; private set; }

    /// <summary>Whether nobody waits for it any more.</summary>
    public bool IsAbandoned { get; private set; }

    public HostRequest Begin()
    {
        AskedAt = _agenda.Tick();
        Ask();
        return this;
    }

    public void Abandon() => IsAbandoned = true;

    public void Answer(object value) => Reply(new HostReply(value, null));

    /// <summary>Answers a reader, unless its events go on in another activation or at another host.</summary>
    public void AnswerRead(ReadStep step)
    {
        if (step.IsLost)
        {
            Fail(null);
        }
        else if (step.IsElsewhere)
        {
            Later(0, () => Settle(Unsettled.End));
        }
        else
        {
            Answer(step);
        }
    }

    /// <summary>The activation ended: with a refusal for everyone, or, null, ask the next.</summary>
    public void Fail(Refusal? refusal)
    {
        if (refusal is not null)
        {
            Refuse(refusal);
            return;
        }

        _isSettling = false;
        if (_tries++ >= ActivationsMax)
        {
            Refuse(new Refusal(RefusalKind.Unavailable, "The conversation cannot go on here now: try again."));
            return;
        }

        Later(0, () => _active.WhenEnded(Ask));
    }

    private void Ask()
    {
        if (!host.IsUp)
        {
            Refuse(new Refusal(RefusalKind.Unavailable, "The server is stopping: try again."));
            return;
        }

        _active = host.Activate(key);
        AskAgain();
    }

    private void AskAgain() => _active.Post(Deliver, Fail);

    private void Deliver(Conversation conversation)
    {
        if (IsAbandoned)
        {
            return;
        }

        conversation.IsFresh = _active.FreshAt >= AskedAt;
        try
        {
            ask(_active, conversation, this);
        }
        catch (ConversationException e)
        {
            Refuse(e.Refusal);
        }
        catch (UnsettledException e)
        {
            Later(0, () => Settle(e.What));
        }
    }

    private void Settle(Unsettled what)
    {
        if (IsAbandoned)
        {
            return;
        }

        if (!_isSettling)
        {
            (_isSettling, _settlings, _settlingSince, _pause) = (true, 0, _agenda.Now, LookSoon);
        }

        if (++_settlings > SettlingsMax)
        {
            Refuse(new Refusal(RefusalKind.Unavailable, "Other servers take this conversation over again and again."));
            return;
        }

        var isLate = _agenda.Now - _settlingSince >= ElsewhereWait;
        switch (what)
        {
            case Unsettled.End when isLate:
                Refuse(new Refusal(RefusalKind.Unavailable, "The response runs on another server.")
                {
                    RetryAfter = TimeSpan.FromSeconds(2),
                });
                break;
            case Unsettled.Claim:
            case Unsettled.EndOrClaim when isLate:
                TakeOver();
                break;
            case Unsettled.End or Unsettled.EndOrClaim:
                _settlings--;
                Later(_pause, CatchUp);
                _pause = Math.Min(_pause * 2, LookRarely);
                break;
            default:
                CatchUp();
                break;
        }
    }

    private void TakeOver() => _active.Post(conversation => _active.AnswerDurable(
        conversation.TakeOver(_agenda.Time), () => Later(0, AskAgain), Fail), Fail);

    private void CatchUp() => _active.Post(conversation =>
    {
        var begun = _agenda.Tick();
        host.World.Journal.Read(host, key, conversation.End, (tail, error) => TakeIn(tail, error, begun));
    }, Fail);

    private void TakeIn(List<JournalEntry>? tail, Exception? error, long begun)
    {
        switch (error)
        {
            case null:
                _active.Post(conversation =>
                {
                    conversation.OnTail(tail!);
                    _active.FreshAt = Math.Max(_active.FreshAt, begun);
                }, Fail);
                Later(0, AskAgain);
                break;
            case PositionTakenException:
                _active.Post(static conversation => conversation.OnAppendFailed());
                Fail(null);
                break;
            default:
                Refuse(new Refusal(RefusalKind.Unavailable, "The conversation cannot be read: try again."));
                break;
        }
    }

    private void Refuse(Refusal refusal) => Reply(new HostReply(null, refusal));

    // Nothing of a request goes on inside another's input.
    private void Later(long delay, Action run) => _agenda.In(delay, host, run);

    private void Reply(HostReply reply) => Later(0, () =>
    {
        if (!IsAbandoned)
        {
            IsAbandoned = true;
            done(reply);
        }
    });
}

/// <summary>A host's answer: a value, or why there is none.</summary>
internal readonly record struct HostReply(object? Value, Refusal? Refusal);
