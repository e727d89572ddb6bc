using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Hosts;

/// <summary>Readers that wait for the next events of their turns.</summary>
internal class ReaderQueue
{
    private readonly List<Reading> _waiting = [];

    /// <summary>Hands over an answer with what is visible, or lets the reader wait for it.</summary>
    public void Read(Conversation conversation, Reading reading, Action<Action> handOver)
    {
        if (!TryAnswer(conversation, reading, handOver))
        {
            // A reader that left completed its own task.
            _waiting.RemoveAll(static reader => reader.Answer.Task.IsCompleted);
            _waiting.Add(reading);
        }
    }

    /// <summary>Answers the readers of a turn that has something for them now.</summary>
    public void Wake(Conversation conversation, TurnId turn, Action<Action> handOver)
    {
        for (var i = 0; i < _waiting.Count;)
        {
            if (_waiting[i].Turn.Response.Turn == turn && TryAnswer(conversation, _waiting[i], handOver))
            {
                _waiting.RemoveAt(i);
            }
            else
            {
                i++;
            }
        }
    }

    /// <summary>Ends every wait: the readers read on in the next activation.</summary>
    public void EndAll(Action<Action> handOver)
    {
        foreach (var reader in _waiting)
        {
            handOver(() => reader.Answer.TrySetResult(Answer.AskAgain<EventBatch>()));
        }

        _waiting.Clear();
    }

    /// <summary>What a reader gets at once. Tests override it with a mistake that the simulation must find.</summary>
    protected virtual ReadStep Next(Conversation conversation, TurnAddress turn, int from) =>
        conversation.Read(turn.Response.Turn, turn.Lease, from);

    private bool TryAnswer(Conversation conversation, Reading reader, Action<Action> handOver)
    {
        if (reader.Answer.Task.IsCompleted)
        {
            // It has left: its turn's events need not be made again for it.
            return true;
        }

        var step = Next(conversation, reader.Turn, reader.From);
        if (step.MustWait)
        {
            return false;
        }

        var answer = step switch
        {
            { IsGone: true } => Answer.Refused<EventBatch>(
                ActivationRefusals.NotFound(reader.Turn.Response)),
            { IsLost: true } => Answer.AskAgain<EventBatch>(),
            _ => Answer.Given(new EventBatch(reader.From, step.Events, step.IsLast)
            {
                Timing = step.Timing,
                History = step.History,
            }),
        };
        handOver(() => reader.Answer.TrySetResult(answer));
        return true;
    }
}

/// <summary>A reader that asks for the events of a turn.</summary>
/// <param name="Turn">The turn.</param>
/// <param name="From">The number of the first event it wants.</param>
/// <param name="Answer">Is completed with the events. A reader that leaves completes it itself.</param>
public readonly record struct Reading(TurnAddress Turn, int From, TaskCompletionSource<Answer<EventBatch>> Answer);
