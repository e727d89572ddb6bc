namespace Evergrain.Conversations.Hosts;

/// <summary>Answers that wait until a record is durable. Touched by whoever feeds the conversation alone.</summary>
public sealed class DurableAnswers
{
    private readonly List<Waiting> _waiting = [];

    /// <summary>Gives the answer once the record is durable; 0: at the next release.</summary>
    public void Add<T>(long record, TaskCompletionSource<T> answer, T value) => _waiting.Add(new Waiting(
        record, () => answer.TrySetResult(value), reason => answer.TrySetException(reason)));

    /// <summary>Gives the answers that waited for no more than what is durable.</summary>
    public void Release(long durableRecord) => _waiting.RemoveAll(waiting =>
    {
        var isDue = waiting.Record <= durableRecord;
        if (isDue)
        {
            waiting.Give();
        }

        return isDue;
    });

    /// <summary>Fails every answer that still waits.</summary>
    public void FailAll(Exception reason)
    {
        foreach (var waiting in _waiting)
        {
            waiting.Fail(reason);
        }

        _waiting.Clear();
    }

    private readonly record struct Waiting(long Record, Action Give, Action<Exception> Fail);
}
