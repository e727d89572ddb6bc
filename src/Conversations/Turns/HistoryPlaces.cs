using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <summary>Finds what a history that was sent again names in a conversation, and what it continues.</summary>
/// <param name="state">What the conversation holds.</param>
/// <param name="running">The turns that run.</param>
internal sealed class HistoryPlaces(ConversationState state, RunningTurns running)
{
    // A client that names its items goes on a few turns behind the last of them.
    private const int TurnsMax = 64;

    /// <summary>
    /// Where a history that was sent again may continue a turn, or one that goes on from it; nothing where too many
    /// turns run. An unstored turn is for unstored creates: callers see to that.
    /// </summary>
    /// <param name="id">The turn that was found, or the last one whose output the history names.</param>
    /// <param name="question">What is asked.</param>
    public HistoryMatch Match(TurnId id, HistoryQuestion question)
    {
        if (running.Count >= Limits.RecognisedTurnsMax ||
            (id.IsStored && state.Outbox.Format == RecordFormat.First) ||
            TurnHistory.Ended(state, id) is not { } turn)
        {
            return HistoryMatch.None;
        }

        var turns = question.Context is { } context
            ? PlacesOf(turn).Where(place => place.Context == context)
            : BehindOf(turn).Where(next => TurnHistory.ScopeOf(state, next).Id == question.Scope).SelectMany(PlacesOf);
        return new HistoryMatch([.. OutputsOf(question.Items), .. CopiesOf(question.Items, turn)], [.. turns]);
    }

    private static string? IdOf(Item item)
    {
        using var tree = ItemTree.Read(item.Json.Span);
        return ItemHead.IdOf(tree);
    }

    private IEnumerable<HistoryPlace> PlacesOf(Turn turn)
    {
        yield return new HistoryPlace(turn.Id, turn.Digest, Rest: 0);
        if (TurnHistory.BareEndOf(state, turn) is { } bare)
        {
            yield return new HistoryPlace(turn.Id, bare.Context, bare.Count);
        }
    }

    /// <summary>A turn and those that go on from it, the newest first.</summary>
    private IEnumerable<Turn> BehindOf(Turn turn)
    {
        var behind = new HashSet<Turn> { turn };
        foreach (var next in state.Turns.Stored.Skip(turn.Id.Number))
        {
            if (next.Parent is { } parent && behind.Contains(parent))
            {
                behind.Add(next);
            }
        }

        return behind.Where(static next => next is { Status: TurnStatus.Ended, IsHidden: false })
            .OrderByDescending(static next => next.Id.Number).Take(TurnsMax);
    }

    /// <summary>Output items of this conversation that may be referred to.</summary>
    private IEnumerable<ItemPlace> OutputsOf(IReadOnlyList<string> ids)
    {
        foreach (var id in ids)
        {
            if (ItemList.TryParseOutputId(id, out var named, out var turnId, out var index) &&
                named == state.Turns.Conversation && turnId.IsStored &&
                TurnHistory.Ended(state, turnId) is { } turn && index < turn.Output.Count)
            {
                var before = turn.Input.Length + index;
                yield return new ItemPlace(id, turn.End.DigestAt(before), turn.End.DigestAt(before + 1));
            }
        }
    }

    /// <summary>
    /// Items of other conversations that a create brought here, as where a history was not recognised once.
    /// </summary>
    private IEnumerable<ItemPlace> CopiesOf(IReadOnlyList<string> ids, Turn turn)
    {
        var others = ids.Where(id => ItemList.TryParseOutputId(id, out var named, out _, out _) &&
            named != state.Turns.Conversation).ToHashSet(StringComparer.Ordinal);
        if (others.Count == 0)
        {
            yield break;
        }

        var length = turn.End.Length;
        foreach (var item in turn.End.Backwards())
        {
            if (IdOf(item) is { } id && others.Contains(id))
            {
                yield return new ItemPlace(id, turn.End.DigestAt(length - 1), turn.End.DigestAt(length));
            }

            length--;
        }
    }
}
