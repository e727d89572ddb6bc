using System.Runtime.CompilerServices;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Grains.Calls;
using Evergrain.Grains.Moving;
using Orleans.Concurrency;
using Orleans.Placement;

namespace Evergrain.Grains.Activation;

/// <summary>
/// One conversation of the cluster: an activation, its way into this silo and out of it, and its calls. Orleans'
/// scheduler makes the inputs follow each other.
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
internal sealed class ConversationGrain(GrainServices services)
    : Grain, IConversationGrain, IGrainSeat, IGrainMigrationParticipant
{
    private ConversationKey _key;
    private GrainActivation _activation = null!;
    private GrainMove _move = null!;
    private CreatePieces _pieces = null!;
    private ReadOnlyMemory<byte> _arrived;
    private bool _isOpen;
    private bool _isPassing;
    private bool _isHeld;
    private int _starting;
    private TimeSpan _opening;

    /// <inheritdoc/>
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        var begun = services.Host.Services.Time.GetTimestamp();
        _key = ConversationGrainKey.Parse(this.GetPrimaryKeyString());
        _activation = new GrainActivation(_key, services, this);
        _move = new GrainMove(_activation, services, GrainContext);
        _pieces = new CreatePieces(
            services.Host.Services.Instruments.Holding?.Of(_key.Tenant), services.Host.Services.Time);
        if (_arrived.IsEmpty && PassingCalls.IsOne)
        {
            // Nothing is warm here, so there is nothing to be told.
            _isPassing = true;
            return;
        }

        // Beside the grain's scheduler, since a journal may have waits of its own; nobody else is served meanwhile.
        var refusal = _move.TryArrive(_arrived)
            ? null
            : await Task.Run(
                () => services.Host.Journal.ReadAsync(_key, _activation.Inner, cancellationToken),
                CancellationToken.None);
        _arrived = default;
        var opened = new TaskCompletionSource<Answer<bool>>(TaskCreationOptions.RunContinuationsAsynchronously);
        _activation.Input(activation => activation.Open(refusal, opened));
        if ((await opened.Task).Kind == AnswerKind.Given)
        {
            // From now on it may move: before, Orleans would drop what it holds.
            _move.BecomeWarm();
            _isOpen = true;
            _opening = services.Host.Services.Time.GetElapsedTime(begun);
            AfterInput();
        }
    }

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _pieces.Clear();
        return _move.LeaveAsync(reason.ReasonCode, cancellationToken);
    }

    /// <inheritdoc/>
    public void OnDehydrate(IDehydrationContext dehydrationContext) => _move.OnDehydrate(dehydrationContext);

    /// <inheritdoc/>
    public void OnRehydrate(IRehydrationContext rehydrationContext) =>
        _arrived = GrainMove.OnRehydrate(rehydrationContext, services);

    /// <inheritdoc/>
    public async Task<Answer<StartedTurn>> StartTurn(StartRequest request)
    {
        if (services.Moves.IsClosed)
        {
            return Answer.AskAgain<StartedTurn>();
        }

        if (request.PieceTotal > 0)
        {
            // A new conversation without a turn would end in the middle of a large create.
            await _activation.HoldAsync(default, CancellationToken.None);
            if (_pieces.Add(ref request) is { } notWhole)
            {
                return notWhole;
            }
        }

        // It does not move meanwhile: its input may be with the check.
        _starting++;
        try
        {
            // The first one waited for the journal to be read.
            var start = request.For(_key, _opening);
            _opening = default;
            return await _activation.StartTurnAsync(start, CancellationToken.None);
        }
        finally
        {
            _starting--;
            AfterInput();
        }
    }

    /// <inheritdoc/>
    public Task<Answer<HistoryMatch>> Match(TurnRequest turn, HistoryQuestion question) =>
        IfWarm(() => _activation.MatchAsync(AddressOf(turn), question, default), HistoryMatch.None);

    /// <inheritdoc/>
    public async Task<Answer<bool>> MayContinue(TurnRequest turn, Payload context)
    {
        var answer = await Match(turn, new HistoryQuestion(Digest.From(context.Bytes.Span), []));
        var isThere = answer.Kind == AnswerKind.Given && answer.Value.Turns.Any(static place => place.Rest == 0);
        return new(answer.Kind, isThere, answer.Refusal);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<EventsAnswer> ReadEvents(TurnRequest turn, int from, ulong reader,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var answer in _activation.ReadEventsAsync(AddressOf(turn), from, reader, cancellationToken))
        {
            if (!EventsAnswer.IsInPieces(answer, turn.PieceBytes))
            {
                yield return EventsAnswer.Of(answer);
                continue;
            }

            foreach (var piece in EventsAnswer.Cut(answer.Value, turn.PieceBytes))
            {
                yield return piece;
            }
        }
    }

    /// <inheritdoc/>
    public Task StopReading(ulong reader)
    {
        Used();
        return _activation.StopReadingAsync(reader);
    }

    /// <inheritdoc/>
    public Task<Answer<bool>> Cancel(TurnRequest turn) => _activation.CancelAsync(AddressOf(turn), default);

    /// <inheritdoc/>
    public async Task<Answer<Payload>> Get(TurnRequest turn) =>
        Payload.Wrap(await _activation.GetAsync(AddressOf(turn), default));

    /// <inheritdoc/>
    public async IAsyncEnumerable<Answer<Payload>> GetInPieces(
        TurnRequest turn, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var answer = await _activation.GetAsync(AddressOf(turn), cancellationToken);
        foreach (var piece in Payload.Cut(answer.Value, turn.PieceBytes))
        {
            yield return new Answer<Payload>(answer.Kind, piece, answer.Refusal);
        }
    }

    /// <inheritdoc/>
    public async Task<Answer<Payload>> GetOutputItem(TurnRequest turn, int index) =>
        Payload.Wrap(await _activation.GetOutputItemAsync(AddressOf(turn), index, default));

    /// <inheritdoc/>
    public async Task<Answer<Payload>> ListInputItems(TurnRequest turn, int limit, bool isAscending, string? after) =>
        Payload.Wrap(await _activation.ListInputItemsAsync(
            AddressOf(turn), new ItemPage(limit, isAscending, after), default));

    /// <inheritdoc/>
    public async Task<Answer<Payload>> ListTurns(int after, int limit) =>
        Payload.Wrap(await _activation.ListTurnsAsync(after, limit, default));

    /// <inheritdoc/>
    public async Task<Answer<Payload>> ListLive(long since) =>
        Payload.Wrap(await _activation.ListLiveAsync(since, default));

    /// <inheritdoc/>
    public async Task<Answer<Payload>> GetContext(TurnId turn, int rendered) =>
        Payload.Wrap(await _activation.GetContextAsync(turn, rendered, default));

    /// <inheritdoc/>
    public Task<Answer<FoundTurns>> FindTurns(
        TurnId after, int limit, bool isAscending, string? model, Dictionary<string, string> metadata) =>
        _activation.FindTurnsAsync(after, limit,
            new ResponseFilter { IsAscending = isAscending, Model = model, Metadata = metadata }, default);

    /// <inheritdoc/>
    public Task<Answer<bool>> ChangeMetadata(TurnRequest turn, Payload metadata) =>
        _activation.ChangeMetadataAsync(AddressOf(turn), metadata.Bytes, default);

    /// <inheritdoc/>
    public Task<Answer<bool>> Delete(TurnRequest turn) => _activation.DeleteAsync(AddressOf(turn), default);

    /// <inheritdoc/>
    public Task<Answer<bool>> Expire(long endedBy) =>
        IfWarm(() => _activation.ExpireAsync(endedBy, default), otherwise: false);

    /// <inheritdoc/>
    public Task<Answer<bool>> Erase() => _activation.EraseAsync(default);

    /// <inheritdoc/>
    public Task<Answer<bool>> Hold(LeaseId lease) =>
        IfWarm(() => _activation.HoldAsync(lease, default), otherwise: true);

    /// <inheritdoc/>
    public Task<Answer<bool>> Release(LeaseId lease) =>
        IfWarm(() => _activation.ReleaseAsync(lease, default), otherwise: true);

    /// <inheritdoc/>
    public void Used()
    {
        _move.Used();
        if (_activation.Inner.Life is not (ActivationLife.Open or ActivationLife.Erasing))
        {
            // It was not opened, or it is over: the next call is for the next activation.
            DeactivateOnIdle();
        }
    }

    /// <inheritdoc/>
    public void AfterInput()
    {
        if (!_isOpen)
        {
            return;
        }

        _move.Report();
        if (_activation.Inner.Life == ActivationLife.Open)
        {
            StayWhileNeeded();
            if (_starting == 0)
            {
                _move.MoveIfAsked();
            }
        }

        _move.Settle();
    }

    /// <inheritdoc/>
    public void Ended()
    {
        // While it opens, its first caller gets the answer; a move deactivates by itself.
        if (_isOpen && !_move.IsMoving)
        {
            // Not DeactivateOnIdle: it throws where Orleans has given the activation up already.
            GrainContext.Deactivate(new DeactivationReason(DeactivationReasonCode.ApplicationRequested,
                "The conversation goes on in its next activation."));
        }
    }

    private TurnAddress AddressOf(TurnRequest turn) =>
        new(_key.Tenant, new ResponseId(_key.Id, turn.Turn), turn.Lease);

    /// <summary>Asks what the conversation need not hear if it is not warm.</summary>
    private Task<Answer<T>> IfWarm<T>(Func<Task<Answer<T>>> ask, T otherwise)
    {
        if (!_isPassing)
        {
            return ask();
        }

        DeactivateOnIdle();
        return Task.FromResult(Answer.Given(otherwise));
    }

    // Calls that a grain makes, and turns that run in it, do not count for Orleans as activity.
    private void StayWhileNeeded()
    {
        var isNeeded = !_activation.Inner.IsIdle || _activation.Inner.Keeps;
        if (isNeeded != _isHeld)
        {
            _isHeld = isNeeded;
            DelayDeactivation(isNeeded ? Timeout.InfiniteTimeSpan : TimeSpan.Zero);
        }
    }
}
