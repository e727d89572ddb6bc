using System.Runtime.CompilerServices;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Hosts;

/// <summary>The calls of a conversation, as inputs of its <see cref="Activation"/>.</summary>
/// <param name="checks">The check on new input; null: there is none.</param>
/// <param name="continuations">On which thread a caller goes on that waited for an answer.</param>
/// <param name="time">The clock of turns.</param>
public abstract class ActivationCalls(InputChecks? checks, TaskCreationOptions continuations, TimeProvider time)
    : IConversationCalls
{
    /// <summary>See the port. Where there is a check, the create's bytes are read after a cancelled call too.</summary>
    public virtual async Task<Answer<StartedTurn>> StartTurnAsync(StartTurn start, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(start);
        var clock = start.Clock = new TurnClock(time, start.Waited, start.Opening);
        if (checks is not null)
        {
            var known = await AskAsync((conversation, _) => conversation.Knows(start), cancellationToken);
            clock.Enter(TurnPhase.Check);
            if (await checks.PassAsync(start, known, cancellationToken) is { } notBegun)
            {
                return notBegun;
            }
        }

        Answer<StartedTurn> started;
        clock.Enter(TurnPhase.Queue);
        using (await EnterAsync(cancellationToken))
        {
            clock.Enter(TurnPhase.Context);
            started = await AnswerAsync<StartedTurn>(
                (activation, answer) => activation.StartTurn(start, answer), cancellationToken);
        }

        return await SettledAsync(started, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<Answer<HistoryMatch>> MatchAsync(
        TurnAddress turn, HistoryQuestion question, CancellationToken cancellationToken) => AskAsync(
            (conversation, _) => conversation.Places.Match(turn.Response.Turn, question), cancellationToken);

    /// <inheritdoc/>
    public virtual async IAsyncEnumerable<Answer<EventBatch>> ReadEventsAsync(TurnAddress turn, int from, ulong reader,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var attached = await AttachAsync(turn, from, cancellationToken);
        if (attached.Kind != AnswerKind.Given)
        {
            yield return attached;
            yield break;
        }

        try
        {
            for (var isOver = false; !isOver;)
            {
                var answer = await NextAsync(turn, from, cancellationToken);
                isOver = answer.Kind != AnswerKind.Given || answer.Value.IsLast;
                from += answer.Kind == AnswerKind.Given ? answer.Value.Events.Count : 0;
                yield return answer;
            }
        }
        finally
        {
            Detach(turn.Response.Turn);
        }
    }

    /// <inheritdoc/>
    public virtual Task StopReadingAsync(ulong reader) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task<Answer<bool>> CancelAsync(TurnAddress turn, CancellationToken cancellationToken) => DoAsync(
        (conversation, now) => conversation.Cancel(turn.Response.Turn, turn.Lease, now), cancellationToken);

    /// <inheritdoc/>
    public Task<Answer<ReadOnlyMemory<byte>>> GetAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        AskAsync((conversation, _) => conversation.Get(turn.Response.Turn, turn.Lease), cancellationToken);

    /// <inheritdoc/>
    public Task<Answer<ReadOnlyMemory<byte>>> GetOutputItemAsync(TurnAddress turn, int index,
        CancellationToken cancellationToken) => AskAsync((conversation, _) =>
            conversation.GetOutputItem(turn.Response.Turn, turn.Lease, index), cancellationToken);

    /// <inheritdoc/>
    public Task<Answer<ReadOnlyMemory<byte>>> ListInputItemsAsync(TurnAddress turn, ItemPage page,
        CancellationToken cancellationToken) => AskAsync((conversation, _) =>
            conversation.ListInputItems(turn.Response.Turn, turn.Lease, page), cancellationToken);

    /// <inheritdoc/>
    public Task<Answer<ReadOnlyMemory<byte>>> ListTurnsAsync(
        int after, int limit, CancellationToken cancellationToken) =>
        AskAsync((conversation, _) => conversation.ListTurns(after, limit), cancellationToken);

    /// <inheritdoc/>
    public Task<Answer<ReadOnlyMemory<byte>>> ListLiveAsync(long since, CancellationToken cancellationToken) =>
        AskAsync((conversation, now) => conversation.ListLive(since, now), cancellationToken);

    /// <inheritdoc/>
    public Task<Answer<ReadOnlyMemory<byte>>> GetContextAsync(
        TurnId turn, int rendered, CancellationToken cancellationToken) =>
        AskAsync((conversation, _) => conversation.GetContext(turn, rendered), cancellationToken);

    /// <inheritdoc/>
    public Task<Answer<FoundTurns>> FindTurnsAsync(
        TurnId after, int limit, ResponseFilter filter, CancellationToken cancellationToken) => AskAsync(
            (conversation, _) => conversation.Stored.Find(after, limit, filter), cancellationToken);

    /// <inheritdoc/>
    public Task<Answer<bool>> ChangeMetadataAsync(
        TurnAddress turn, ReadOnlyMemory<byte> metadata, CancellationToken cancellationToken) =>
        WaitAsync<bool>((activation, answer) => activation.AskDurable((conversation, now) =>
            (true, conversation.Stored.Change(turn.Response.Turn, metadata, now)), answer), cancellationToken);

    /// <inheritdoc/>
    public Task<Answer<bool>> DeleteAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        WaitAsync<bool>((activation, answer) => activation.AskDurable((conversation, now) =>
            (true, conversation.Delete(turn.Response.Turn, turn.Lease, now)), answer), cancellationToken);

    /// <inheritdoc/>
    public Task<Answer<bool>> ExpireAsync(long endedBy, CancellationToken cancellationToken) =>
        WaitAsync<bool>((activation, answer) => activation.AskDurable((conversation, now) =>
            (true, conversation.Expire(endedBy, now)), answer), cancellationToken);

    /// <inheritdoc/>
    public Task<Answer<bool>> EraseAsync(CancellationToken cancellationToken) =>
        WaitAsync<bool>((activation, answer) => activation.AskDurable((conversation, now) =>
            (true, conversation.Erase(now)), answer), cancellationToken);

    /// <inheritdoc/>
    public Task<Answer<bool>> HoldAsync(LeaseId lease, CancellationToken cancellationToken) =>
        DoAsync((conversation, now) => conversation.Hold(lease, now), cancellationToken);

    /// <inheritdoc/>
    public Task<Answer<bool>> ReleaseAsync(LeaseId lease, CancellationToken cancellationToken) =>
        DoAsync((conversation, now) => conversation.Release(lease, now), cancellationToken);

    /// <summary>Ends when the activation can be asked.</summary>
    protected abstract ValueTask ReadyAsync(CancellationToken cancellationToken);

    /// <summary>Waits for a place to start a turn; disposing it makes room for the next.</summary>
    protected abstract ValueTask<IDisposable?> EnterAsync(CancellationToken cancellationToken);

    /// <summary>Gives the activation one input, now.</summary>
    protected abstract void Feed(Action<Activation> input);

    /// <summary>Ends when a caller that was told to ask again may do that.</summary>
    protected abstract ValueTask ReplacedAsync(CancellationToken cancellationToken);

    /// <summary>Attaches a reader from a number on; the value of the answer says nothing.</summary>
    protected Task<Answer<EventBatch>> AttachAsync(TurnAddress turn, int from, CancellationToken cancellationToken) =>
        AskAsync(activation => Attach(activation, turn, from), cancellationToken);

    /// <summary>The next events of an attached reader.</summary>
    protected Task<Answer<EventBatch>> NextAsync(TurnAddress turn, int from, CancellationToken cancellationToken) =>
        WaitAsync<EventBatch>(
            (activation, answer) => activation.Read(new Reading(turn, from, answer)), cancellationToken);

    /// <summary>Detaches a reader.</summary>
    protected void Detach(TurnId turn) => Feed(activation => activation.Ask((conversation, now) =>
    {
        conversation.Detach(turn, now);
        return true;
    }));

    private static Answer<EventBatch> Attach(Activation activation, TurnAddress turn, int from)
    {
        var isGone = activation is { Life: ActivationLife.Erasing }
            or { EndedBy: ActivationEnd.Erased or ActivationEnd.Emptied };
        if (isGone && !turn.Response.Turn.IsStored)
        {
            // No other activation has an unstored turn, and this one was not lost: it was deleted, or its lease ended.
            return Answer.Refused<EventBatch>(ActivationRefusals.NotFound(turn.Response));
        }

        return activation.Ask((conversation, now) =>
        {
            conversation.Attach(turn.Response.Turn, turn.Lease, now, from);
            return default(EventBatch);
        });
    }

    private Task<Answer<bool>> DoAsync(
        Action<Conversation, DateTimeOffset> act, CancellationToken cancellationToken) => AskAsync(
        (conversation, now) =>
        {
            act(conversation, now);
            return true;
        }, cancellationToken);

    private Task<Answer<T>> AskAsync<T>(
        Func<Conversation, DateTimeOffset, T> question, CancellationToken cancellationToken) =>
        AskAsync(activation => activation.Ask(question), cancellationToken);

    private async Task<Answer<T>> AskAsync<T>(Func<Activation, Answer<T>> ask, CancellationToken cancellationToken)
    {
        await ReadyAsync(cancellationToken);
        Answer<T> answer = default;
        Feed(activation => answer = ask(activation));
        return await SettledAsync(answer, cancellationToken);
    }

    private async Task<Answer<T>> WaitAsync<T>(
        Action<Activation, TaskCompletionSource<Answer<T>>> ask, CancellationToken cancellationToken) =>
        await SettledAsync(await AnswerAsync(ask, cancellationToken), cancellationToken);

    private async ValueTask<Answer<T>> AnswerAsync<T>(
        Action<Activation, TaskCompletionSource<Answer<T>>> ask, CancellationToken cancellationToken)
    {
        await ReadyAsync(cancellationToken);
        var answer = new TaskCompletionSource<Answer<T>>(continuations);
        Feed(activation => ask(activation, answer));
        await using var leaving = cancellationToken.UnsafeRegister(static (state, token) =>
            ((TaskCompletionSource<Answer<T>>)state!).TrySetCanceled(token), answer);
        return await answer.Task;
    }

    private async ValueTask<Answer<T>> SettledAsync<T>(Answer<T> answer, CancellationToken cancellationToken)
    {
        if (answer.Kind == AnswerKind.AskAgain)
        {
            await ReplacedAsync(cancellationToken);
        }

        return answer;
    }
}
