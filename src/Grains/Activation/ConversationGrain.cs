using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;
using Evergrain.Grains.Calls;
using Evergrain.Grains.Moving;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Placement;

namespace Evergrain.Grains.Activation;

/// <summary>
/// The host of one <see cref="Conversation"/>. Orleans' scheduler is its mailbox: each input and the effects it has
/// are handled in one synchronous piece, and everything that waits is waited for between two of those.
/// </summary>
/// <remarks>
/// The journal is the only truth. An activation claims it as it begins, if turns were left open there: Orleans has
/// routed to the one activation. Where there are two for a moment the fence decides, and the one that is refused lets
/// go. Nothing is persisted on deactivation that was not before.
/// </remarks>
[Reentrant]
[ConversationPlacement]
[Immovable]
[GrainType("evergrain.conversation")]
internal sealed partial class ConversationGrain(ConversationServices services) : Grain, IConversationGrain
{
    // A fault of ours: whoever met it must not meet it again in the next activation.
    private static readonly Refusal Faulted = new(RefusalKind.Internal, "The request could not be processed.");

    private readonly ulong _activation = services.Ids.Next64();
    private readonly Dictionary<TurnId, ModelRun> _calls = [];
    private readonly ReaderQueue _waiting = new();
    private readonly DurableAnswers _durable = new();
    private ConversationKey _key;
    private Conversation _conversation = null!;
    private TaskScheduler _scheduler = null!;
    private IGrainTimer _wake = null!;
    private IGrainTimer _emptyWake = null!;
    private Task _writing = Task.CompletedTask;
    private Refusal? _broken;
    private bool _isOver;
    private bool _isFaulted;
    private bool _isHeld;
    private bool _isJournalFailing;
    private bool _isPassing;

    private DateTimeOffset Now => services.Time.GetUtcNow();

    /// <inheritdoc/>
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _key = ConversationGrainKey.Parse(this.GetPrimaryKeyString());
        _scheduler = TaskScheduler.Current;
        _conversation = NewConversation();
        if (_snapshot.IsEmpty && PassingCalls.IsOne)
        {
            // Nothing is warm here, so there is nothing to be told.
            _isPassing = _isOver = true;
            return;
        }

