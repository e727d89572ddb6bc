using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// One conversation as a synchronous state machine: inputs are its methods, what it asks of the world are
/// <see cref="Effect"/>s. It has no clock, thread, lock or task: one caller at a time, and the same inputs give the
/// same effects and the same bytes.
/// </summary>
/// <remarks>
/// Its parts: <c>Conversation.Starting</c> begins turns, <c>.Requests</c> knows what was begun already, <c>.Running</c>
/// takes model events and ends turns, <c>.Applying</c> is what the journal's records do, live and in recovery,
/// <c>.Reading</c> answers readers, <c>.Moving</c> takes all of it to another process.
/// After each input <see cref="Hosts.Activation"/> takes the effects and has them run in order.
/// </remarks>
public sealed partial class Conversation
{
    private readonly ConversationKey _key;
    private readonly ModelCatalog _models;
    private readonly IIdSource _ids;
    private readonly TurnTree _turns = new();
    private readonly ParameterStore _parameters = new();
    private readonly LeaseTable _leases = new();
    private readonly JournalOutbox _outbox;
    private readonly List<Turn> _running = [];
    private readonly List<Effect> _effects = [];
    private DateTimeOffset? _wakeAt;
    private bool _hasDeletions;
    private long _itemBytes;
    private long _validated;
    private long _rendered;
    private long _recovered;
    private long _claims;
    private TurnCounts _ended;

    /// <summary>An activation of a conversation, empty until its journal is recovered.</summary>
    /// <param name="key">Whose conversation, and which.</param>
    /// <param name="activation">64 random bits that no other activation has.</param>
    /// <param name="models">Which backend serves a model.</param>
    /// <param name="ids">Where the ids of unstored turns come from.</param>
    /// <param name="format">Gives the format of its records (<see cref="IJournal.Format"/>); null: the newest.</param>
    public Conversation(ConversationKey key, ulong activation, ModelCatalog models, IIdSource ids,
        Func<int>? format = null)
    {
        (_key, _models, _ids) = (key, models, ids);
        _outbox = new JournalOutbox(activation, format ?? (static () => RecordFormat.Newest));
    }

    /// <summary>
    /// Whether a refused or failed append ended this activation: what it holds is no longer the truth.
    /// </summary>
    public bool IsLost { get; private set; }

    /// <summary>
    /// Whether no response is left and the effect to delete the journal was given: the activation is over, and what is
    /// asked of the conversation after that belongs to the next one.
    /// </summary>
    public bool IsDeleted { get; private set; }

    /// <summary>Whether readers are attached.</summary>
    public bool HasReaders => _readers > 0;

    /// <summary>
    /// Whether nothing runs, is being written or read, and nothing is held that the journal does not have.
    /// </summary>
    public bool IsIdle => IsAtRest && !_turns.HasUnstored && _readers == 0;

    /// <summary>Whether there is nothing: no turn here, none in the journal, none on its way there.</summary>
    public bool IsEmpty => IsIdle && _outbox.End.Position == 0;

    /// <summary>Whether nothing runs and nothing is being written.</summary>
    public bool IsAtRest => _running.Count == 0 && _outbox.IsIdle;

    /// <summary>
    /// Bytes this activation holds, estimated: items, renderings, parameters, and what goes with each.
    /// </summary>
    public long Bytes => _itemBytes + _parameters.Bytes + FixedBytes;

    /// <summary>What was done so far.</summary>
    public ConversationWork Work => new(_validated, _rendered, _rendered, _recovered, _claims, _outbox.BytesWritten);

    /// <summary>The turns that ended here, and what they used; it only grows.</summary>
    public TurnCounts Ended => _ended;

    /// <summary>How many of this activation's records are durable; see <see cref="Delete"/>.</summary>
    public long DurableRecords => _outbox.Durable;

    /// <summary>Where the journal ends, as far as this activation knows.</summary>
    public JournalEnd End => _outbox.End;

    /// <summary>Takes the effects of the inputs so far.</summary>
    public IReadOnlyList<Effect> TakeEffects()
    {
        ShowDurable();
        if (!IsLost && _outbox.Next() is { } append)
        {
            // First: the disk is the slowest of them, and a model may answer at once.
            _effects.Insert(0, append);
        }

        DeleteIfEmpty();
        ScheduleWake();
        if (_effects.Count == 0)
        {
            return [];
        }

        Effect[] taken = [.. _effects];
        _effects.Clear();
        return taken;
    }

    /// <summary>The append under way is durable.</summary>
    public void OnAppended() => ApplyAll(_outbox.Done());

