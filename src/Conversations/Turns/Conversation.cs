using System.Buffers;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Moving;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// One conversation as a synchronous state machine: inputs are its methods, what it asks of the world are
/// <see cref="Effect"/>s. It has no clock, thread, lock or task: one caller at a time, and the same inputs give the
/// same effects and the same bytes.
/// </summary>
/// <remarks>
/// It holds a <see cref="ConversationState"/>. The types that read and change it: <see cref="TurnStarter"/> begins
/// turns, <see cref="RunningTurns"/> takes model events and ends turns, <see cref="RecordApplier"/> applies the
/// journal's records, live and in recovery, <see cref="TurnReaders"/> answers readers,
/// <see cref="ConversationSnapshot"/> takes all of it to another process.
/// After each input <see cref="Hosts.Activation"/> takes the effects and has them run in order.
/// </remarks>
public sealed class Conversation
{
    // The objects of an empty conversation; measured, see docs/performance.md.
    private const int FixedBytes = 4096;

    // Bytes go up in steps, so that whoever adds them up has nothing to do at most events.
    private const int StepBytes = 4096;

    // A create's items, their renderings, and the append that holds them.
    private const int CreateCopies = 3;

    private readonly ConversationState _state;
    private readonly ConversationSnapshot _snapshot;
    private readonly RecordApplier _records;
    private readonly RunningTurns _running;
    private readonly TurnStarter _starter;
    private readonly TurnReaders _readers;
    private readonly TurnRemoval _removal;
    private readonly UnstoredTurns _unstored;
    private readonly List<Effect> _effects = [];
    private DateTimeOffset? _wakeAt;

    /// <summary>An activation of a conversation, empty until its journal is recovered.</summary>
    /// <param name="key">Whose conversation, and which.</param>
    /// <param name="activation">64 random bits that no other activation has.</param>
    /// <param name="models">Which backend serves a model.</param>
    /// <param name="ids">Where the ids of unstored turns and the tags of stored ones come from.</param>
    /// <param name="format">Gives the format of its records (<see cref="IJournal.Format"/>); null: the newest.</param>
    public Conversation(ConversationKey key, ulong activation, ModelCatalog models, IIdSource ids,
        Func<int>? format = null)
    {
        _state = new ConversationState(key, activation, format ?? (static () => RecordFormat.Newest));
        _snapshot = new ConversationSnapshot(_state, key, models);
        var events = new TurnEvents(_state.Turns, _state.Counts);
        _records = new RecordApplier(_state);
        _running = new RunningTurns(_state, _records, events, _effects);
        _starter = new TurnStarter(_state, _running, _records, models, ids);
        _readers = new TurnReaders(_state, _running, events);
        _removal = new TurnRemoval(_state, _running);
        _unstored = new UnstoredTurns(_state, _running);
        Stored = new StoredTurns(_state);
        Places = new HistoryPlaces(_state, _running);
    }

    /// <summary>Says where a history that was sent again may continue it.</summary>
    internal HistoryPlaces Places { get; }

    /// <summary>Lists the stored turns, and changes the metadata of one.</summary>
    internal StoredTurns Stored { get; }

    /// <summary>Whether a refused or failed append ended this activation: what it holds is not the truth.</summary>
    public bool IsLost => _running.IsLost;

    /// <summary>
    /// Whether no response is left and the effect to delete the journal was given: the activation is over, and what is
    /// asked of the conversation after that belongs to the next one.
    /// </summary>
    public bool IsDeleted { get; private set; }

    /// <summary>Whether readers are attached.</summary>
    public bool HasReaders => _readers.Count > 0;

    /// <summary>
    /// Whether nothing runs, is being written or read, and no connection holds what the journal does not have.
    /// </summary>
    public bool IsIdle => IsAtRest && !_state.Turns.HasUnstored && _readers.Count == 0;

    /// <summary>Whether it keeps unstored turns that only histories may continue. They may go at any time.</summary>
    public bool Keeps => !_state.Kept.IsEmpty;

    /// <summary>Whether there is nothing: no turn here, none in the journal, none on its way there.</summary>
    public bool IsEmpty => IsIdle && !Keeps && _state.Outbox.End.Position == 0;

    /// <summary>Whether nothing runs and nothing is being written.</summary>
    public bool IsAtRest => _running.Count == 0 && _state.Outbox.IsIdle;

