using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// One request through a frontend's host, from the question to the answer: it asks the activation that the directory
/// names, and the next one where that ends, dies or does not answer, as <c>ConversationRouter</c> does.
/// </summary>
/// <param name="host">The host of the frontend.</param>
/// <param name="key">The conversation.</param>
/// <param name="ask">Asks an activation for this request.</param>
/// <param name="done">Gets the answer, in a later happening of the frontend's host.</param>
internal sealed class HostRequest(SimulatedHost host, ConversationKey key,
    Action<SimulatedActivation, HostRequest> ask, Action<HostReply> done)
{
    private const long RetryTime = 20_000;
    private const int CallTime = 1500;
    private readonly Agenda _agenda = host.World.Agenda;
    private long _begun;
    private int _try;

    /// <summary>When it was asked, as a tick.</summary>
    public long AskedAt { get; private set; }

    /// <summary>How often an activation was asked: what became of the tries before the last is not known.</summary>
    public int Tries => _try;

    /// <summary>Whether nobody waits for it any more.</summary>
    public bool IsAbandoned { get; private set; }

    public HostRequest Begin()
    {
        (AskedAt, _begun) = (_agenda.Tick(), _agenda.Now);
        Ask();
        return this;
    }

    public void Abandon() => IsAbandoned = true;

    /// <summary>Takes an activation's answer.</summary>
    public void Take<T>(SimulatedActivation active, Answer<T> answer, Action<T> given)
    {
        var isBehind = active.IsBehind;
        switch (answer.Kind)
        {
            case AnswerKind.Given:
                given(answer.Value!);
                break;
            case AnswerKind.Refused:
                Reply(new HostReply(null, answer.Refusal) { WasBehind = isBehind });
                break;
            default:
                var asked = _try;
                Later(0, () => active.WhenGone(() => Later(0, () => AskAgain(asked))));
                break;
        }
    }

    /// <summary>Answers it.</summary>
    public void Answer(object value) => Reply(new HostReply(value, null));

    /// <summary>What happens if the activation that is asked now dies with its host.</summary>
    public Action WhenLost()
    {
        var asked = _try;
        return () => Later(_agenda.Between(1, 50), () => AskAgain(asked));
    }

    private void Ask()
    {
        if (!host.IsUp)
        {
            Reply(Unavailable("The server is stopping: try again."));
            return;
        }

        var (active, asked) = (host.World.Route(host, key), ++_try);
        if (active.Host == host)
        {
            ask(active, this);
        }
        else
        {
            // It takes its way there, and waits in a paused host's sockets.
            _agenda.In(_agenda.Below(3), active.Host, () => ask(active, this));
        }

        Later(CallTime, () => AskAgainIfSilent(active, asked));
    }

    // A reader of a silent model is no sign of death; a host that is paused or gone is.
    private void AskAgainIfSilent(SimulatedActivation active, int asked)
    {
        if (asked == _try && active.Host != host && (active.IsGone || active.Host.IsPaused))
        {
            AskAgain(asked);
        }
    }

    private void AskAgain(int asked)
    {
        if (IsAbandoned || asked != _try)
        {
            return;
        }

        if (_agenda.Now - _begun > RetryTime)
        {
            Reply(Unavailable("The conversation cannot go on here now: try again."));
            return;
        }

        Ask();
    }

    private static HostReply Unavailable(string message) => new(null, new Refusal(RefusalKind.Unavailable, message));

    // Nothing of a request goes on inside another's input.
    private void Later(long delay, Action run) => _agenda.In(delay, host, run);

    private void Reply(HostReply reply)
    {
        var asked = _try;
        Later(0, () =>
        {
            // A late answer to an earlier try counts as well as any: the same request has the same answer.
            if (!IsAbandoned && asked <= _try)
            {
                IsAbandoned = true;
                done(reply);
            }
        });
    }
}

/// <summary>A host's answer: a value, or why there is none.</summary>
internal readonly record struct HostReply(object? Value, Refusal? Refusal)
{
    /// <summary>Whether the activation that answered had not read all of the journal.</summary>
    public bool WasBehind { get; init; }
}
