using System.Runtime.CompilerServices;
using Evergrain.Conversations.Ports;
using Evergrain.Grains.Calls;

namespace Evergrain.Grains.Routing;

/// <content>Reading events: one enumeration for the client, over as many of the grain's as it takes.</content>
public sealed partial class OrleansConversations
{
    /// <inheritdoc/>
    public async IAsyncEnumerable<EventBatch> ReadEventsAsync(TurnAddress turn, int from,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        await using var reading = new EventReading(this, turn, from, cancellationToken);
        while (await reading.NextAsync() is { } batch)
        {
            yield return batch;
        }
    }

    /// <summary>One reader, from its first event to its last or until it leaves.</summary>
    private sealed class EventReading(
        OrleansConversations router, TurnAddress turn, int from, CancellationToken cancellationToken) : IAsyncDisposable
    {
        // Orleans looks once a second which calls are too old; twice that, and some for a busy machine.
        private static readonly TimeSpan CallSlack = TimeSpan.FromSeconds(4);
        private readonly IConversationGrain _grain = router.GrainOf(turn.Key);
        private readonly Patience _patience = router.NewPatience();
        private readonly ulong _reader = router._ids.Next64();
        private IAsyncEnumerator<EventsAnswer>? _events;
        private CancellationTokenSource? _asking;
        private Exception? _failed;
        private int _from = from;
        private bool _isOver;
        private bool _isAgain;

        /// <summary>The next events; null: nothing follows.</summary>
        public async ValueTask<EventBatch?> NextAsync()
        {
            while (!_isOver)
            {
                if (await PullAsync() is not { } answer)
                {
                    await OpenAgainAsync();
                    continue;
                }

                _isOver = answer.IsLast || answer.Kind == AnswerKind.Refused;
                if (answer.Kind == AnswerKind.Refused)
                {
                    throw new ConversationException(Said(answer.Refusal!));
                }

                _patience.Renew();
                if (answer.Events.Length > 0)
                {
                    var batch = new EventBatch(_from, Payload.Unwrap(answer.Events), answer.IsLast);
                    _from += answer.Events.Length;
                    return batch;
                }
            }

            return null;
        }

        public async ValueTask DisposeAsync()
        {
            await CloseAsync();
            if (!_isOver)
            {
                await SayGoodbyeAsync();
            }
        }

        /// <summary>What the grain's enumeration gives next; null: it is over, and to be asked for again.</summary>
        private async ValueTask<EventsAnswer?> PullAsync()
        {
            var pulling = router._time.GetTimestamp();
            try
            {
                _events ??= Open();
                return await _events.MoveNextAsync() && _events.Current.Kind != AnswerKind.AskAgain
                    ? _events.Current
                    : null;
            }
            catch (Exception e) when (MayPass(e, cancellationToken))
            {
                // While a model is silent the grain says so to Orleans, which keeps it to itself: a pull that took
                // longer than its call and the goodbye behind it may take was answered on the way.
                if (router._time.GetElapsedTime(pulling) > (2 * router._options.CallTimeout) + CallSlack)
                {
                    _patience.Renew();
                }

                _failed = e;
                return null;
            }
        }

        private IAsyncEnumerator<EventsAnswer> Open()
        {
            _asking = router._cluster.UnlessLost(cancellationToken);
            var token = _asking?.Token ?? cancellationToken;
            return _grain.ReadEvents(RequestFor(turn), _from, _reader, token)
                .WithBatchSize(router._options.MessageBatchesMax).GetAsyncEnumerator(token);
        }

        private async Task OpenAgainAsync()
        {
            await CloseAsync();
            await _patience.PauseAsync(_failed, cancellationToken);
            (_isAgain, _failed) = (true, null);
        }

        private async ValueTask CloseAsync()
        {
            if (_events is { } events)
            {
                _events = null;
                await events.DisposeAsync();
            }

            _asking?.Dispose();
            _asking = null;
        }

        // Once: the grain has a bound of its own for readers that say nothing.
        private async Task SayGoodbyeAsync()
        {
            try
            {
                using var asking = router._cluster.UnlessLost(CancellationToken.None);
                PassingCalls.Begin();
                await _grain.StopReading(_reader).WaitAsync(asking?.Token ?? CancellationToken.None);
            }
            catch (Exception e) when (MayPass(e, CancellationToken.None))
            {
                // The silo is gone, and the reader's place with it.
            }
        }

        private Refusal Said(Refusal refusal) =>
            _isAgain && !turn.Response.Turn.IsStored && refusal.Kind == RefusalKind.NotFound
                ? new Refusal(RefusalKind.Unavailable,
                    "The response was not stored and is lost with the silo that ran it: send it again.")
                : refusal;
    }
}
