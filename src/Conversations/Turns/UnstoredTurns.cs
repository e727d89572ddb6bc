using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Turns;

/// <summary>How long unstored turns live: with the lease of their connection, and kept for a while after it.</summary>
/// <param name="state">What the conversation holds.</param>
/// <param name="running">Cancels the turns.</param>
internal sealed class UnstoredTurns(ConversationState state, RunningTurns running)
{
    /// <summary>When a lease is to be looked at, or a kept turn goes; null: there is neither.</summary>
    public DateTimeOffset? NextLook =>
        state.Kept.FirstEnd is { } end && !(state.Leases.FirstLook < end) ? end : state.Leases.FirstLook;

    /// <summary>Ends a lease: its turns are cancelled, and only histories may continue them.</summary>
    public void Release(LeaseId lease, DateTimeOffset now)
    {
        state.Leases.End(lease);
        foreach (var turn in state.Turns.HeldBy(lease))
        {
            running.Cancel(turn, now);
            state.Leave(turn, now);
        }

        ForgetParameters();
    }

    /// <summary>Time has passed: leases that nobody renewed end, and turns that nobody continued go.</summary>
    public void OnTime(DateTimeOffset now)
    {
        foreach (var lease in state.Leases.LookAt(now))
        {
            Release(lease, now);
        }

        state.Kept.Expire(now);
        ForgetParameters();
    }

    /// <summary>
    /// They have come from another activation: they are noted here, since whoever knew of them may have gone with it.
    /// </summary>
    public void Note(List<Effect> effects)
    {
        foreach (var turn in state.Turns.Unstored.Concat(state.Kept.All))
        {
            TurnHistory.Note(state, turn, effects);
        }
    }

    // What a stored turn uses has a number.
    private void ForgetParameters()
    {
        if (!state.Turns.HasUnstored && state.Kept.IsEmpty)
        {
            state.Parameters.ForgetLoose();
        }
    }
}
