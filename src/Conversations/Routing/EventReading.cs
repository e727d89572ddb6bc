using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Routing;

/// <summary>
/// One reader, from its first event to its last or until it leaves, over as many enumerations as that takes.
/// </summary>
internal sealed class EventReading(
    Func<ConversationKey, IConversationCalls> find, TurnAddress turn, int from, ulong reader, Patience patience)
    : IAsyncDisposable
{
    private IConversationCalls? _calls;
    private IAsyncEnumerator<Answer<EventBatch>>? _events;
    private Exception? _failed;
    private int _from = from;
    private bool _isOver;
    private bool _isAgain;

    /// <summary>The next events; null: nothing follows.</summary>
    /// <exception cref="ConversationException">The response is not found, or cannot be read now.</exception>
    public async ValueTask<EventBatch?> NextAsync(CancellationToken cancellationToken)
    {
        while (!_isOver)
        {
            if (await PullAsync(cancellationToken) is not { } answer)
            {
                await CloseAsync();
                await patience.PauseAsync(_failed, cancellationToken);
                (_isAgain, _failed) = (true, null);
                continue;
            }

            _isOver = answer.Kind == AnswerKind.Refused || answer.Value.IsLast;
            if (answer.Kind == AnswerKind.Refused)
            {
                throw new ConversationException(Said(answer.Refusal!));
            }

            patience.Renew();
            if (answer.Value.Events.Count > 0)
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

    /// <summary>What the enumeration gives next; null: it is over, and a new one is to be opened.</summary>
    private async ValueTask<Answer<EventBatch>?> PullAsync(CancellationToken cancellationToken)
    {
        var pulling = patience.Timestamp;
        try
        {
            if (_events is null)
            {
                _calls = find(turn.Key);
                _events = _calls.ReadEventsAsync(turn, _from, reader, cancellationToken)
                    .GetAsyncEnumerator(cancellationToken);
            }

            return await _events.MoveNextAsync() && _events.Current.Kind != AnswerKind.AskAgain
                ? _events.Current
                : null;
        }
        catch (Exception e) when (patience.MayPass(e, cancellationToken))
        {
            patience.RenewIfAnswered(pulling);
            _failed = e;
            return null;
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
            await calls.StopReadingAsync(reader);
        }
        catch (Exception e) when (patience.MayPass(e, CancellationToken.None))
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
