using System.Runtime.CompilerServices;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Grains.Calls;

namespace Evergrain.Grains.Activation;

/// <content>
/// Readers. Each is an enumeration that Orleans pulls; one that breaks off may be a connection that will ask again, so
/// it goes on counting as a reader until it says goodbye or its grace is over.
/// </content>
internal sealed partial class ConversationGrain
{
    private readonly Dictionary<ulong, (TurnId Turn, IGrainTimer Grace)> _brokenOff = [];

    // How many enumerations of a reader are alive: an old one may not have been ended yet when it asks again.
    private readonly Dictionary<ulong, int> _reading = [];
    private readonly HashSet<ulong> _saidGoodbye = [];

    /// <inheritdoc/>
    public async IAsyncEnumerable<EventsAnswer> ReadEvents(TurnRequest turn, int from, ulong reader,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (Attach(turn) is { } notAttached)
        {
            yield return notAttached;
            yield break;
        }

        LeaveGrace(reader);
        _reading[reader] = _reading.GetValueOrDefault(reader) + 1;
        var isLast = false;
        try
        {
            while (!isLast)
            {
                var answer = await NextAsync(turn, from, cancellationToken);
                isLast = answer.IsLast || answer.Kind != AnswerKind.Given;
                from += answer.Events.Length;
                yield return answer;
            }
        }
        finally
        {
            if (Ends(reader) | isLast)
            {
                Input(conversation => conversation.Detach(turn.Turn, Now));
            }
            else
            {
                EnterGrace(turn.Turn, reader);
                Report();
            }
        }
    }

    /// <inheritdoc/>
    public Task StopReading(ulong reader)
    {
        if (_isPassing)
        {
            DeactivateOnIdle();
        }

        // It may be told before Orleans has ended the enumeration, which counts until then.
        if (_reading.ContainsKey(reader))
        {
            _saidGoodbye.Add(reader);
        }

        LeaveGrace(reader);
        return Task.CompletedTask;
    }

    /// <summary>One of a reader's enumerations ends; gives whether it has said that it will not come back.</summary>
    private bool Ends(ulong reader)
    {
        var isGone = _saidGoodbye.Contains(reader);
        if (--_reading[reader] == 0)
        {
            _reading.Remove(reader);
            _saidGoodbye.Remove(reader);
        }

        return isGone;
    }

    private EventsAnswer? Attach(TurnRequest turn)
    {
        var attached = Ask(conversation =>
        {
            conversation.Attach(turn.Turn, turn.Lease, Now);
            return true;
        });
        return attached.Kind == AnswerKind.Given
            ? null
            : new EventsAnswer { Kind = attached.Kind, Refusal = attached.Refusal };
    }

    private async ValueTask<EventsAnswer> NextAsync(TurnRequest turn, int from, CancellationToken cancellationToken)
    {
        if (_isOver)
        {
            return EventsAnswer.AskAgain;
        }

        var waiting = new TaskCompletionSource<ReadStep>(TaskCreationOptions.RunContinuationsAsynchronously);
        var (address, isKnown) = (AddressOf(turn), false);
        Input(conversation =>
        {
            _waiting.Read(conversation, address, from, waiting);
            isKnown = true;
        });
        if (!isKnown)
        {
            return EventsAnswer.Refused(Faulted);
        }

        await using var registration = cancellationToken.UnsafeRegister(
            static (state, token) => ((TaskCompletionSource<ReadStep>)state!).TrySetCanceled(token), waiting);
        try
        {
            return Answered(await waiting.Task, address);
        }
        catch (ActivationEndedException)
        {
            return EventsAnswer.AskAgain;
        }
    }

    private TurnAddress AddressOf(TurnRequest turn) =>
        new(_key.Tenant, new ResponseId(_key.Id, turn.Turn), turn.Lease);

    private static EventsAnswer Answered(ReadStep step, TurnAddress turn) => step switch
    {
        { IsGone: true } => EventsAnswer.Refused(
            new Refusal(RefusalKind.NotFound, $"Response with id '{turn.Response}' not found.")),
        { IsLost: true } or { IsElsewhere: true } => EventsAnswer.AskAgain,
        _ => new EventsAnswer { Kind = AnswerKind.Given, Events = [.. step.Events], IsLast = step.IsLast },
    };

    private void EnterGrace(TurnId turn, ulong reader)
    {
        // An enumeration that Orleans ended late may be followed by another of the same reader: each is let go of once.
        LeaveGrace(reader);
        if (!_isOver)
        {
            var grace = Timer(() => LeaveGrace(reader));
            _brokenOff[reader] = (turn, grace);
            grace.Change(services.Options.ReaderGrace, Timeout.InfiniteTimeSpan);
        }
    }

    private void LeaveGrace(ulong reader)
    {
        if (_brokenOff.Remove(reader, out var left))
        {
            left.Grace.Dispose();
            Input(conversation => conversation.Detach(left.Turn, Now));
        }
    }
}
