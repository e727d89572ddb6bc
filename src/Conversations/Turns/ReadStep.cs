using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;

namespace Evergrain.Conversations.Turns;

/// <summary>What a reader gets at once.</summary>
/// <param name="Events">Visible events from the cursor on; none: wait to be woken.</param>
/// <param name="IsLast">Whether nothing follows.</param>
public readonly record struct ReadStep(IReadOnlyList<ReadOnlyMemory<byte>> Events, bool IsLast)
{
    /// <summary>See <see cref="EventBatch.Timing"/>.</summary>
    public TurnTiming? Timing { get; init; }

    /// <summary>See <see cref="EventBatch.History"/>.</summary>
    public HistoryMark? History { get; init; }

    /// <summary>Whether the activation is over before the turn was: read on in the next one.</summary>
    public bool IsLost { get; init; }

    /// <summary>Whether the turn is no longer to be found.</summary>
    public bool IsGone { get; init; }

    /// <summary>Whether the reader has to wait until it is woken.</summary>
    public bool MustWait => Events.Count == 0 && !IsLast && !IsLost && !IsGone;
}
