using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Microsoft.Extensions.Logging;

namespace Evergrain.Grains.Activation;

/// <content>Feeding the conversation, and running what it asks of the world.</content>
internal sealed partial class ConversationGrain
{
    // An id that does not exist is seldom asked for once: its reader says goodbye, its create comes again.
    private static readonly TimeSpan EmptyTime = TimeSpan.FromSeconds(5);

    /// <summary>Feeds one input and runs its effects, in one piece. A fault ends the activation.</summary>
    private void Input(Action<Conversation> input)
    {
        if (_isOver)
        {
            return;
        }

        try
        {
            input(_conversation);
            RunEffects();
        }
        catch (Exception e)
        {
            // What it holds may be half changed: the next activation reads what is durable.
            LogFault(services.Logger, e, _key.Id);
            _isFaulted = true;
            End();
        }
    }

    /// <summary>The same for what runs beside the grain's scheduler.</summary>
    private Task PostAsync(Action<Conversation> input) => Task.Factory.StartNew(
        () => Input(input), CancellationToken.None, TaskCreationOptions.DenyChildAttach, _scheduler);

    private void RunEffects()
    {
        foreach (var effect in _conversation.TakeEffects())
        {
            Run(effect);
        }

        CountTurns();
        Report();
        if (_conversation.IsLost)
        {
            services.Instruments.Lost();
            End();
        }
        else if (!_conversation.IsDeleted)
        {
            _durable.Release(_conversation.DurableRecords);
            StayWhileNeeded();
            MoveIfAsked();
        }

        Settle();
    }

    private void Run(Effect effect)
    {
        switch (effect)
        {
            case Effect.Append append:
                _writing = WriteAsync(append);
                break;
            case Effect.CallModel call:
                StartCall(call);
                break;
            case Effect.CancelCall cancel:
                _calls.GetValueOrDefault(cancel.Turn)?.Cancel();
                break;
            case Effect.WakeReaders wake:
                _waiting.Wake(_conversation, wake.Turn);
                break;
            case Effect.WakeAt wake:
                _wake.Change(Later(wake.Time - Now), Timeout.InfiniteTimeSpan);
                break;
            case Effect.DeleteJournal delete:
                // It gets no further input: whoever asks meanwhile asks the next activation.
                _isOver = true;
                _writing = EraseAsync(delete.End);
                break;
        }
    }

    private void StartCall(Effect.CallModel call)
    {
        var run = new ModelRun(call, services);
        _calls.Add(call.Turn, run);
        run.Start(
            events => PostAsync(conversation => HandOver(conversation, call.Turn, events)),
            fault => Task.Factory.StartNew(() =>
            {
                _calls.Remove(call.Turn);
                Input(conversation => conversation.OnModelEnded(call.Turn, fault, Now));
            }, CancellationToken.None, TaskCreationOptions.DenyChildAttach, _scheduler));
    }

    private void HandOver(Conversation conversation, TurnId turn, IReadOnlyList<ModelEvent> events)
    {
        var now = Now;
        foreach (var model in events)
        {
            conversation.OnModelEvent(turn, model, now);
        }
    }

    // Appends are never abandoned: their outcome must be known. Beside the grain's scheduler, since what a journal
    // starts must not run in one conversation's time.
    private Task AppendAsync(Effect.Append append) => Task.Run(async () => await services.Journal.AppendAsync(
        _key, append.End, _activation, append.Records, CancellationToken.None));

    private async Task WriteAsync(Effect.Append append)
    {
        var begun = services.Time.GetTimestamp();
        try
        {
            // Never done at once: what follows is an input of its own, after the effects of this one.
            await AppendAsync(append).ConfigureAwait(
                ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.ForceYielding);
        }
        catch (PositionTakenException)
        {
            LogTaken(services.Logger, _key.Id, append.End.Position);
            Input(static conversation => conversation.OnAppendFailed());
            return;
        }
        catch (Exception e)
        {
            // Whatever became of it, the next activation reads it in the journal.
            _isJournalFailing = true;
            LogAppendFailed(services.Logger, e, _key.Id, append.End.Position);
            Input(static conversation => conversation.OnAppendFailed());
            return;
        }

        services.Instruments.PhaseEnded(ConversationPhase.Persist, services.Time.GetElapsedTime(begun));
        Input(static conversation => conversation.OnAppended());
    }

