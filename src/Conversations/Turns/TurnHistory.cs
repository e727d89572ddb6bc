using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Turns;

/// <summary>By what the end of a turn is found when a client sends its history again.</summary>
internal static class TurnHistory
{
    /// <summary>The mark of an ended turn; null: a turn that may not be continued so.</summary>
    public static HistoryMark? MarkOf(ConversationState state, Turn turn)
    {
        // What is kept for histories has no id any more.
        if ((turn.IsHidden && state.Kept.Find(turn.Id) is null) || turn.Output.Count == 0 ||
            !(turn.Id.IsStored ? state.Recognises : state.Kept.IsOn))
        {
            return null;
        }

        turn.Parameters.TryGet("safety_identifier", out var safetyIdentifier);
        turn.Parameters.TryGet("user", out var user);
        turn.Parameters.TryGet("prompt_cache_key", out var cacheKey);
        return new HistoryMark(
            RecognitionScope.Of(state.Tenant, safetyIdentifier, user, turn.Id.IsStored).KeyOf(turn.Digest),
            HistoryHint.Of(cacheKey, turn.SessionHint));
    }

    /// <summary>Has the turns noted whose end is among records that are durable now.</summary>
    public static void Note(ConversationState state, IReadOnlyList<Record> records, List<Effect> effects)
    {
        foreach (var finished in records.OfType<TurnFinished>())
        {
            if (state.Turns.ByNumber(finished.Turn) is { } turn)
            {
                Note(state, turn, effects);
            }
        }
    }

    /// <summary>Has an ended turn noted, if a history may continue it.</summary>
    public static void Note(ConversationState state, Turn turn, List<Effect> effects)
    {
        if (MarkOf(state, turn) is { } mark)
        {
            effects.Add(new Effect.NoteEnd(new HistoryEntry(state.Tenant, state.Turns.IdOf(turn), mark)));
        }
    }
}