    /// <summary>What its tenant holds in this process; null: nobody counts.</summary>
    public TenantHolding? Holding
    {
        get => _state.Holding;
        init => _state.Holding = value;
    }

    /// <summary>Whether it tells its host and its readers by what the end of a turn is found.</summary>
    public bool Recognises
    {
        get => _state.Recognises;
        init => _state.Recognises = value;
    }

    /// <summary>
    /// How long unstored turns are kept that no connection holds; 0: histories do not continue unstored turns.
    /// </summary>
    public TimeSpan UnstoredGrace
    {
        get => _state.Kept.Grace;
        init => _state.Kept.Grace = value;
    }

    /// <summary>
    /// Bytes this activation holds, estimated, in steps of 4 KiB: items, renderings, parameters, events, the append
    /// under way, and what goes with each.
    /// </summary>
    public long Bytes
    {
        get
        {
            var bytes = _state.Counts.ItemBytes + _state.Counts.EventBytes + _state.Parameters.Bytes +
                _running.Bytes + _state.Outbox.AppendBytes + FixedBytes;
            return (bytes + StepBytes - 1) / StepBytes * StepBytes;
        }
    }

    /// <summary>What was done so far.</summary>
    public ConversationWork Work => new(_state.Counts.Validated, _state.Counts.Rendered, _state.Counts.Rendered,
        _state.Counts.Recovered, _state.Counts.Claims, _state.Outbox.BytesWritten);

    /// <summary>The turns that ended here, and what they used; it only grows.</summary>
    public TurnCounts Ended => _state.Counts.Ended;

    /// <summary>How many of this activation's records are durable; see <see cref="Delete"/>.</summary>
    public long DurableRecords => _state.Outbox.Durable;

    /// <summary>
    /// Stored turns that may be found, unstored ones, and those that run: it changes when a turn begins, ends or goes.
    /// </summary>
    internal (int Stored, int Unstored, int Running) Population =>
        (_state.Turns.VisibleStored, _state.Turns.Unstored.Count, _running.Count);

    /// <summary>Where the journal ends, as far as this activation knows.</summary>
    public JournalEnd End => _state.Outbox.End;

    /// <summary>What is held now, as shapes and times; null: there is no turn.</summary>
    /// <param name="key">Whose conversation, and which.</param>
    /// <param name="before">What was held before; null: it is the first time.</param>
    /// <param name="now">The time.</param>
    internal HeldConversation? Describe(ConversationKey key, HeldConversation? before, DateTimeOffset now) =>
        _state.Turns.Describe(key, before, _running.Count, now);

    /// <summary>Starts a turn, or attaches to the one that this request id started.</summary>
    /// <returns>The response's id; nobody may see it before the first event is visible.</returns>
    /// <exception cref="ConversationException">The create is refused and nothing was recorded.</exception>
    /// <exception cref="ForeignItemsException">
    /// It refers to items of other conversations: start it again with <see cref="Ports.StartTurn.References"/>. Nothing
    /// was recorded.
    /// </exception>
    public ResponseId StartTurn(StartTurn start, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(start);
        if (_starter.Known(start) is { } known)
        {
            return _state.Turns.IdOf(known);
        }

        // An idle conversation held nothing until now that could not go.
        Holding?.Enter((CreateCopies * start.Bytes) + (IsIdle ? Bytes : 0));
        return _state.Turns.IdOf(_starter.Start(start, now));
    }

    /// <summary>Whether starting a turn would attach to one that was begun already.</summary>
    /// <exception cref="ConversationException">Its idempotency key was used for another request.</exception>
    public bool Knows(StartTurn start)
    {
        ArgumentNullException.ThrowIfNull(start);
        return _starter.Known(start) is not null;
    }

    /// <summary>
    /// The record that must be durable before a started turn's id means anything: until then another activation may
    /// give it to another turn. 0: none.
    /// </summary>
    public long StartRecord(TurnId id) =>
        _state.Turns.ById(id) is { Status: TurnStatus.Proposed } ? _state.Outbox.Made : 0;

    /// <summary>The model said something. Ignored where the turn is over already.</summary>
    public void OnModelEvent(TurnId id, in ModelEvent model, DateTimeOffset now) =>
        _running.OnModelEvent(id, model, now);

