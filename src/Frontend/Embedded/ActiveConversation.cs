using Evergrain.Conversations.Hosts;
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
    private readonly DurableAnswers _durable = new();
    private readonly ITimer _timer;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _writing = Task.CompletedTask;
    private ConversationWork _reported;
    private bool _isStopping;
    private bool _isEnding;
    private bool _isGraceOver;
    private bool _isJournalFailing;
    private long _lastUsed;

    public ActiveConversation(ConversationKey key, EmbeddedContext context)
    {
        (Key, _context, _activation) = (key, context, context.Ids.Next64());
        _conversation = new Conversation(key, _activation, context.Models, context.Ids);
        _timer = context.Time.CreateTimer(_ => OnTimer(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _lastUsed = context.Time.GetTimestamp();
    }

    public ConversationKey Key { get; }

    /// <summary>Ends when nothing of the activation runs any more.</summary>
    public Task Ended => _ended.Task;

    /// <summary>When it was last asked something, as a timestamp of the host's clock.</summary>
    public long LastUsed => Volatile.Read(ref _lastUsed);

    /// <summary>Whether it could be passivated when it last did something.</summary>
    public bool IsIdle { get; private set; }

    /// <summary>Bytes it holds, estimated.</summary>
    public long Bytes { get; private set; }

    private DateTimeOffset Now => _context.Time.GetUtcNow();

    private bool IsOver => _isEnding || _conversation.IsLost || _conversation.IsDeleted ||
        (_isStopping && _conversation.IsAtRest && (_isGraceOver || !_conversation.HasReaders));

    /// <summary>Asks the conversation; the answer comes when the input was processed.</summary>
    public Task<T> AskAsync<T>(long askedAt, Func<Conversation, DateTimeOffset, T> input,
        CancellationToken cancellationToken)
    {
        Touch();
        return _mailbox.AskAsync<T>((conversation, answer) =>
            answer.TrySetResult(input(AsOf(conversation, askedAt), Now)), cancellationToken);
    }

    /// <summary>Tells the conversation something whose outcome nobody waits for.</summary>
    public async ValueTask TellAsync(Action<Conversation, DateTimeOffset> input) =>
        await _mailbox.TellAsync(conversation => input(conversation, Now));

    /// <summary>
    /// Starts a turn; ends when its id is durable. Before that, another activation could give the id to another turn.
    /// </summary>
    public Task<ResponseId> StartTurnAsync(long askedAt, StartTurn start, CancellationToken cancellationToken) =>
        AskDurableAsync(conversation =>
        {
            if (_isStopping)
            {
                throw EmbeddedConversations.Stopping();
            }

            var begun = _context.Time.GetTimestamp();
            var id = AsOf(conversation, askedAt).StartTurn(start, Now);
            _context.Instruments.PhaseEnded(ConversationPhase.Context, _context.Time.GetElapsedTime(begun));
            return (id, conversation.StartRecord(id.Turn));
        }, cancellationToken);

    /// <summary>Cancels a turn; ends when one that ran elsewhere is durably taken over.</summary>
    public Task CancelAsync(long askedAt, TurnAddress turn, CancellationToken cancellationToken) => AskDurableAsync(
        conversation => (true, AsOf(conversation, askedAt).Cancel(turn.Response.Turn, turn.Lease, Now)),
        cancellationToken);

    /// <summary>
    /// Deletes a response; ends when that is durable and, after the last one that nobody reads, the journal gone.
    /// </summary>
    public Task DeleteAsync(long askedAt, TurnAddress turn, CancellationToken cancellationToken) => AskDurableAsync(
        conversation => (true, AsOf(conversation, askedAt).Delete(turn.Response.Turn, turn.Lease, Now)),
        cancellationToken);

    /// <summary>Attaches a reader; <paramref name="isAgain"/>: it was attached to an earlier activation.</summary>
    public async Task AttachAsync(long askedAt, TurnAddress turn, bool isAgain)
    {
        try
        {
            await AskAsync(askedAt, (conversation, now) =>
            {
                conversation.Attach(turn.Response.Turn, turn.Lease, now);
                return true;
            }, CancellationToken.None);
        }
        catch (ConversationException e) when (isAgain && !turn.Response.Turn.IsStored)
        {
            throw new ConversationException(new Refusal(RefusalKind.Unavailable,
                "The response was not stored and is lost with the activation that ran it: send it again."), e);
        }
    }

    /// <summary>Events of an attached turn from a number on; waits until there are some.</summary>
    public Task<ReadStep> ReadAsync(TurnAddress turn, int from, CancellationToken cancellationToken)
    {
        Touch();
        return _mailbox.AskBrieflyAsync<ReadStep>(
            (conversation, answer) => _waiting.Read(conversation, turn, from, answer), cancellationToken);
    }

    /// <summary>Ends the activation if nothing needs it; says whether it does.</summary>
    public async Task<bool> TryPassivateAsync()
    {
        try
        {
            return await _mailbox.AskAsync<bool>((conversation, answer) =>
            {
                _isEnding |= conversation.IsIdle && _mailbox.IsEmpty;
                answer.SetResult(_isEnding);
            }, CancellationToken.None);
        }
        catch (ActivationEndedException)
        {
            return true;
        }
        catch (ConversationException)
        {
            // It could not be opened: whoever asked for it was told.
            return true;
        }
    }

    /// <summary>Opens the conversation and serves its mailbox. <paramref name="ended"/> is called at the end.</summary>
    public void Start(Action<ActiveConversation> ended) => _ = RunAsync(ended);

    /// <summary>
    /// Ends the activation, its running turns as interrupted, once that is durable and its readers have seen it or had
    /// time to.
    /// </summary>
    public async Task StopAsync()
    {
        await _mailbox.TellAsync(conversation =>
        {
            conversation.InterruptAll(Now);
            _isStopping = true;
        });
        try
        {
            await Ended.WaitAsync(_context.Options.StopGrace, _context.Time);
        }
        catch (TimeoutException)
        {
            await _mailbox.TellAsync(_ => _isGraceOver = true);
            await Ended;
        }
    }

    private void Touch() => Volatile.Write(ref _lastUsed, _context.Time.GetTimestamp());

    private Task<T> AskDurableAsync<T>(Func<Conversation, (T Value, long Record)> input,
        CancellationToken cancellationToken)
    {
        Touch();
        return _mailbox.AskBrieflyAsync<T>((conversation, answer) =>
        {
            var (value, record) = input(conversation);
            _durable.Add(record, answer, value);
        }, cancellationToken);
    }

    // Whoever waits for the end, waits for Ended: it comes whatever happened.
    private async Task RunAsync(Action<ActiveConversation> ended)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            await EndAsync(await LiveAsync());
        }
        finally
        {
            ended(this);
            _ended.SetResult();
        }
    }

    /// <summary>Opens and serves the conversation; gives what those who still wait are told at the end.</summary>
    private async Task<Exception> LiveAsync()
    {
        try
        {
            await RecoverAsync();
        }
        catch (JournalCorruptException e)
        {
            LogCorrupt(_context.Logger, e, Key.Id);
            return ConversationException.Of(RefusalKind.Internal, "The conversation's journal is damaged.");
        }
        catch (PositionTakenException)
        {
            // Another server took it over while this one did: the next activation reads what it wrote.
            return new ActivationEndedException();
        }
        catch (Exception e)
        {
            LogNotOpened(_context.Logger, e, Key.Id);
            return ConversationException.Of(RefusalKind.Unavailable, "The conversation cannot be opened: try again.");
        }

        _context.Instruments.Activated();
        try
        {
            await ServeAsync();
        }
        catch (Exception e)
        {
            // What it holds may be half changed: the next activation reads what is durable.
            LogActivationFailed(_context.Logger, e, Key.Id);
        }

        _context.Instruments.Passivated();
        if (_conversation.IsLost)
        {
            _context.Instruments.Lost();
        }

        if (!_conversation.IsAtRest || _conversation.IsLost)
        {
            _context.Lost.Add(Key, _activation);
        }

        return new ActivationEndedException();
    }

    private async Task RecoverAsync()
    {
        _freshAt = _context.NextMoment();
        await foreach (var entry in _context.ReadJournalAsync(Key, JournalEnd.None))
        {
            _conversation.Recover(entry);
        }

        var wasOurs = _context.Lost.WroteLast(Key, _conversation.End.LastWriter);
        if ((_context.Journal.IsExclusive || wasOurs) && _conversation.HasAbandonedTurns)
        {
            _conversation.TakeOver(Now);
            foreach (var append in _conversation.TakeEffects().OfType<Effect.Append>())
            {
                await _context.AppendAsync(Key, append, _activation);
                _conversation.OnAppended();
            }
        }

        // Not before: if the append failed, the next activation is to try again.
        _context.Lost.Forget(Key);
        RunEffects();
    }

    private async Task ServeAsync()
    {
        while (!IsOver && await _mailbox.NextAsync() is { } letter)
        {
            letter.Deliver(_conversation);
            RunEffects();

            // Asked for an id that does not exist, or left by its last connection: there is nothing to keep warm.
            _isEnding |= _conversation.IsEmpty;
        }
    }

    private async Task EndAsync(Exception reason)
    {
        _mailbox.Close(reason);
        _waiting.FailAll(reason);
        foreach (var call in _calls.Values)
        {
            call.Cancel();
        }

        await _writing;
        if (_conversation.IsDeleted)
        {
            _durable.Release(_conversation.DurableRecords);
        }

        _durable.FailAll(_isJournalFailing
            ? ConversationException.Of(RefusalKind.Unavailable, "The conversation cannot be written: try again.")
            : reason);
        await EndCallsAsync();
        await _timer.DisposeAsync();
        Report(0);
    }

    [LoggerMessage(100, LogLevel.Critical, "Conversation {Conversation} cannot be opened: its journal is damaged.")]
    private static partial void LogCorrupt(ILogger logger, Exception e, ConversationId conversation);

    [LoggerMessage(101, LogLevel.Error, "Conversation {Conversation} cannot be opened.")]
    private static partial void LogNotOpened(ILogger logger, Exception e, ConversationId conversation);

    [LoggerMessage(104, LogLevel.Error, "Conversation {Conversation} met a fault; it is opened again.")]
    private static partial void LogActivationFailed(ILogger logger, Exception e, ConversationId conversation);
}
