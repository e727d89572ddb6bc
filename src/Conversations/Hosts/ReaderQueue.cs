using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// Readers that wait for the next events of their turns. Touched by whoever feeds the conversation alone.
/// </summary>
public sealed class ReaderQueue
{
    private readonly List<Waiting> _waiting = [];

    /// <summary>Answers with what is visible, or lets the reader wait for it.</summary>
    public void Read(Conversation conversation, TurnAddress turn, int from, TaskCompletionSource<ReadStep> answer)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        ArgumentNullException.ThrowIfNull(answer);
        var waiting = new Waiting(turn, from, answer);
        if (!TryAnswer(conversation, waiting))
        {
            _waiting.RemoveAll(static reader => reader.Answer.Task.IsCompleted);
            _waiting.Add(waiting);
        }
    }

    /// <summary>Answers the readers of a turn that has something for them now.</summary>
    public void Wake(Conversation conversation, TurnId turn) => _waiting.RemoveAll(
        reader => reader.Turn.Response.Turn == turn && TryAnswer(conversation, reader));

    /// <summary>Fails every waiting reader.</summary>
    public void FailAll(Exception reason)
    {
        foreach (var reader in _waiting)
        {
            reader.Answer.TrySetException(reason);
        }

        _waiting.Clear();
    }

    private static bool TryAnswer(Conversation conversation, Waiting reader)
    {
        var step = conversation.Read(reader.Turn.Response.Turn, reader.Turn.Lease, reader.From);
        if (!step.MustWait)
        {
            reader.Answer.TrySetResult(step);
        }

        return !step.MustWait;
    }

    private readonly record struct Waiting(TurnAddress Turn, int From, TaskCompletionSource<ReadStep> Answer);
}