        _wake = Timer(() => Input(conversation => conversation.OnTime(Now)));
        _emptyWake = Timer(LeaveIfEmpty);
        try
        {
            if (!TryRehydrate())
            {
                await RecoverAsync(cancellationToken);
            }

            await ClaimAsync();
            BecomeWarm();
            RunEffects();

            // From now on it may move: before, Orleans would drop what it holds.
            _isOpen = true;
        }
        catch (JournalCorruptException e)
        {
            LogCorrupt(services.Logger, e, _key.Id);
            _broken = new Refusal(RefusalKind.Internal, "The conversation's journal is damaged.");
        }
        catch (PositionTakenException)
        {
            // Another activation took it over while this one did: the next reads what it wrote.
            _isOver = true;
        }
        catch (Exception e)
        {
            LogNotOpened(services.Logger, e, _key.Id);
            _broken = new Refusal(RefusalKind.Unavailable, "The conversation cannot be opened: try again.");
        }
    }

    /// <inheritdoc/>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        Finish();
        await _writing.WaitAsync(cancellationToken);
        await EndCallsAsync();
        await _checksEnd.CancelAsync();
        if (_isMoving || reason.ReasonCode == DeactivationReasonCode.Migrating)
        {
            WriteSnapshot();
        }
    }

    /// <inheritdoc/>
    public async Task<Answer<StartedTurn>> StartTurn(StartRequest request)
    {
        if (services.Moves.IsClosed)
        {
            return Answer.AskAgain<StartedTurn>();
        }

        var start = request.For(_key);
        if (await CheckAsync(start) is { } notBegun)
        {
            // A move may have waited for it.
            Input(static _ => { });
            return notBegun;
        }

        try
        {
            return await AskDurableAsync(conversation =>
            {
                var begun = services.Time.GetTimestamp();
                var id = conversation.StartTurn(start, Now);
                services.Instruments.PhaseEnded(ConversationPhase.Context, services.Time.GetElapsedTime(begun));
                return (new StartedTurn { Turn = id.Turn }, conversation.StartRecord(id.Turn));
            });
        }
        catch (ForeignItemsException e)
        {
            return Answer.Given(new StartedTurn { Missing = [.. e.Items] });
        }
    }

    /// <inheritdoc/>
    public Task<Answer<bool>> Cancel(TurnRequest turn) => AskDurableAsync(
        conversation => (true, conversation.Cancel(turn.Turn, turn.Lease, Now)));

    /// <inheritdoc/>
    public Task<Answer<Payload>> Get(TurnRequest turn) =>
        Task.FromResult(Ask(conversation => new Payload(conversation.Get(turn.Turn, turn.Lease))));

    /// <inheritdoc/>
    public Task<Answer<Payload>> GetOutputItem(TurnRequest turn, int index) =>
        Task.FromResult(Ask(conversation => new Payload(conversation.GetOutputItem(turn.Turn, turn.Lease, index))));

    /// <inheritdoc/>
    public Task<Answer<Payload>> ListInputItems(TurnRequest turn, int limit, bool isAscending,
        string? after) => Task.FromResult(Ask(conversation =>
            new Payload(conversation.ListInputItems(
                turn.Turn, turn.Lease, new ItemPage(limit, isAscending, after)))));

    /// <inheritdoc/>
    public Task<Answer<bool>> Delete(TurnRequest turn) => AskDurableAsync(
        conversation => (true, conversation.Delete(turn.Turn, turn.Lease, Now)));

    /// <inheritdoc/>
    public Task<Answer<bool>> Hold(LeaseId lease) => Task.FromResult(IfWarm(conversation =>
        conversation.Hold(lease, Now)));

    /// <inheritdoc/>
    public Task<Answer<bool>> Release(LeaseId lease) => Task.FromResult(IfWarm(conversation =>
        conversation.Release(lease, Now)));

    private Conversation NewConversation() => new(_key, _activation, services.Models, services.Ids);

    private async Task RecoverAsync(CancellationToken cancellationToken)
    {
        // Beside the grain's scheduler, since a journal may have waits of its own; nobody else is served meanwhile.
        await Task.Run(async () =>
        {
            await foreach (var entry in services.Journal.ReadAsync(_key, JournalEnd.None, cancellationToken))
            {
                _conversation.Recover(entry);
            }
        }, cancellationToken);
    }

    private async Task ClaimAsync()
    {
        if (_conversation.HasAbandonedTurns)
        {
            _conversation.TakeOver(Now);
            foreach (var append in _conversation.TakeEffects().OfType<Effect.Append>())
            {
                await AppendAsync(append);
                _conversation.OnAppended();
            }
        }
    }

    /// <summary>Asks the conversation.</summary>
    private Answer<T> Ask<T>(Func<Conversation, T> input)
    {
        if (NotServed<T>() is { } notServed)
        {
            return notServed;
        }

        Answer<T>? answer = null;
        Input(conversation => answer = Answered(conversation, input));
        return answer ?? Answer.Refused<T>(Faulted);
    }

    /// <summary>Tells the conversation what it need not hear if it is not warm.</summary>
    private Answer<bool> IfWarm(Action<Conversation> input)
    {
        if (_isPassing)
        {
            DeactivateOnIdle();
            return Answer.Given(true);
        }

        return Ask(conversation =>
        {
            input(conversation);
            return true;
        });
    }

    /// <summary>Asks the conversation; the answer waits until a record is durable.</summary>
    private async Task<Answer<T>> AskDurableAsync<T>(Func<Conversation, (T Value, long Record)> input)
    {
        if (NotServed<T>() is { } notServed)
        {
            return notServed;
        }

        var waiting = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var isKnown = false;
        Input(conversation =>
        {
            try
            {
                var (value, record) = input(conversation);
                _durable.Add(record, waiting, value);
            }
            catch (Exception e) when (e is ConversationException or ForeignItemsException)
            {
                waiting.SetException(e);
            }

            isKnown = true;
        });
        if (!isKnown)
        {
            return Answer.Refused<T>(Faulted);
        }

        try
        {
            return Answer.Given(await waiting.Task);
        }
        catch (ConversationException e)
        {
            return Answer.Refused<T>(e.Refusal);
        }
        catch (ActivationEndedException)
        {
            return Answer.AskAgain<T>();
        }
    }

    private Answer<T>? NotServed<T>()
    {
        Used();
        if (_isMoving)
        {
            return Answer.AskAgain<T>();
        }

        if (_broken is null && !_isOver)
        {
            return null;
        }

        DeactivateOnIdle();
        return _broken is null ? Answer.AskAgain<T>() : Answer.Refused<T>(_broken);
    }

    private static Answer<T> Answered<T>(Conversation conversation, Func<Conversation, T> input)
    {
        try
        {
            return Answer.Given(input(conversation));
        }
        catch (ConversationException e)
        {
            return Answer.Refused<T>(e.Refusal);
        }
    }

    [LoggerMessage(400, LogLevel.Critical, "Conversation {Conversation} cannot be opened: its journal is damaged.")]
    private static partial void LogCorrupt(ILogger logger, Exception e, ConversationId conversation);

    [LoggerMessage(401, LogLevel.Error, "Conversation {Conversation} cannot be opened.")]
    private static partial void LogNotOpened(ILogger logger, Exception e, ConversationId conversation);

    private sealed class ActivationEndedException() : Exception("The conversation's activation has ended.");
}
