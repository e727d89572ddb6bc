using System.Diagnostics;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Microsoft.Extensions.Logging;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// One model call: it hands the events over in order, those that have arrived together. It ends within its time.
/// </summary>
/// <param name="call">The call.</param>
/// <param name="tenant">Whose conversation it is.</param>
/// <param name="context">The clock, the instruments, and how long the call may run.</param>
public sealed partial class ModelRun(Effect.CallModel call, string tenant, HostContext context)
{
    // As many as readers take in one batch: an input must not keep other callers waiting.
    private const int HandedOverMax = Limits.BatchEventsMax;
    private const int HandedOverBytesMax = Limits.BatchBytesMax;

    // Disposed when the host has heard of the end: after that it cancels no more.
    private readonly CancellationTokenSource _over = new(context.ModelCallTime, context.Services.Time);
    private List<ModelEvent> _arrived = [];
    private int _arrivedBytes;
    private Task _cancelling = Task.CompletedTask;
    private volatile bool _isCancelled;
    private ModelEvent? _last;
    private bool _hasCalls;
    private long _begun;
    private long _firstAt;

    /// <summary>Ends when the call has ended and nothing more will be handed over. It never fails.</summary>
    public Task Ended { get; private set; } = Task.CompletedTask;

    /// <summary>Starts the call.</summary>
    /// <param name="begin">Begins work on a thread of the host's choice.</param>
    /// <param name="handOver">Receives events, and has used them when its task ends. It must not throw.</param>
    /// <param name="end">Receives the end: a sentence for the client, or null where the stream ended.</param>
    public void Start(Func<Func<Task>, Task> begin, Func<IReadOnlyList<ModelEvent>, Task> handOver,
        Func<string?, Task> end)
    {
        ArgumentNullException.ThrowIfNull(begin);
        Ended = begin(() => RunAsync(handOver, end));
    }

    /// <summary>Cancels the call without waiting for its end.</summary>
    public void Cancel()
    {
        if (!_isCancelled)
        {
            _isCancelled = true;
            _cancelling = _over.CancelAsync();
        }
    }

    private async Task RunAsync(Func<IReadOnlyList<ModelEvent>, Task> handOver, Func<string?, Task> end)
    {
        _begun = context.Services.Time.GetTimestamp();
        using (var span = InferenceReport.Begin(call.Call, call.Backend.Origin))
        {
            var fault = await StreamAsync(handOver);
            await HandOverAsync(handOver);
            Report(span);
            await end(fault);
        }

        // What a backend registered on the token may throw here.
        await _cancelling.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _over.Dispose();
    }

    /// <summary>Streams to the end; gives a sentence for the client where that was not a good one.</summary>
    private async Task<string?> StreamAsync(Func<IReadOnlyList<ModelEvent>, Task> handOver)
    {
        try
        {
            await StreamAsync(handOver, _over.Token);
            return null;
        }
        catch (OperationCanceledException) when (_isCancelled)
        {
            // The turn is over already.
            return null;
        }
        catch (OperationCanceledException) when (_over.IsCancellationRequested)
        {
            return $"The model call took longer than {context.ModelCallTime}.";
        }
        catch (Exception e)
        {
            LogCallFailed(context.Logger, e, call.Call.Model);
            return "The model server could not be asked.";
        }
    }

    private async Task StreamAsync(Func<IReadOnlyList<ModelEvent>, Task> handOver, CancellationToken cancellationToken)
    {
        await using var events = call.Backend.StreamAsync(call.Call, cancellationToken)
            .GetAsyncEnumerator(cancellationToken);
        for (var isOpen = true; isOpen;)
        {
            var next = events.MoveNextAsync();
            if (!next.IsCompleted || _arrived.Count >= HandedOverMax || _arrivedBytes >= HandedOverBytesMax)
            {
                // Handing over never throws, so the enumerator is always waited for.
                await HandOverAsync(handOver);
            }

            isOpen = await next;
            if (isOpen)
            {
                Note(events.Current);
                _arrived.Add(events.Current);
                _arrivedBytes += events.Current.Text.Length + events.Current.Json.Length;
            }
        }
    }

    private void Note(in ModelEvent model)
    {
        if (_firstAt == 0)
        {
            _firstAt = context.Services.Time.GetTimestamp();
        }

        _hasCalls |= model is
            { Kind: ModelEventKind.ItemStarted, Item: OutputKind.FunctionCall or OutputKind.CustomToolCall };
        if (model.Kind is ModelEventKind.Completed or ModelEventKind.Incomplete or ModelEventKind.Failed)
        {
            _last = model;
        }
    }

    private void Report(Activity? span)
    {
        var services = context.Services;
        var report = new InferenceReport(call.Call, call.Backend.Origin, services.Time.GetElapsedTime(_begun),
            _firstAt == 0 ? null : services.Time.GetElapsedTime(_begun, _firstAt))
        {
            End = _last,
            HasCalls = _hasCalls,
            IsCancelled = _isCancelled,
        };
        services.Instruments.InferenceEnded(report);
        if (span is not null)
        {
            report.Finish(span);
            services.Instruments.Content?.Note(span, tenant, report);
        }
    }

    private async Task HandOverAsync(Func<IReadOnlyList<ModelEvent>, Task> handOver)
    {
        if (_arrived.Count > 0)
        {
            var arrived = _arrived;
            (_arrived, _arrivedBytes) = ([], 0);
            await handOver(arrived);
        }
    }

    [LoggerMessage(111, LogLevel.Error, "A call to model {Model} failed.")]
    private static partial void LogCallFailed(ILogger logger, Exception e, string model);
}
