using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Embedded;

/// <summary>
/// One warm conversation: its mailbox, the loop that feeds it, and the running of its effects. It owns every task it
/// starts and ends with them.
/// </summary>
internal sealed partial class ActiveConversation
{
    private readonly EmbeddedContext _context;
    private readonly Conversation _conversation;
    private readonly ulong _activation;
    private readonly Mailbox _mailbox = new();
    private readonly Dictionary<TurnId, ModelRun> _calls = [];
    private readonly ReaderQueue _waiting = new();
    private readonly List<(long Record, TaskCompletionSource<bool> Answer)> _durable = [];
    private readonly ITimer _timer;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _serving = Task.CompletedTask;
    private Task _writing = Task.CompletedTask;
    private ConversationWork _reported;
    private bool _isStopping;
    private bool _isEnding;

    public ActiveConversation(ConversationKey key, EmbeddedContext context)
    {
        (Key, _context, _activation) = (key, context, context.Ids.Next64());
        _conversation = new Conversation(key, _activation, context.Models, context.Ids);
        _timer = context.Time.CreateTimer(_ => OnTimer(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        LastUsed = context.Time.GetTimestamp();
    }

    public ConversationKey Key { get; }

    /// <summary>Ends when nothing of the activation runs any more.</summary>
    public Task Ended => _ended.Task;

    /// <summary>When it was last asked something, as a timestamp of the host's clock.</summary>
    public long LastUsed { get; private set; }

    /// <summary>Bytes it holds, estimated.</summary>
    public long Bytes { get; private set; }

    private DateTimeOffset Now => _context.Time.GetUtcNow();

    /// <summary>Asks the conversation; the answer comes when the input was processed.</summary>
    public Task<T> AskAsync<T>(Func<Conversation, DateTimeOffset, T> input, CancellationToken cancellationToken) =>
        _mailbox.AskAsync<T>(
            (conversation, answer) => answer.TrySetResult(input(conversation, Now)), cancellationToken);

    /// <summary>Tells the conversation something whose outcome nobody waits for.</summary>
    public async ValueTask TellAsync(Action<Conversation, DateTimeOffset> input) =>
        await _mailbox.TellAsync(conversation => input(conversation, Now));

    /// <summary>Events of an attached turn from a number on; waits until there are some.</summary>
    public Task<ReadStep> ReadAsync(TurnAddress turn, int from, CancellationToken cancellationToken) =>
        _mailbox.AskAsync<ReadStep>(
            (conversation, answer) => _waiting.Read(conversation, turn, from, answer), cancellationToken);

    /// <summary>Deletes a response; ends when that is durable.</summary>
    public Task DeleteAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        _mailbox.AskAsync<bool>((conversation, answer) =>
            _durable.Add((conversation.Delete(turn.Response.Turn, turn.Lease, Now), answer)), cancellationToken);

    /// <summary>Ends the activation if nothing needs it.</summary>
    public async ValueTask PassivateAsync() => await _mailbox.TellAsync(conversation =>
        _isEnding |= conversation.IsIdle && _mailbox.IsEmpty);

    /// <summary>Opens the conversation and serves its mailbox. <paramref name="ended"/> is called at the end.</summary>
    public void Start(Action<ActiveConversation> ended) => _serving = RunAsync(ended);

    /// <summary>Ends the activation, its running turns as interrupted.</summary>
    public async Task StopAsync()
    {
        await _mailbox.TellAsync(conversation =>
        {
            conversation.InterruptAll(Now);
            _isStopping = true;
        });
        await _serving;
    }

    private async Task RunAsync(Action<ActiveConversation> ended)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        Exception reason = new ActivationEndedException();
        try
        {
            await RecoverAsync();
            _context.Instruments.Activated();
            await ServeAsync();
            _context.Instruments.Passivated();
        }
        catch (JournalCorruptException e)
        {
            LogCorrupt(_context.Logger, e, Key.Id);
            reason = ConversationException.Of(RefusalKind.Internal, "The conversation's journal is damaged.");
        }
        catch (Exception e)
        {
            LogActivationFailed(_context.Logger, e, Key.Id);
            reason = ConversationException.Of(RefusalKind.Unavailable, "The conversation cannot be opened: try again.");
        }

        await EndAsync(reason);
        ended(this);
        _ended.SetResult();
    }

    private async Task RecoverAsync()
    {
        await foreach (var entry in _context.ReadJournalAsync(Key))
        {
            _conversation.Recover(entry);
        }

        if (_context.Journal.IsExclusive && _conversation.HasAbandonedTurns)
        {
            _conversation.TakeOver(Now);
            foreach (var append in _conversation.TakeEffects().OfType<Effect.Append>())
            {
                await _context.AppendAsync(Key, append, _activation);
                _conversation.OnAppended();
            }
        }

        RunEffects();
    }

    private async Task ServeAsync()
    {
        while (!_isEnding && await _mailbox.NextAsync() is { } letter)
        {
            LastUsed = _context.Time.GetTimestamp();
            letter.Deliver(_conversation);
            RunEffects();
            _isEnding |= _conversation.IsLost || (_isStopping && _conversation.IsAtRest);
        }
    }

    private async Task EndAsync(Exception reason)
    {
        _mailbox.Close(reason);
        _waiting.FailAll(reason);
        foreach (var (_, answer) in _durable)
        {
            answer.TrySetException(reason);
        }

        foreach (var call in _calls.Values)
        {
            await call.CancelAsync();
        }

        await Task.WhenAll(_calls.Values.Select(call => call.Task).Append(_writing));
        await _timer.DisposeAsync();
        Report(0);
    }

    private void RunEffects()
    {
        foreach (var effect in _conversation.TakeEffects())
        {
            Run(effect);
        }

        AnswerDurable();
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
            case Effect.DeleteJournal:
                _writing = EraseAsync();
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
        try
        {
            await _context.AppendAsync(Key, append, _activation);
            await _mailbox.TellAsync(static conversation => conversation.OnAppended());
        }
        catch (Exception e)
        {
            // Whatever became of it, the next activation reads it in the journal.
            LogAppendFailed(_context.Logger, e, Key.Id, append.Position);
            await _mailbox.TellAsync(static conversation => conversation.OnAppendFailed());
        }
    }

    private async Task EraseAsync()
    {
        try
        {
            await _context.Journal.DeleteAsync(Key, CancellationToken.None);
        }
        catch (Exception e)
        {
            LogEraseFailed(_context.Logger, e, Key.Id);
        }

        await _mailbox.TellAsync(_ => _isEnding = true);
    }

    private void AnswerDurable()
    {
        for (var i = _durable.Count - 1; i >= 0; i--)
        {
            if (_durable[i].Record <= _conversation.DurableRecords)
            {
                _durable[i].Answer.TrySetResult(true);
                _durable.RemoveAt(i);
            }
        }
    }

    private void OnTimer()
    {
        if (!_mailbox.TryTell(conversation => conversation.OnTime(Now)) && !_isEnding)
        {
            _timer.Change(TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        }
    }

    private void Report(long bytes)
    {
        var work = _conversation.Work;
        _context.Instruments.Worked(_reported, work);
        _reported = work;
        _context.WarmBytes.Change(bytes - Bytes);
        Bytes = bytes;
    }

    private static TimeSpan Later(TimeSpan due) => due < TimeSpan.Zero ? TimeSpan.Zero : due;

    [LoggerMessage(100, LogLevel.Critical, "Conversation {Conversation} cannot be opened: its journal is damaged.")]
    private static partial void LogCorrupt(ILogger logger, Exception e, ConversationId conversation);

    [LoggerMessage(101, LogLevel.Error, "Conversation {Conversation} cannot be opened.")]
    private static partial void LogActivationFailed(ILogger logger, Exception e, ConversationId conversation);

    [LoggerMessage(102, LogLevel.Error, "Conversation {Conversation}: append {Position} failed; it is opened again.")]
    private static partial void LogAppendFailed(
        ILogger logger, Exception e, ConversationId conversation, long position);

    [LoggerMessage(103, LogLevel.Error, "Conversation {Conversation} was deleted, but its journal could not be.")]
    private static partial void LogEraseFailed(ILogger logger, Exception e, ConversationId conversation);
}