    private async Task EraseAsync(JournalEnd end)
    {
        try
        {
            await Task.Run(async () => await services.Journal.DeleteAsync(_key, end, CancellationToken.None))
                .ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.ForceYielding);
        }
        catch (PositionTakenException)
        {
            // Another activation went on with it meanwhile.
        }
        catch (Exception e)
        {
            // Its deletions are durable: the next activation finds nothing but them and tries again.
            LogEraseFailed(services.Logger, e, _key.Id);
        }

        _durable.Release(_conversation.DurableRecords);
        End();
    }

    /// <summary>The activation is over: whoever waits asks the next one.</summary>
    private void End()
    {
        Finish();

        // Not DeactivateOnIdle: it throws where Orleans has given the activation up already.
        GrainContext.Deactivate(new DeactivationReason(
            DeactivationReasonCode.ApplicationRequested, "The conversation goes on in its next activation."));
    }

    private void Finish()
    {
        _isOver = true;
        foreach (var call in _calls.Values)
        {
            call.Cancel();
        }

        _waiting.FailAll(new ActivationEndedException());
        _durable.FailAll(_isJournalFailing
            ? ConversationException.Of(RefusalKind.Unavailable, "The conversation cannot be written: try again.")
            : new ActivationEndedException());
    }

    private async Task EndCallsAsync()
    {
        var time = _isMoving ? MovingCallEndTime : services.Options.CallEndTime;
        try
        {
            await Task.WhenAll(_calls.Values.Select(call => call.Task)).WaitAsync(time, services.Time);
        }
        catch (TimeoutException)
        {
            LogCallLeft(services.Logger, _key.Id, time);
        }
    }

    // Calls that a grain makes, and turns that run in it, do not count for Orleans as activity.
    private void StayWhileNeeded()
    {
        var isNeeded = !_conversation.IsIdle;
        if (isNeeded != _isHeld)
        {
            _isHeld = isNeeded;
            DelayDeactivation(isNeeded ? Timeout.InfiniteTimeSpan : TimeSpan.Zero);
        }

        if (_conversation.IsEmpty)
        {
            _emptyWake.Change(EmptyTime, Timeout.InfiniteTimeSpan);
        }
    }

    // Asked for an id that does not exist, or left by its last connection: there is nothing to keep warm.
    private void LeaveIfEmpty()
    {
        if (_conversation.IsEmpty)
        {
            DeactivateOnIdle();
        }
    }

    private IGrainTimer Timer(Action due) => this.RegisterGrainTimer(
        _ =>
        {
            due();
            return Task.CompletedTask;
        },
        new GrainTimerCreationOptions(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan) { Interleave = true });

    private static TimeSpan Later(TimeSpan due) => due < TimeSpan.Zero ? TimeSpan.Zero : due;

    [LoggerMessage(402, LogLevel.Error, "Conversation {Conversation}: append {Position} failed; it is opened again.")]
    private static partial void LogAppendFailed(
        ILogger logger, Exception e, ConversationId conversation, long position);

    [LoggerMessage(403, LogLevel.Error, "Conversation {Conversation} was deleted, but its journal could not be.")]
    private static partial void LogEraseFailed(ILogger logger, Exception e, ConversationId conversation);

    [LoggerMessage(404, LogLevel.Error, "Conversation {Conversation} met a fault; it is opened again.")]
    private static partial void LogFault(ILogger logger, Exception e, ConversationId conversation);

    [LoggerMessage(405, LogLevel.Error, "Conversation {Conversation}: a model call did not end within {Time}.")]
    private static partial void LogCallLeft(ILogger logger, ConversationId conversation, TimeSpan time);

    [LoggerMessage(407, LogLevel.Information, "Conversation {Conversation}: another activation has taken it over; " +
        "append {Position} was refused.")]
    private static partial void LogTaken(ILogger logger, ConversationId conversation, long position);
}
