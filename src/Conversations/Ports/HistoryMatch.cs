using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Orleans;

namespace Evergrain.Conversations.Ports;

/// <summary>What a conversation is asked about a history that was sent again.</summary>
/// <param name="Context">
/// The digest of the history up to the place where the turn may have ended; null: the turn, and all that go on from it.
/// </param>
/// <param name="Items">The ids of output items that the history refers to, each once.</param>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.HistoryQuestion")]
public readonly record struct HistoryQuestion(
    [property: Id(0)] Digest? Context, [property: Id(1)] IReadOnlyList<string> Items)
{
    /// <summary>
    /// Where the context is null: whose turns may be continued, by <see cref="Recognition.RecognitionScope.Id"/>.
    /// </summary>
    [Id(2)]
    public Digest Scope { get; init; }
}

/// <summary>What a conversation has of a history.</summary>
/// <param name="Items">Where the items stand that were asked for; without those that may not be referred to.</param>
/// <param name="Turns">Where it may be continued, the newest turn first.</param>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.HistoryMatch")]
public readonly record struct HistoryMatch(
    [property: Id(0)] IReadOnlyList<ItemPlace> Items, [property: Id(1)] IReadOnlyList<HistoryPlace> Turns)
{
    /// <summary>It has nothing that may be continued now.</summary>
    public static HistoryMatch None => new([], []);
}

/// <summary>Where an item stands in a conversation.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Before">The digest of its branch before it.</param>
/// <param name="After">The digest with it.</param>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.ItemPlace")]
public readonly record struct ItemPlace(
    [property: Id(0)] string Id, [property: Id(1)] Digest Before, [property: Id(2)] Digest After);

/// <summary>A turn that a history may continue.</summary>
/// <param name="Turn">The turn.</param>
/// <param name="Context">The digest of the history up to the place.</param>
/// <param name="Rest">
/// 0: the turn ended there. More: the history lacks the reasoning of the turn's output. It goes on behind the turn's
/// input, with as many of its items before the place as this number says.
/// </param>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.HistoryPlace")]
public readonly record struct HistoryPlace(
    [property: Id(0)] TurnId Turn, [property: Id(1)] Digest Context, [property: Id(2)] int Rest);
