using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Recognition;

/// <summary>
/// Finds the turns that a create's history may continue: by what its items are, and by the output items that it names.
/// </summary>
/// <param name="known">The turns that histories may continue.</param>
/// <param name="questions">Asks the conversations.</param>
internal sealed class HistorySearch(RecognitionIndex known, PlaceQuestions questions)
{
    // Each look-up is a hash of 64 bytes. A history that parts from what is known further back is as good as another.
    private const int LookUpsMax = 64;

    // Unstored turns go without a word to whoever knows of them. Those before them may be there.
    private const int AsksMax = 4;

    // Each is asked once. A loop names one conversation, and one more for each time that it was not recognised.
    private const int ConversationsMax = 4;

    // Some 500 KB between two processes, in all.
    private const int NamesMax = 4_096;

    // The silos of a cluster, asked at once. One of them waits for the others for a part of this time.
    private static readonly TimeSpan ElsewhereTime = TimeSpan.FromMilliseconds(500);

    /// <summary>See <see cref="RecognisingTurns.FindElsewhere"/>.</summary>
    public Func<string, IReadOnlyList<Digest>, ulong, CancellationToken, ValueTask<IReadOnlyList<HistoryEntry>>>?
        FindElsewhere { get; set; }

    /// <summary>Reads a create's history, and finds the turns that it may continue.</summary>
    public async ValueTask<FoundParents> FindAsync(
        StartTurn start, KnownPrefix? prefix, CancellationToken cancellationToken)
    {
        if (ResentHistory.Read(start, prefix) is not { } history ||
            !known.IsOnFor(start.Key.Tenant, history.IsStored))
        {
            return default;
        }

        if (history.Names.Count > 0 && FindNamed(start.Key.Tenant, history,
            await ResolveAsync(start, history, cancellationToken)) is { } named)
        {
            return new FoundParents(history, [named]);
        }

        return new FoundParents(history, history.IsStored
            ? await FindStoredAsync(start.Key.Tenant, history, cancellationToken)
            : await FindUnstoredAsync(start.Key.Tenant, history, cancellationToken));
    }

    /// <summary>
    /// Where a turn that was found goes on. Its conversation is asked, which may have to be opened, and compares the
    /// digest.
    /// </summary>
    /// <returns>Whether there is an answer, and the place; null: the turn may not be continued.</returns>
    public async ValueTask<(bool IsGiven, HistoryPlace? Place)> PlaceOfAsync(
        StartTurn start, FoundParent found, CancellationToken cancellationToken)
    {
        if (found.Place is { } given)
        {
            return (true, given);
        }

        var match = await questions.AskAsync(
            start, found.Parent.Response, new HistoryQuestion(found.End.Context, []), cancellationToken);
        return (match is not null, match?.Turns is [var place, ..] ? place : null);
    }

    /// <summary>
    /// Asks the conversations whose items the history names where these stand, and reads the history on with what they
    /// answer. Each of the items must be there still: without recognition the create is refused where one is not.
    /// </summary>
    /// <returns>Where these conversations may be continued, the one that is named last first.</returns>
    private async ValueTask<IReadOnlyList<(ResponseId Response, HistoryPlace Place)>> ResolveAsync(
        StartTurn start, ResentHistory history, CancellationToken cancellationToken)
    {
        var groups = history.Names.Reverse().GroupBy(static name => name.Response.Conversation).ToList();
        string[] ids = [.. history.Names.Select(static name => name.Id).Distinct(StringComparer.Ordinal)];
        if (groups.Count > ConversationsMax || ids.Length > NamesMax)
        {
            return [];
        }

        // What can be named is stored, and that scope is the last.
        var question = new HistoryQuestion(Context: null, ids) { Scope = history.Scopes[^1].Id };
        var answers = await Task.WhenAll(groups.Select(async group => await questions.AskAsync(
            start, group.First().Response, question, cancellationToken) ?? HistoryMatch.None));
        for (var i = 0; i < answers.Length; i++)
        {
            var there = answers[i].Items.Select(static item => item.Id).ToHashSet(StringComparer.Ordinal);
            if (groups[i].Any(name => !there.Contains(name.Id)))
            {
                return [];
            }
        }

        history.ReadOn(answers.SelectMany(static answer => answer.Items)
            .ToLookup(static item => item.Id, StringComparer.Ordinal));
        return [.. answers.Zip(groups, static (answer, group) => answer.Turns.Select(
            place => (new ResponseId(group.Key, place.Turn), place))).SelectMany(static places => places)];
    }

