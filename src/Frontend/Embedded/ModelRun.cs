using Evergrain.Conversations;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Embedded;

/// <summary>
/// One model call: its events go into the conversation's mailbox in order; those that are there at once go together.
/// </summary>
internal sealed partial class ModelRun(Effect.CallModel call, Mailbox mailbox, EmbeddedContext context)
{
    // As many as readers take in one batch: a letter must not keep other callers waiting.
    private const int LetterEventsMax = Limits.BatchEventsMax;

    private List<ModelEvent> _arrived = [];

    // Never disposed: a cancel may come when the call is over, and without a timer there is nothing to give back.
    private readonly CancellationTokenSource _cancelled = new();
    private Task _cancelling = Task.CompletedTask;

    /// <summary>Ends when the call has, and nothing more will be posted.</summary>
    public Task Task { get; private set; } = Task.CompletedTask;

    /// <summary>
    /// Starts the call. <paramref name="ended"/> is run as an input of the conversation when it is over.
    /// </summary>
    public void Start(Action ended) => Task = RunAsync(ended);

    /// <summary>Cancels the call without waiting for what that sets in motion; <see cref="Task"/> does.</summary>
    public void Cancel() => _cancelling = _cancelled.CancelAsync();

    private async Task RunAsync(Action ended)
    {
        string? fault = null;
        var (begun, streaming) = (context.Time.GetTimestamp(), 0L);
        try
        {
            await using var events = call.Backend.StreamAsync(call.Call, _cancelled.Token)
                .GetAsyncEnumerator(_cancelled.Token);
            while (await NextAsync(events))
            {
                if (streaming == 0)
                {
                    streaming = context.Time.GetTimestamp();
                    context.Instruments.PhaseEnded(
                        ConversationPhase.ModelWait, context.Time.GetElapsedTime(begun, streaming));
                }

                _arrived.Add(events.Current);
            }
        }
        catch (OperationCanceledException) when (_cancelled.IsCancellationRequested)
        {
            // The turn is over already.
        }
        catch (Exception e)
        {
            fault = "The model server could not be asked.";
            LogCallFailed(context.Logger, e, call.Call.Model);
        }

        await PostAsync();
        if (streaming != 0)
        {
            context.Instruments.PhaseEnded(ConversationPhase.ModelStream, context.Time.GetElapsedTime(streaming));
        }

        await mailbox.TellAsync(conversation =>
        {
            conversation.OnModelEnded(call.Turn, fault, context.Time.GetUtcNow());
            ended();
        });
        await _cancelling;
    }

    private async ValueTask<bool> NextAsync(IAsyncEnumerator<ModelEvent> events)
    {
        var next = events.MoveNextAsync();
        if (!next.IsCompleted || _arrived.Count >= LetterEventsMax)
        {
            // Telling never throws, so the enumerator is always waited for.
            await PostAsync();
        }

        return await next;
    }

    private async ValueTask PostAsync()
    {
        if (_arrived.Count == 0)
        {
            return;
        }

        var posted = _arrived;
        _arrived = [];
        await mailbox.TellAsync(conversation =>
        {
            var now = context.Time.GetUtcNow();
            foreach (var model in posted)
            {
                conversation.OnModelEvent(call.Turn, model, now);
            }
        });
    }

    [LoggerMessage(111, LogLevel.Error, "A call to model {Model} failed.")]
    private static partial void LogCallFailed(ILogger logger, Exception e, string model);
}