    /// <summary>The model's stream is over, or broke. A turn that it left without an end has failed.</summary>
    /// <param name="id">The turn.</param>
    /// <param name="fault">A sentence for the client; null if the stream merely ended.</param>
    /// <param name="now">The time.</param>
    public void OnModelEnded(TurnId id, string? fault, DateTimeOffset now) => _running.OnModelEnded(id, fault, now);

    /// <summary>Takes the effects of the inputs so far.</summary>
    public IReadOnlyList<Effect> TakeEffects()
    {
        _running.ShowDurable();
        if (!IsLost && _state.Outbox.Next() is { } append)
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
    public void OnAppended() => _records.ApplyAll(_state.Outbox.Done(), _effects);

    /// <summary>
    /// The append under way was refused, or its outcome is unknown. The activation is over: its readers are told, its
    /// calls are cancelled, and the host drops it.
    /// </summary>
    public void OnAppendFailed() => _running.LoseAll();

    /// <summary>Cancels a running turn. A turn that has ended stays as it is.</summary>
    /// <exception cref="ConversationException">The turn is not found.</exception>
    public void Cancel(TurnId id, LeaseId lease, DateTimeOffset now) =>
        _running.Cancel(_state.Turns.Get(id, lease), now);

    /// <summary>
    /// Ends the turns that an earlier activation left open, as interrupted. A new activation calls this when it has
    /// read the journal, before any other input.
    /// </summary>
    /// <returns>The record that must be durable before the activation may serve; 0: none.</returns>
    public long EndAbandoned(DateTimeOffset now)
    {
        if (_state.Turns.Abandoned.Any())
        {
            JournalClaim.Make(_state, now);
        }

        return _state.Outbox.Made;
    }

    /// <summary>Ends every running turn as interrupted, with its finished items: the host is about to stop.</summary>
    public void InterruptAll(DateTimeOffset now) => _running.InterruptAll(now);

    /// <summary>Renews a lease.</summary>
    public void Hold(LeaseId lease, DateTimeOffset now) => _state.Leases.RenewIfHeld(lease, now);

    /// <summary>
    /// Ends a lease: its unstored turns are cancelled, and their ids forgotten. Histories may continue them for
    /// <see cref="UnstoredGrace"/>.
    /// </summary>
    public void Release(LeaseId lease, DateTimeOffset now) => _unstored.Release(lease, now);

    /// <summary>
    /// Time has passed: ends leases nobody renewed, gives up turns nobody reads or continues. Where the last
    /// <see cref="Effect.WakeAt"/> was due long ago, the process stood still, and so did the connections that would
    /// have renewed their leases: each lease then begins anew.
    /// </summary>
    public void OnTime(DateTimeOffset now)
    {
        if (now - _wakeAt > Limits.WakeDelayMax)
        {
            _state.Leases.RenewAll(now);
        }

        _wakeAt = null;
        _unstored.OnTime(now);
        _running.CancelOrphans(now);
    }

    /// <summary>Attaches a reader from a number on; <see cref="Detach"/> must follow.</summary>
    /// <exception cref="ConversationException">The turn is not found.</exception>
    public void Attach(TurnId id, LeaseId lease, DateTimeOffset now, int from = 0) =>
        _readers.Attach(id, lease, now, from);

    /// <summary>
    /// A reader leaves. An unstored turn that nobody reads is cancelled, a stored one is after a while.
    /// </summary>
    public void Detach(TurnId id, DateTimeOffset now) => _readers.Detach(id, now);

    /// <summary>The events of an attached turn from a number on, as far as they are visible.</summary>
    public ReadStep Read(TurnId id, LeaseId lease, int from) => _readers.Read(id, lease, from);

    /// <summary>The response object of a turn as it stands.</summary>
    /// <exception cref="ConversationException">The turn is not found.</exception>
    public ReadOnlyMemory<byte> Get(TurnId id, LeaseId lease) => _readers.Get(id, lease);

    /// <summary>The JSON of one finished output item of a turn.</summary>
    /// <exception cref="ConversationException">The turn or the item is not found.</exception>
    public ReadOnlyMemory<byte> GetOutputItem(TurnId id, LeaseId lease, int index) =>
        _readers.GetOutputItem(id, lease, index);

    /// <summary>A page of the items a turn was made from.</summary>
    /// <exception cref="ConversationException">The turn or the page's anchor is not found.</exception>
    public ReadOnlyMemory<byte> ListInputItems(TurnId id, LeaseId lease, ItemPage page) =>
        _readers.ListInputItems(id, lease, page);

    /// <summary>A page of the turns: their tree, times, sizes and digests, and no content.</summary>
    /// <exception cref="ConversationException">There is no turn.</exception>
    public ReadOnlyMemory<byte> ListTurns(int after, int limit) => _readers.ListTurns(after, limit);

    /// <summary>What the context of a turn is made of.</summary>
    /// <exception cref="ConversationException">The turn is not found.</exception>
    public ReadOnlyMemory<byte> GetContext(TurnId id, int rendered) => _readers.GetContext(id, rendered);

    /// <summary>The turns that run or ended since a time, as the same list.</summary>
    /// <exception cref="ConversationException">There is no turn.</exception>
    public ReadOnlyMemory<byte> ListLive(long since, DateTimeOffset now) => _readers.ListLive(since, now);

    /// <summary>Deletes a response; a running turn is cancelled first.</summary>
    /// <returns>The record that must be durable before the caller may be told; 0: none.</returns>
    /// <exception cref="ConversationException">The turn is not found.</exception>
    public long Delete(TurnId id, LeaseId lease, DateTimeOffset now) => _removal.Delete(id, lease, now);

    /// <summary>Takes the ids of turns away that ended at a time or before; see <see cref="Delete"/>.</summary>
    public long Expire(long endedBy, DateTimeOffset now) => _removal.Expire(endedBy, now);

    /// <summary>Deletes every turn, also those that run or are not stored; see <see cref="Delete"/>.</summary>
    public long Erase(DateTimeOffset now) => _removal.Erase(now);

    /// <summary>
    /// Writes all that this activation holds, unstored turns and renderings too. It changes nothing: the host that
    /// moves the conversation drops this activation. Readers do not move, they ask again.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// It is not at rest (<see cref="IsAtRest"/>), or it is over (<see cref="IsLost"/>, <see cref="IsDeleted"/>).
    /// </exception>
    public void Dehydrate(IBufferWriter<byte> writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        if (!IsAtRest || IsLost || IsDeleted)
        {
            throw new InvalidOperationException("A conversation moves only while it is at rest.");
        }

        _snapshot.Write(writer);
    }

    /// <summary>
    /// Takes over what <see cref="Dehydrate"/> wrote, into a new activation before any other input. Nothing is
    /// rendered, validated or read from the journal for it. The host takes the effects after it.
    /// </summary>
    /// <param name="snapshot">What was written; the conversation keeps it and nobody may write to it again.</param>
    /// <param name="now">The time: leases end when they would have, but no later than if they were renewed now.</param>
    /// <exception cref="FormatException">
    /// It is another conversation's, another version's, or damaged. Nothing was taken over: read the journal instead.
    /// </exception>
    public void Rehydrate(ReadOnlyMemory<byte> snapshot, DateTimeOffset now)
    {
        if (!IsEmpty || _state.Turns.Stored.Count > 0 || _state.Turns.HasUnstored)
        {
            throw new InvalidOperationException("Only a new activation takes over what another one held.");
        }

        _snapshot.Take(snapshot, now);
        _unstored.Note(_effects);
    }

    /// <summary>Applies one append of the journal, in order, before any other input.</summary>
    /// <exception cref="JournalCorruptException">It holds what no writer of ours wrote.</exception>
    public void Recover(JournalEntry entry) => _records.Recover(entry);

    private void DeleteIfEmpty()
    {
        // A reader goes on to the terminal event: only then the activation ends.
        if (_state.Turns.HasDeletions && IsIdle && !IsLost && !IsDeleted && !_state.Turns.HasVisibleStored)
        {
            IsDeleted = true;
            _effects.Add(new Effect.DeleteJournal(_state.Outbox.End));
        }
    }

    private void ScheduleWake()
    {
        var (look, orphan) = (_unstored.NextLook, _running.FirstOrphanedAt);
        var next = look is null || orphan < look ? orphan : look;
        if (next is { } time && time != _wakeAt)
        {
            _wakeAt = time;
            _effects.Add(new Effect.WakeAt(time));
        }
    }
}