    /// <summary>The turn at the last place of a history among those of conversations that it names.</summary>
    private FoundParent? FindNamed(string tenant, ResentHistory history,
        IReadOnlyList<(ResponseId Response, HistoryPlace Place)> named)
    {
        foreach (var end in history.Ends.Reverse().Take(LookUpsMax))
        {
            foreach (var (response, place) in named)
            {
                if (place.Context == end.Context)
                {
                    var mark = new HistoryMark(history.Scopes[^1].KeyOf(end.Context), history.Hint);
                    return new FoundParent(end, known.Of(new TurnAddress(tenant, response), mark), place);
                }
            }
        }

        return null;
    }

    /// <summary>
    /// The known turn at the last place of a stored history. The lasting index is asked for the places behind the one
    /// that is known in memory, and for that one too where the turn in memory is of another chat.
    /// </summary>
    private async ValueTask<IReadOnlyList<FoundParent>> FindStoredAsync(
        string tenant, ResentHistory history, CancellationToken cancellationToken)
    {
        var asked = new List<(HistoryEnd End, Digest Key)>();
        FoundParent? here = null;
        foreach (var end in history.Ends.Reverse().Take(LookUpsMax))
        {
            var key = history.Scopes[0].KeyOf(end.Context);
            here = known.Find(tenant, key, history.Hint) is { } parent ? new FoundParent(end, parent) : null;
            if (here?.Parent.IsOf(history.Hint) != true)
            {
                asked.Add((end, key));
            }

            if (here is not null)
            {
                break;
            }
        }

        var lasting = asked.Count == 0 ? null : await known.FindLastingAsync(
            tenant, asked.ConvertAll(static place => place.Key), history.Hint, cancellationToken);
        if (lasting is not null && (lasting.Mark.Key != here?.Parent.Mark.Key || lasting.IsOf(history.Hint)))
        {
            return [new FoundParent(asked.Find(place => place.Key == lasting.Mark.Key).End, lasting)];
        }

        return here is { } found ? [found] : [];
    }

    /// <summary>
    /// The known turns at places of an unstored history, the last one first. The lasting index is not asked: what a
    /// database is asked may stand in its log. Other processes are asked for the places behind those known here.
    /// </summary>
    private async ValueTask<IReadOnlyList<FoundParent>> FindUnstoredAsync(
        string tenant, ResentHistory history, CancellationToken cancellationToken)
    {
        var (here, asked) = (new List<FoundParent>(), new List<(HistoryEnd End, Digest Key)>());
        foreach (var end in history.Ends.Reverse().Take(LookUpsMax).TakeWhile(_ => here.Count < AsksMax))
        {
            if (FindHere(tenant, history, end.Context) is { } parent)
            {
                here.Add(new FoundParent(end, parent));
            }
            else if (here.Count == 0)
            {
                asked.Add((end, history.Scopes[0].KeyOf(end.Context)));
            }
        }

        if (asked.Count == 0 || FindElsewhere is null)
        {
            return here;
        }

        var found = await AskElsewhereAsync(
            tenant, asked.ConvertAll(static place => place.Key), history.Hint, cancellationToken);
        return
        [
            .. asked.SelectMany(place => found.Where(entry => entry.Mark.Key == place.Key).Take(1)
                .Select(entry => new FoundParent(place.End, new KnownTurn(entry.Mark, entry.Response, isBare: false))))
                .Concat(here).Take(AsksMax),
        ];
    }

    private async ValueTask<IReadOnlyList<HistoryEntry>> AskElsewhereAsync(
        string tenant, IReadOnlyList<Digest> keys, ulong hint, CancellationToken cancellationToken)
    {
        try
        {
            return await FindElsewhere!(tenant, keys, hint, cancellationToken)
                .AsTask().WaitAsync(ElsewhereTime, known.Time, cancellationToken);
        }
        catch (TimeoutException)
        {
            return [];
        }
    }

    /// <summary>The turn in memory that ended with a context, one of the same chat before others.</summary>
    private KnownTurn? FindHere(string tenant, ResentHistory history, Digest context)
    {
        KnownTurn? found = null;
        foreach (var scope in history.Scopes)
        {
            var turn = known.Find(tenant, scope.KeyOf(context), history.Hint);
            if (turn?.IsOf(history.Hint) == true)
            {
                return turn;
            }

            found ??= turn;
        }

        return found;
    }
}

/// <summary>A history, and the turns that it may continue.</summary>
/// <param name="History">The history; null: the create brings none.</param>
/// <param name="Turns">The turns, that at the last place first; null with the history.</param>
internal readonly record struct FoundParents(ResentHistory? History, IReadOnlyList<FoundParent> Turns);

/// <summary>A turn that a history may continue.</summary>
/// <param name="End">The place where the turn ended.</param>
/// <param name="Parent">The turn.</param>
/// <param name="Place">Where it goes on, as its conversation said; null: that was not asked.</param>
internal readonly record struct FoundParent(HistoryEnd End, KnownTurn Parent, HistoryPlace? Place = null);
