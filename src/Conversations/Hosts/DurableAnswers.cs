using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Hosts;

/// <summary>Answers that wait until a record is durable.</summary>
internal sealed class DurableAnswers
{
    private readonly List<Waiting> _waiting = [];

    /// <summary>Whether nobody waits.</summary>
    public bool IsEmpty => _waiting.Count == 0;

    /// <summary>Lets an answer wait for a record; 0: it is due at the next <see cref="Release"/>.</summary>
    public void Add<T>(long record, TaskCompletionSource<Answer<T>> answer, T value) => _waiting.Add(new Waiting(
        record,
        () => answer.TrySetResult(Answer.Given(value)),
        reason => answer.TrySetResult(Answer.AskAgain<T>(reason))));

    /// <summary>Hands over the answers that waited for no more than what is durable.</summary>
    public void Release(long durableRecord, Action<Action> handOver)
    {
        for (var i = 0; i < _waiting.Count;)
        {
            if (_waiting[i].Record > durableRecord)
            {
                i++;
                continue;
            }

            handOver(_waiting[i].Give);
            _waiting.RemoveAt(i);
        }
    }

    /// <summary>Ends every wait: its caller asks the next activation, and knows the reason if there is one.</summary>
    public void FailAll(Refusal? reason, Action<Action> handOver)
    {
        foreach (var waiting in _waiting)
        {
            handOver(() => waiting.Fail(reason));
        }

        _waiting.Clear();
    }

    private readonly record struct Waiting(long Record, Action Give, Action<Refusal?> Fail);
}
