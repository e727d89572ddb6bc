using System.Runtime.CompilerServices;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Routing;

/// <summary>
/// One reader, from its first event to its last or until it leaves, over as many enumerations as that takes.
/// </summary>
internal sealed class EventReading(
    Func<ConversationKey, IConversationCalls> find, TurnAddress turn, int from, IIdSource ids, RetryBounds bounds)
    : IAsyncDisposable
{
    private readonly ulong _reader = ids.Next64();
    private readonly Patience _patience = new(bounds, ids, asked: null);
    private IConversationCalls? _calls;
    private IAsyncEnumerator<Answer<EventBatch>>? _events;
    private Exception? _failed;
    private int _from = from;
    private bool _isOver;
    private bool _isAgain;

    /// <summary>The next events; null: nothing follows.</summary>
    /// <exception cref="ConversationException">The response is not found, or cannot be read now.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<EventBatch?> NextAsync(CancellationToken cancellationToken)
    {
        while (!_isOver)
        {
            var answer = await PullAsync(cancellationToken);
            if (answer.Kind == AnswerKind.AskAgain)
            {
                await CloseAsync();
                await _patience.PauseAsync(answer.Refusal, _failed, cancellationToken);
                (_isAgain, _failed) = (true, null);
                continue;
            }

            _isOver = answer.Kind == AnswerKind.Refused || answer.Value.IsLast;
            if (answer.Kind == AnswerKind.Refused)
            {
                throw new ConversationException(Said(answer.Refusal!));
            }

            _patience.Renew();
            if (answer.Value.Events.Count > 0 || answer.Value.IsLast)
            {
                _from += answer.Value.Events.Count;
                return answer.Value;
            }
        }

        return null;
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        if (!_isOver && _calls is not null)
        {
            await SayGoodbyeAsync(_calls);
        }
    }

    /// <summary>What the enumeration gives next; where it is over, that a new one is to be opened.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Answer<EventBatch>> PullAsync(CancellationToken cancellationToken)
    {
        var pulling = bounds.Time.GetTimestamp();
        try
        {
            if (_events is null)
            {
                _calls = find(turn.Key);
                _events = _calls.ReadEventsAsync(turn, _from, _reader, cancellationToken)
                    .GetAsyncEnumerator(cancellationToken);
            }

            return await _events.MoveNextAsync() ? _events.Current : Answer.AskAgain<EventBatch>();
        }
        catch (Exception e) when (bounds.MayPass(e, cancellationToken))
        {
            _patience.RenewIfAnswered(pulling);
            _failed = e;
            return Answer.AskAgain<EventBatch>();
        }
    }

    private async ValueTask CloseAsync()
    {
        if (_events is { } events)
        {
            _events = null;
            await events.DisposeAsync();
        }
    }

    // Once: a host has a bound of its own for readers that say nothing.
    private async Task SayGoodbyeAsync(IConversationCalls calls)
    {
        try
        {
            await calls.StopReadingAsync(_reader);
        }
        catch (Exception e) when (bounds.MayPass(e, CancellationToken.None))
        {
            // The process that held the conversation is gone, and the reader's place with it.
        }
    }

    private Refusal Said(Refusal refusal) =>
        _isAgain && !turn.Response.Turn.IsStored && refusal.Kind == RefusalKind.NotFound
            ? new Refusal(RefusalKind.Unavailable,
                "The response was not stored and is lost with the activation that ran it: send it again.")
            : refusal;
}
