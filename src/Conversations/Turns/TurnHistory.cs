using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Items;
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

        turn.Parameters.TryGet("prompt_cache_key", out var cacheKey);
        var scope = ScopeOf(state, turn);
        return new HistoryMark(scope.KeyOf(turn.Digest), HistoryHint.Of(cacheKey, turn.SessionHint))
        {
            BareKey = BareEndOf(state, turn) is { } bare ? scope.KeyOf(bare.Context) : null,
        };
    }

    /// <summary>Whose histories may continue a turn.</summary>
    public static RecognitionScope ScopeOf(ConversationState state, Turn turn)
    {
        turn.Parameters.TryGet("safety_identifier", out var safetyIdentifier);
        turn.Parameters.TryGet("user", out var user);
        return RecognitionScope.Of(state.Tenant, safetyIdentifier, user, turn.Id.IsStored);
    }

    /// <summary>
    /// An ended turn that a history names: a stored one, or an unstored one, whichever connection holds it or held it.
    /// Null: there is none.
    /// </summary>
    public static Turn? Ended(ConversationState state, TurnId id) =>
        Named(state, id) is { Status: TurnStatus.Ended } turn ? turn : null;

    /// <summary>
    /// The end of a turn in a history without the reasoning of its output, and how many items of the output are left.
    /// Null: it has none, or nothing else, or the journal cannot hold a turn that goes on from there.
    /// </summary>
    public static HistoryEnd? BareEndOf(ConversationState state, Turn turn)
    {
        if (turn.Id.IsStored && state.Outbox.Format < RecordFormat.FirstWithInputs)
        {
            return null;
        }

        var bare = turn.BareEnd ??= ReadBareEnd(turn);
        return bare.Count > 0 ? bare : null;
    }

    private static Turn? Named(ConversationState state, TurnId id) => id.IsStored
        ? state.Turns.Find(id, default)
        : state.Kept.IsOn ? state.Turns.ById(id) ?? state.Kept.Find(id) : null;

    private static HistoryEnd ReadBareEnd(Turn turn)
    {
        var output = turn.End.Backwards().Take(turn.Output.Count).Reverse().ToList();
        var shown = output.FindAll(static item => item.Type != "reasoning");
        return shown.Count == 0 || shown.Count == output.Count
            ? default
            : new HistoryEnd(shown.Count, shown.Aggregate(turn.Input.Digest,
                static (before, item) => ItemDigest.Chain(before, item.Json.Span)));
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
