using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Embedded;

/// <content>Running what the conversation asks of the world.</content>
internal sealed partial class ActiveConversation
{
    private void RunEffects()
    {
        foreach (var effect in _conversation.TakeEffects())
        {
            Run(effect);
        }

        if (!_conversation.IsDeleted)
        {
            _durable.Release(_conversation.DurableRecords);
        }

        Report(_conversation.Bytes);
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
                _timer.Change(Later(wake.Time - Now), Timeout.InfiniteTimeSpan);
                break;
            case Effect.DeleteJournal delete:
                _writing = EraseAsync(delete.End);
                break;
        }
    }

    private void StartCall(Effect.CallModel call)
    {
        var run = new ModelRun(call, _mailbox, _context);
        _calls.Add(call.Turn, run);
        run.Start(() => _calls.Remove(call.Turn));
    }

    private async Task WriteAsync(Effect.Append append)
    {
        var begun = _context.Time.GetTimestamp();
        try
        {
            await _context.AppendAsync(Key, append, _activation);
            _context.Instruments.PhaseEnded(ConversationPhase.Persist, _context.Time.GetElapsedTime(begun));
            await _mailbox.TellAsync(static conversation => conversation.OnAppended());
        }
        catch (Exception e)
        {
            // Whatever became of it, the next activation reads it in the journal.
            _isJournalFailing = e is not PositionTakenException;
            if (_isJournalFailing || _context.Journal.IsExclusive)
            {
                LogAppendFailed(_context.Logger, e, Key.Id, append.End.Position);
            }
            else
            {
                LogTaken(_context.Logger, Key.Id, append.End.Position);
            }

            await _mailbox.TellAsync(static conversation => conversation.OnAppendFailed());
        }
    }

    private async Task EraseAsync(JournalEnd end)
    {
        try
        {
            await _context.Journal.DeleteAsync(Key, end, CancellationToken.None);
        }
        catch (PositionTakenException)
        {
            // Another server went on with it meanwhile.
        }
        catch (Exception e)
        {
            // Its deletions are durable: the next activation finds nothing but them and tries again.
            LogEraseFailed(_context.Logger, e, Key.Id);
        }
    }

    private void OnTimer()
    {
        if (!_mailbox.TryTell(conversation => conversation.OnTime(Now)) && !_isEnding)
        {
            _timer.Change(TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        }
    }

    private async Task EndCallsAsync()
    {
        try
        {
            await Task.WhenAll(_calls.Values.Select(call => call.Task))
                .WaitAsync(_context.Options.CallEndTime, _context.Time);
        }
        catch (TimeoutException)
        {
            LogCallLeft(_context.Logger, Key.Id, _context.Options.CallEndTime);
        }
    }

    private void Report(long bytes)
    {
        var work = _conversation.Work;
        _context.Instruments.Worked(_reported, work);
        _reported = work;
        _context.WarmBytes.Change(bytes - Bytes);
        Bytes = bytes;
        IsIdle = _conversation.IsIdle;
    }

    private static TimeSpan Later(TimeSpan due) => due < TimeSpan.Zero ? TimeSpan.Zero : due;

    [LoggerMessage(102, LogLevel.Error, "Conversation {Conversation}: append {Position} failed; it is opened again.")]
    private static partial void LogAppendFailed(
        ILogger logger, Exception e, ConversationId conversation, long position);

    [LoggerMessage(107, LogLevel.Information, "Conversation {Conversation}: another server has taken it over; append " +
        "{Position} was refused.")]
    private static partial void LogTaken(ILogger logger, ConversationId conversation, long position);

    [LoggerMessage(103, LogLevel.Error, "Conversation {Conversation} was deleted, but its journal could not be.")]
    private static partial void LogEraseFailed(ILogger logger, Exception e, ConversationId conversation);

    [LoggerMessage(105, LogLevel.Error, "Conversation {Conversation}: a model call did not end within {Time}.")]
    private static partial void LogCallLeft(ILogger logger, ConversationId conversation, TimeSpan time);
}
