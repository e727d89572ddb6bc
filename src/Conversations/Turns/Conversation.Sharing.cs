using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Turns;

/// <content>
/// What a journal that other servers write too asks of an activation: to know what they wrote before it answers, and to
/// let go when one of them took over.
/// </content>
public sealed partial class Conversation
{
    /// <summary>
    /// Whether all that the journal held when the input was asked for has been read. On a journal that others write
    /// too, hosts say so before each input; otherwise it is always so. An input that needs it and lacks it throws
    /// <see cref="UnsettledException"/>.
    /// </summary>
    public bool IsFresh { get; set; } = true;

    /// <summary>Where the journal ends, as far as this activation knows: behind it its tail is read.</summary>
    public JournalEnd End => _outbox.End;

    /// <summary>
    /// Takes in what was read of the journal behind <see cref="End"/>. If another activation wrote while stored turns
    /// run here, it owns the conversation now and this activation is over (<see cref="IsLost"/>).
    /// </summary>
    /// <returns>Whether anything was taken in that another activation wrote.</returns>
    /// <exception cref="JournalCorruptException">It holds what no writer of ours wrote.</exception>
    public bool OnTail(IReadOnlyList<JournalEntry> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var hasTakenIn = false;
        foreach (var entry in entries)
        {
            // Since it was read, appends of our own may have been confirmed; or one is about to be.
            if (entry.Position < End.Position || IsLost)
            {
                continue;
            }

            if (entry.Position == End.Position && _outbox.IsOwn(entry))
            {
                _outbox.Stored();
                continue;
            }

            if (!_outbox.IsIdle || _running.Exists(static turn => turn.Id.IsStored))
            {
                OnAppendFailed();
                return hasTakenIn;
            }

            Recover(entry);
            hasTakenIn = true;
        }

        return hasTakenIn;
    }

    /// <summary>
    /// Claims the conversation and ends every abandoned turn as interrupted, in one append. The caller waits until as
    /// many records are durable as this gives.
    /// </summary>
    public long TakeOver(DateTimeOffset now)
    {
        Claim(now, cancelled: null);
        return _outbox.Made;
    }

    private void Claim(DateTimeOffset now, Turn? cancelled)
    {
        if (!_outbox.MustClaim)
        {
            return;
        }

        TurnFinished[] ends = [.. _turns.Abandoned.Select(turn => CutShort(turn, turn == cancelled
            ? Ending(TurnOutcome.Cancelled, null, null, now)
            : Ending(TurnOutcome.Interrupted, "server_error",
                "interrupted: the server that ran this response died or lost its conversation to another one. " +
                "Its finished items are kept; continue from it.", now)))];
        if (Planted.HasFlag(PlantedBug.TakeoverWithoutClaim))
        {
            ApplyAll(ends);
            return;
        }

        _claims++;
        _outbox.Add(new Claimed());
        foreach (var end in ends)
        {
            _ended = _ended.With(end.Ending);
            _outbox.Add(end);
        }
    }

    private void RequireFresh()
    {
        if (!IsFresh)
        {
            throw new UnsettledException(Unsettled.Tail);
        }
    }

    // What the journal holds of it may be known to whoever read it there, before we are told that it is stored.
    private void CheckConfirmed(Turn? turn)
    {
        if (_outbox.IsStored && turn is { Status: TurnStatus.Proposed } or
            { Status: TurnStatus.Running, Live.IsOver: true })
        {
            throw new UnsettledException(Unsettled.End);
        }
    }

    private static bool RunsElsewhere(Turn turn) => turn is { Status: TurnStatus.Running, Live: null };
}

/// <summary>What a host has to do before a conversation can answer.</summary>
public enum Unsettled
{
    /// <summary>
    /// The journal may hold more than was read: read what is behind <see cref="Conversation.End"/>, give it to
    /// <see cref="Conversation.OnTail"/> and ask again.
    /// </summary>
    Tail,

    /// <summary>
    /// A turn that another server began is open, and what was asked needs its end at once:
    /// <see cref="Conversation.TakeOver"/>, and ask again when that is durable.
    /// </summary>
    Claim,

    /// <summary>
    /// A turn is open at another server: read the tail again after a while, and ask again. If it has not ended in a
    /// time that the host sets, <see cref="Claim"/>: whoever asks wants the turn to be run.
    /// </summary>
    EndOrClaim,

    /// <summary>The same, but after that time the caller is told to come back: reading takes nothing over.</summary>
    End,
}

/// <summary>A conversation cannot answer yet. Nothing was recorded.</summary>
public sealed class UnsettledException(Unsettled what) : Exception($"The conversation is unsettled: {what}.")
{
    /// <summary>What the host has to do.</summary>
    public Unsettled What { get; } = what;
}
