using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// What an <see cref="Activation"/> asks of its host. The activation calls these members during an input. A member
/// must not call the activation back before that input has returned, and must not throw.
/// </summary>
public interface IActivationWorld
{
    /// <summary>
    /// Append to the journal, then report with <see cref="Activation.Appended"/>. One append is under way at a time.
    /// </summary>
    void Append(Effect.Append append, ulong writer);

    /// <summary>
    /// Call a model, then report with <see cref="Activation.ModelSaid"/> and <see cref="Activation.ModelEnded"/>.
    /// </summary>
    void Call(Effect.CallModel call);

    /// <summary>Cancel a turn's model call. The call may have ended already.</summary>
    void CancelCall(TurnId turn);

    /// <summary>Call <see cref="Activation.Wake"/> at this time or later. The newest time replaces the earlier
    /// ones.</summary>
    void WakeAt(DateTimeOffset time);

    /// <summary>Delete the journal if it still ends there, then report with <see cref="Activation.Erased"/>.</summary>
    void Erase(JournalEnd end);

    /// <summary>Run this once the input has returned: it completes the task of somebody who waits.</summary>
    void Answer(Action give);

    /// <summary>
    /// The activation has ended. The host cancels its model calls, waits for its append, and forgets it.
    /// </summary>
    /// <param name="end">Why the activation ended.</param>
    /// <param name="fault">The exception, where the activation ended by a fault of ours.</param>
    void Ended(ActivationEnd end, Exception? fault);
}

/// <summary>Where an activation stands in its life.</summary>
public enum ActivationLife
{
    /// <summary>The journal is being read, or the claim of open turns is being written. It serves nobody.</summary>
    Opening,

    /// <summary>It serves.</summary>
    Open,

    /// <summary>It begins no turns, and ends when it is at rest and nobody reads.</summary>
    Stopping,

    /// <summary>No response is left. The journal is being deleted; callers ask the next activation.</summary>
    Erasing,

    /// <summary>It is over; callers ask the next activation.</summary>
    Ended,
}

/// <summary>Why an activation ended.</summary>
public enum ActivationEnd
{
    /// <summary>Its host let it go.</summary>
    Left,

    /// <summary>It held nothing for some seconds: no other activation will hold what this one did not.</summary>
    Emptied,

    /// <summary>Another activation wrote to the journal: the conversation goes on there.</summary>
    Taken,

    /// <summary>An append failed with an unknown outcome: the next activation reads what is durable.</summary>
    JournalFailed,

    /// <summary>Its last response and its journal were deleted.</summary>
    Erased,

    /// <summary>A fault of ours: what it held may be half changed.</summary>
    Faulted,

    /// <summary>It could not be opened; callers get the refusal.</summary>
    Refused,
}

/// <summary>What became of an append.</summary>
public enum AppendOutcome
{
    /// <summary>It is durable.</summary>
    Stored,

    /// <summary>It was refused: another writer was there first.</summary>
    Taken,

    /// <summary>It was refused: the journal no longer holds all that was stored or read before.</summary>
    Shortened,

    /// <summary>The journal failed. The append may be stored or not.</summary>
    Unknown,
}
