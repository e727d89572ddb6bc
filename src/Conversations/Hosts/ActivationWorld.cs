using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Microsoft.Extensions.Logging;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// Does what an activation asks for, with a real journal, real models and a real timer. Each effect is a task that
/// reports back with an input of its own.
/// </summary>
/// <param name="key">The conversation.</param>
/// <param name="context">What the host's activations share.</param>
/// <param name="host">Feeds the activation.</param>
public sealed partial class ActivationWorld(ConversationKey key, HostContext context, IActivationHost host)
    : IActivationWorld
{
    private readonly Dictionary<TurnId, ModelRun> _calls = [];
    private ITimer? _timer;
    private Task _writing = Task.CompletedTask;
    private Task _calling = Task.CompletedTask;

    /// <inheritdoc/>
    public void Append(Effect.Append append, ulong writer) =>
        _writing = host.BesideAsync(async () =>
        {
            // Never done at once: what follows is an input of its own, after this one.
            var outcome = await context.Journal.AppendAsync(key, append, writer)
                .ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            await host.TellAsync(activation =>
            {
                if (outcome == AppendOutcome.Shortened)
                {
                    context.Journal.Shortened(activation, append.End);
                }

                activation.Appended(outcome);
            });
        });

    /// <inheritdoc/>
    public void Erase(JournalEnd end) => _writing = host.BesideAsync(async () =>
    {
        await context.Journal.EraseAsync(key, end).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        await host.TellAsync(static activation => activation.Erased());
    });

    /// <inheritdoc/>
    public void Call(Effect.CallModel call)
    {
        ArgumentNullException.ThrowIfNull(call);
        var run = new ModelRun(call, key.Tenant, context);
        _calls.Add(call.Turn, run);

        // Behind this input: a model may say all it has to say at once.
        host.Answer(() => run.Start(
            host.BesideAsync,
            events => host.TellAsync(activation => activation.ModelSaid(call.Turn, events)),
            fault => host.TellAsync(activation =>
            {
                _calls.Remove(call.Turn);
                activation.ModelEnded(call.Turn, fault);
            })));
    }

    /// <inheritdoc/>
    public void CancelCall(TurnId turn) => _calls.GetValueOrDefault(turn)?.Cancel();

    /// <inheritdoc/>
    public void WakeAt(DateTimeOffset time)
    {
        _timer ??= context.Services.Time.CreateTimer(
            _ => Wake(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        var due = time - context.Services.Time.GetUtcNow();
        _timer.Change(due > TimeSpan.Zero ? due : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public void Answer(Action give) => host.Answer(give);

    /// <inheritdoc/>
    public void Ended(ActivationEnd end, Exception? fault)
    {
        if (fault is not null)
        {
            LogFault(context.Logger, fault, key.Id);
        }

        foreach (var call in _calls.Values)
        {
            call.Cancel();
        }

        _calling = Task.WhenAll(_calls.Values.Select(static call => call.Ended));
        _timer?.Dispose();
        host.Ended(end);
    }

    /// <summary>Waits until nothing of an ended activation is under way: its append, and its model calls.</summary>
    /// <param name="callEndTime">How long cancelled calls may take; they are left alone after that.</param>
    public async Task EndAsync(TimeSpan callEndTime)
    {
        await _writing.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            await _calling.WaitAsync(callEndTime, context.Services.Time);
        }
        catch (TimeoutException)
        {
            LogCallLeft(context.Logger, key.Id, callEndTime);
        }
    }

    private void Wake()
    {
        var at = context.Services.Time.GetUtcNow();
        _ = host.TellAsync(activation => activation.Wake(at));
    }

    [LoggerMessage(104, LogLevel.Error, "Conversation {Conversation} met a fault; it is opened again.")]
    private static partial void LogFault(ILogger logger, Exception e, ConversationId conversation);

    [LoggerMessage(105, LogLevel.Error, "Conversation {Conversation}: a model call did not end within {Time}.")]
    private static partial void LogCallLeft(ILogger logger, ConversationId conversation, TimeSpan time);
}

/// <summary>What the activations of a host share.</summary>
/// <param name="Services">What activations need themselves.</param>
/// <param name="Journal">The journal.</param>
/// <param name="ModelCallTime">How long one model call may run.</param>
/// <param name="Logger">Is told of failures.</param>
public sealed record HostContext(
    ActivationServices Services, ActivationJournal Journal, TimeSpan ModelCallTime, ILogger Logger);
