namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>What must always hold, by name.</summary>
internal static class Invariant
{
    public const string AppendsStandAtTheEnd = "an append stands where its writer believed the log ended";
    public const string TakeoverClaims = "who writes after another claims, and ends what that left open";
    public const string OneTurnPerRequest = "one request is one stored turn";
    public const string TurnsInOrder = "stored turns are numbered without gaps and never change";
    public const string ParentEnded = "a turn continues one that has ended in the journal";
    public const string InputAsSent = "the journal holds a turn's input as its client sent it";
    public const string ContextAsSent = "a history that is sent again has the context of its own items";
    public const string CallsAnsweredOnce = "a turn answers each call of its parent once, async calls apart";
    public const string OwnTurnsOnly = "an activation writes output of its own turns alone";
    public const string EndsOnce = "a turn ends once";
    public const string DigestOfItems = "a digest is that of the branch's items";
    public const string ChangeIsDurable = "metadata is shown as it was stored last, and acknowledged behind that";
    public const string UnstoredStaysOut = "what is not stored never reaches the journal";
    public const string BytesOfOwnItems = "a turn's appends are in proportion to its own items";
    public const string StartIsDurable = "an event or id of a stored turn leaves after its start is durable";
    public const string CallIsDurable = "a call's done event leaves after the call is durable";
    public const string EndIsDurable = "a stored turn's end is seen after it is durable";
    public const string NumbersOnce = "each event number comes once, in order, to each reader";
    public const string SameEvents = "an event number has the same bytes for every reader";
    public const string OneTerminalEvent = "a turn has one terminal event, the last";
    public const string SameOutcome = "a turn has one outcome, everywhere and for good";
    public const string TurnIsKept = "an acknowledged turn is found";
    public const string IdsNameOneTurn = "an id names one turn";
    public const string DeletedStaysDeleted = "a deleted response is not found again";
    public const string ContextOfBranch = "a model is called with the branch's items, each rendered once";
    public const string WorkOnce = "an activation validates and renders each item once";
    public const string EverythingEnds = "without faults every request is decided and every turn ends";
    public const string NoException = "nothing throws but what its contract says";
    public const string JournalOpens = "a journal opens";
    public const string KeyMeansOneCreate = "an idempotency key with another create is refused";
}

/// <summary>An invariant does not hold.</summary>
internal sealed class BrokenInvariantException(string invariant, string detail)
    : Exception($"{invariant}: {detail}")
{
    public string Invariant { get; } = invariant;
}
