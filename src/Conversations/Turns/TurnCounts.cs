using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// The turns that an activation has ended, and what they used; hosts add the differences to what they count. A turn
/// counts when it ends, a moment before its end is durable.
/// </summary>
/// <param name="Completed">Turns that completed.</param>
/// <param name="Incomplete">Turns that the model left incomplete.</param>
/// <param name="Cancelled">Turns that were cancelled.</param>
/// <param name="Failed">Turns that failed.</param>
/// <param name="Interrupted">Turns of an earlier activation that this one found open.</param>
/// <param name="InputTokens">Tokens that went to models, as those count them.</param>
/// <param name="CachedTokens">Those of them that a model server had in its cache.</param>
/// <param name="OutputTokens">Tokens that came from models.</param>
public readonly record struct TurnCounts(long Completed, long Incomplete, long Cancelled, long Failed,
    long Interrupted, long InputTokens, long CachedTokens, long OutputTokens)
{
    /// <summary>What was counted since.</summary>
    public TurnCounts Since(in TurnCounts before) => new(
        Completed - before.Completed, Incomplete - before.Incomplete, Cancelled - before.Cancelled,
        Failed - before.Failed, Interrupted - before.Interrupted, InputTokens - before.InputTokens,
        CachedTokens - before.CachedTokens, OutputTokens - before.OutputTokens);

    /// <summary>Both together.</summary>
    public TurnCounts Plus(in TurnCounts more) => new(
        Completed + more.Completed, Incomplete + more.Incomplete, Cancelled + more.Cancelled,
        Failed + more.Failed, Interrupted + more.Interrupted, InputTokens + more.InputTokens,
        CachedTokens + more.CachedTokens, OutputTokens + more.OutputTokens);

    internal TurnCounts With(TurnEnding ending)
    {
        var counts = this with
        {
            InputTokens = InputTokens + (ending.Usage?.InputTokens ?? 0),
            CachedTokens = CachedTokens + (ending.Usage?.CachedTokens ?? 0),
            OutputTokens = OutputTokens + (ending.Usage?.OutputTokens ?? 0),
        };
        return ending.Outcome switch
        {
            TurnOutcome.Completed => counts with { Completed = Completed + 1 },
            TurnOutcome.Incomplete => counts with { Incomplete = Incomplete + 1 },
            TurnOutcome.Cancelled => counts with { Cancelled = Cancelled + 1 },
            TurnOutcome.Interrupted => counts with { Interrupted = Interrupted + 1 },
            _ => counts with { Failed = Failed + 1 },
        };
    }
}