    /// <summary>
    /// The append under way was refused, or its outcome is unknown. The activation is over: its readers are told, its
    /// calls are cancelled, and the host drops it.
    /// </summary>
    public void OnAppendFailed()
    {
        IsLost = true;
        foreach (var turn in _running)
        {
            _effects.Add(new Effect.CancelCall(turn.Id));
            _effects.Add(new Effect.WakeReaders(turn.Id));
        }
    }

    /// <summary>Cancels a running turn. A turn that has ended stays as it is.</summary>
    /// <exception cref="ConversationException">The turn is not found.</exception>
    public void Cancel(TurnId id, LeaseId lease, DateTimeOffset now)
    {
        var turn = Find(id, lease);
        if (turn.Live is { IsOver: false })
        {
            Cancel(turn, now);
        }
    }

    /// <summary>
    /// Ends the turns that an earlier activation left open, as interrupted. A new activation calls this when it has
    /// read the journal, before any other input.
    /// </summary>
    /// <returns>The record that must be durable before the activation may serve; 0: none.</returns>
    public long EndAbandoned(DateTimeOffset now)
    {
        if (_turns.Abandoned.Any())
        {
            Claim(now);
        }

        return _outbox.Made;
    }

    /// <summary>Ends every running turn as interrupted, with its finished items: the host is about to stop.</summary>
    public void InterruptAll(DateTimeOffset now)
    {
        foreach (var turn in _running.Where(turn => turn.Live is { IsOver: false }).ToList())
        {
            _effects.Add(new Effect.CancelCall(turn.Id));
            Finish(turn, Ending(TurnOutcome.Failed, "server_error", "interrupted: the server is stopping.", now));
        }
    }

    /// <summary>Renews a lease.</summary>
    public void Hold(LeaseId lease, DateTimeOffset now)
    {
        if (_leases.Holds(lease))
        {
            _leases.Renew(lease, now);
        }
    }

    /// <summary>Ends a lease: its unstored turns are cancelled and forgotten.</summary>
    public void Release(LeaseId lease, DateTimeOffset now)
    {
        _leases.End(lease);
        foreach (var turn in _turns.HeldBy(lease))
        {
            if (turn.Live is { IsOver: false })
            {
                Cancel(turn, now);
            }

            _turns.Evict(turn);
        }
    }

    /// <summary>Time has passed: ends leases nobody renewed, gives up turns nobody reads.</summary>
    public void OnTime(DateTimeOffset now)
    {
        _wakeAt = null;
        foreach (var lease in _leases.EndedAt(now))
        {
            Release(lease, now);
        }

        foreach (var turn in _running.Where(turn => turn.OrphanedAt <= now && turn.Live is { IsOver: false }).ToList())
        {
            Cancel(turn, now);
        }
    }

    private void ShowDurable()
    {
        for (var i = _running.Count - 1; i >= 0; i--)
        {
            var turn = _running[i];
            if (turn.Log!.Release(_outbox.Durable))
            {
                _effects.Add(new Effect.WakeReaders(turn.Id));
            }

            if (turn.Status == TurnStatus.Ended)
            {
                _running.RemoveAt(i);
                DropLogUnlessRead(turn);
            }
        }
    }

    private void DeleteIfEmpty()
    {
        // Whoever reads goes on to the terminal event: only then the activation ends.
        if (_hasDeletions && IsIdle && !IsLost && !IsDeleted && !_turns.HasVisibleStored)
        {
            IsDeleted = true;
            _effects.Add(new Effect.DeleteJournal(_outbox.End));
        }
    }

    private void ScheduleWake()
    {
        var next = _leases.FirstEnd;
        foreach (var turn in _running)
        {
            next = turn.OrphanedAt is { } at && (next is null || at < next) ? at : next;
        }

        if (next is { } time && time != _wakeAt)
        {
            _wakeAt = time;
            _effects.Add(new Effect.WakeAt(time));
        }
    }

    /// <summary>
    /// Claims a journal that another activation wrote last, and ends its open turns in the same append.
    /// </summary>
    private void Claim(DateTimeOffset now)
    {
        if (!_outbox.MustClaim)
        {
            return;
        }

        _claims++;
        _outbox.Add(new Claimed());
        foreach (var turn in _turns.Abandoned)
        {
            var end = CutShort(turn, Ending(TurnOutcome.Interrupted, "server_error",
                "interrupted: the server that ran this response died or lost its conversation to another one. " +
                "Its finished items are kept; continue from it.", now));
            _ended = _ended.With(end.Ending);
            _outbox.Add(end);
        }
    }

    private Turn Find(TurnId id, LeaseId lease) => _turns.Find(id, lease) ?? throw NotFound(id);

    private ConversationException NotFound(TurnId id) => ConversationException.Of(
        RefusalKind.NotFound, $"Response with id '{new ResponseId(_key.Id, id)}' not found.");

    // The objects of an empty conversation; measured, see docs/performance.md.
    private const int FixedBytes = 4096;
}
