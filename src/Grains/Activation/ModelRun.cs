using Evergrain.Conversations;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Microsoft.Extensions.Logging;

namespace Evergrain.Grains.Activation;

/// <summary>
/// One model call. It runs beside the grain's scheduler, so that a server's bytes are not read in a conversation's
/// time, and hands events over in order; those that are there at once go together.
/// </summary>
internal sealed partial class ModelRun(Effect.CallModel call, ConversationServices services)
{
    // As many as readers take in one batch: it must not keep other callers waiting.
    private const int HandedOverMax = Limits.BatchEventsMax;

    // Not disposed: a cancel may come when the call is over.
    private readonly CancellationTokenSource _cancelled = new();
    private List<ModelEvent> _arrived = [];
    private Task _cancelling = Task.CompletedTask;
    private long _begun;
    private long _streaming;

    /// <summary>Ends when the call has, and nothing more will be handed over.</summary>
    public Task Task { get; private set; } = Task.CompletedTask;

    /// <summary>Starts the call.</summary>
    /// <param name="handOver">Takes events; ends when the conversation has them.</param>
    /// <param name="end">Takes the end and, where there was one, the fault.</param>
    public void Start(Func<IReadOnlyList<ModelEvent>, Task> handOver, Func<string?, Task> end) =>
        Task = Task.Run(() => RunAsync(handOver, end));

    /// <summary>Cancels the call without waiting for what that sets in motion; <see cref="Task"/> does.</summary>
    public void Cancel() => _cancelling = _cancelled.CancelAsync();

    private async Task RunAsync(Func<IReadOnlyList<ModelEvent>, Task> handOver, Func<string?, Task> end)
    {
        string? fault = null;
        _begun = services.Time.GetTimestamp();
        using var capped = new CancellationTokenSource(services.Options.ModelCallTime, services.Time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_cancelled.Token, capped.Token);
        try
        {
            await StreamAsync(handOver, ended.Token);
        }
        catch (OperationCanceledException) when (_cancelled.IsCancellationRequested)
        {
            // The turn is over already.
        }
        catch (OperationCanceledException) when (capped.IsCancellationRequested)
        {
            fault = $"The model call took longer than {services.Options.ModelCallTime}.";
        }
        catch (Exception e)
        {
            fault = "The model server could not be asked.";
            LogCallFailed(services.Logger, e, call.Call.Model);
        }

        await HandOverAsync(handOver);
        if (_streaming != 0)
        {
            services.Instruments.PhaseEnded(ConversationPhase.ModelStream, services.Time.GetElapsedTime(_streaming));
        }

        await end(fault);
        await _cancelling;
    }

    private async Task StreamAsync(Func<IReadOnlyList<ModelEvent>, Task> handOver, CancellationToken cancellationToken)
    {
        await using var events = call.Backend.StreamAsync(call.Call, cancellationToken)
            .GetAsyncEnumerator(cancellationToken);
        for (var isOpen = true; isOpen;)
        {
            var next = events.MoveNextAsync();
            if (!next.IsCompleted || _arrived.Count >= HandedOverMax)
            {
                // Handing over never throws, so the enumerator is always waited for.
                await HandOverAsync(handOver);
            }

            isOpen = await next;
            if (isOpen)
            {
                NoteFirst();
                _arrived.Add(events.Current);
            }
        }
    }

    private void NoteFirst()
    {
        if (_streaming == 0)
        {
            _streaming = services.Time.GetTimestamp();
            services.Instruments.PhaseEnded(
                ConversationPhase.ModelWait, services.Time.GetElapsedTime(_begun, _streaming));
        }
    }

    private async Task HandOverAsync(Func<IReadOnlyList<ModelEvent>, Task> handOver)
    {
        if (_arrived.Count > 0)
        {
            var arrived = _arrived;
            _arrived = [];
            await handOver(arrived);
        }
    }

    [LoggerMessage(411, LogLevel.Error, "A call to model {Model} failed.")]
    private static partial void LogCallFailed(ILogger logger, Exception e, string model);
}
