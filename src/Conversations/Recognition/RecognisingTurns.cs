using System.Runtime.CompilerServices;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Recognition;

/// <summary>
/// <see cref="ITurns"/> that continue the conversation that holds a create's history. The create goes there with the
/// items that are new. Where anything speaks against that, the create begins a new conversation as it came.
/// </summary>
public sealed class RecognisingTurns : ITurns
{
    // Each look-up is a hash of 64 bytes. A history that parts from what is known further back is as good as another.
    private const int LookUpsMax = 64;

    // Unstored turns go without a word to whoever knows of them. Those before them may be there.
    private const int AsksMax = 4;

    // A warm conversation answers within a millisecond. A long one takes about as long to read as to begin anew.
    private static readonly TimeSpan OpenTime = TimeSpan.FromMilliseconds(50);

    // The silos of a cluster, asked at once. One of them waits for the others for a part of this time.
    private static readonly TimeSpan ElsewhereTime = TimeSpan.FromMilliseconds(500);

    // What a process does for the first time takes it longer. After a restart that is when histories come.
    private static readonly TimeSpan FirstOpenTime = TimeSpan.FromSeconds(1);

    private readonly ITurns _inner;
    private readonly Func<ConversationKey, IConversationCalls> _find;
    private readonly Func<ConversationKey, IConversationCalls?> _findWarm;
    private readonly RecognitionIndex _known;
    private volatile bool _hasAnswer;

    /// <summary>The same turns, some of which are continued by histories.</summary>
    /// <param name="inner">The turns.</param>
    /// <param name="find">Finds a conversation's calls.</param>
    /// <param name="findWarm">The same if it may be warm; null: it is not, and so holds no unstored turn.</param>
    /// <param name="known">The turns that histories may continue.</param>
    public RecognisingTurns(ITurns inner, Func<ConversationKey, IConversationCalls> find,
        Func<ConversationKey, IConversationCalls?> findWarm, RecognitionIndex known)
    {
        ArgumentNullException.ThrowIfNull(known);
        (_inner, _find, _findWarm, _known) = (inner, find, findWarm, known);
        known.IsAsked = true;
    }

    /// <summary>
    /// Asks other processes for unstored turns of a tenant, by their keys and a hint: at most one turn for each key.
    /// Null: there are none.
    /// </summary>
    public Func<string, IReadOnlyList<Digest>, ulong, CancellationToken, ValueTask<IReadOnlyList<HistoryEntry>>>?
        FindElsewhere { get; init; }

    /// <inheritdoc/>
    public async ValueTask<ResponseId> StartTurnAsync(StartTurn start, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(start);

        // A key fixes the conversation, and so where a retry looks for its turn.
        if (start is not { MayBeKnown: true, IsKeyed: false } || !IsLookedUp(start.Key.Tenant, !start.IsUnstored))
        {
            return await _inner.StartTurnAsync(start, cancellationToken);
        }

        var found = await LookUpAsync(start, start.Known, cancellationToken);
        if (found is { Places: [] } && start.Known is not null)
        {
            // What was read before was left out. A turn may be known that ended in it.
            found = await LookUpAsync(start, known: null, cancellationToken);
        }

        if (found is not { History: { } history })
        {
            return await _inner.StartTurnAsync(start, cancellationToken);
        }

        var response = await ContinueAsync(start, found, cancellationToken);
        if (response is null)
        {
            _known.Count("unknown");
            response = await _inner.StartTurnAsync(start with { Checked = history.Checked }, cancellationToken);
        }

        history.AddTo(_known.Inputs);
        return response.Value;
    }

    /// <inheritdoc/>
    public KnownPrefix? FindPrefix(string tenant, ReadOnlyMemory<byte> create) =>
        _known.IsOnFor(tenant) ? _known.Inputs.Find(tenant, create) : null;

    /// <inheritdoc/>
    public async IAsyncEnumerable<EventBatch> ReadEventsAsync(TurnAddress turn, int from,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var batch in _inner.ReadEventsAsync(turn, from, cancellationToken))
        {
            if (batch is { IsLast: true, History: { } mark })
            {
                // Before the client has it: its next create may come at once, and before the turn's process has
                // written its end into the lasting index.
                _known.Add(new HistoryEntry(turn.Tenant, turn.Response, mark));
            }

            yield return batch;
        }
    }

    /// <inheritdoc/>
    public ValueTask DeleteAsync(TurnAddress turn, CancellationToken cancellationToken)
    {
        _known.Remove(turn);
        return _inner.DeleteAsync(turn, cancellationToken);
    }

    private bool IsLookedUp(string tenant, bool isStored) =>
        isStored ? _known.IsOnFor(tenant) : _known.IsAllFor(tenant);

    /// <summary>Reads a create's history, and finds the turns that it may continue, the last one first.</summary>
    private async ValueTask<Found> LookUpAsync(
        StartTurn start, KnownPrefix? known, CancellationToken cancellationToken)
    {
        if (ResentHistory.Read(start, known) is not { } history ||
            !IsLookedUp(start.Key.Tenant, history.IsStored))
        {
            return default;
        }

        return new Found(history, history.IsStored
            ? await FindStoredAsync(start.Key.Tenant, history, cancellationToken)
            : await FindUnstoredAsync(start.Key.Tenant, history, cancellationToken));
    }

    /// <summary>Continues the first turn that was found and may be continued.</summary>
    /// <returns>The response; null where the create must begin a new conversation.</returns>
    private async ValueTask<ResponseId?> ContinueAsync(
        StartTurn start, Found found, CancellationToken cancellationToken)
    {
        foreach (var place in found.Places!)
        {
            switch (await MayContinueAsync(start, place, cancellationToken))
            {
                case true:
                    return await ContinueAsync(start, found.History!, place, cancellationToken);
                case null:
                    return null;
            }
        }

        return null;
    }

    private async ValueTask<ResponseId?> ContinueAsync(
        StartTurn start, ResentHistory history, Place place, CancellationToken cancellationToken)
    {
        var (end, parent) = place;
        if (!history.IsStored && start.Holds is { } holds)
        {
            await holds(parent.Response.Conversation);
        }

        try
        {
            var next = history.Continue(parent.Response, end.Count);
            var response = await _inner.StartTurnAsync(next, cancellationToken);
            _known.Count(parent.IsContinued ? "forked" : "recognised");
            parent.IsContinued = true;
            return response;
        }
        catch (ConversationException e) when (
            e.Refusal.Kind is not (RefusalKind.Unavailable or RefusalKind.Internal))
        {
            // Nothing was recorded. The client gets the refusal of the create as it came, if it is refused at all.
            return null;
        }
    }

    /// <summary>
    /// The known turn at the last place of a stored history. The lasting index is asked for the places behind the one
    /// that is known in memory, and for that one too where the turn in memory is of another chat.
    /// </summary>
    private async ValueTask<IReadOnlyList<Place>> FindStoredAsync(
        string tenant, ResentHistory history, CancellationToken cancellationToken)
    {
        var asked = new List<(HistoryEnd End, Digest Key)>();
        Place? here = null;
        foreach (var end in history.Ends.Reverse().Take(LookUpsMax))
        {
            var key = history.Scopes[0].KeyOf(end.Context);
            here = _known.Find(tenant, key, history.Hint) is { } parent ? new Place(end, parent) : null;
            if (here?.Parent.IsOf(history.Hint) != true)
            {
                asked.Add((end, key));
            }

            if (here is not null)
            {
                break;
            }
        }

        var lasting = asked.Count == 0 ? null : await _known.FindLastingAsync(
            tenant, asked.ConvertAll(static place => place.Key), history.Hint, cancellationToken);
        if (lasting is not null && (lasting.Mark.Key != here?.Parent.Mark.Key || lasting.IsOf(history.Hint)))
        {
            return [new Place(asked.Find(place => place.Key == lasting.Mark.Key).End, lasting)];
        }

        return here is { } found ? [found] : [];
    }

    /// <summary>
    /// The known turns at places of an unstored history, the last one first. The lasting index is not asked: what a
    /// database is asked may stand in its log. Other processes are asked for the places behind those known here.
    /// </summary>
    private async ValueTask<IReadOnlyList<Place>> FindUnstoredAsync(
        string tenant, ResentHistory history, CancellationToken cancellationToken)
    {
        var (here, asked) = (new List<Place>(), new List<(HistoryEnd End, Digest Key)>());
        foreach (var end in history.Ends.Reverse().Take(LookUpsMax).TakeWhile(_ => here.Count < AsksMax))
        {
            if (FindHere(tenant, history, end.Context) is { } parent)
            {
                here.Add(new Place(end, parent));
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
                .Select(entry => new Place(place.End, new KnownTurn(entry.Mark, entry.Response))))
                .Concat(here).Take(AsksMax),
        ];
    }

    private async ValueTask<IReadOnlyList<HistoryEntry>> AskElsewhereAsync(
        string tenant, IReadOnlyList<Digest> keys, ulong hint, CancellationToken cancellationToken)
    {
        try
        {
            return await FindElsewhere!(tenant, keys, hint, cancellationToken)
                .AsTask().WaitAsync(ElsewhereTime, _known.Time, cancellationToken);
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
            var turn = _known.Find(tenant, scope.KeyOf(context), history.Hint);
            if (turn?.IsOf(history.Hint) == true)
            {
                return turn;
            }

            found ??= turn;
        }

        return found;
    }

    /// <summary>Asks the conversation, which may have to be opened, and compares its digest.</summary>
    /// <returns>Null: it did not answer.</returns>
    private async ValueTask<bool?> MayContinueAsync(
        StartTurn start, Place place, CancellationToken cancellationToken)
    {
        var response = place.Parent.Response;
        try
        {
            var turn = new TurnAddress(start.Key.Tenant, response, start.Lease);
            if ((response.Turn.IsStored ? _find(turn.Key) : _findWarm(turn.Key)) is not { } calls)
            {
                _known.Remove(turn);
                return false;
            }

            var answer = await calls.MayContinueAsync(turn, place.End.Context, cancellationToken)
                .WaitAsync(_hasAnswer ? OpenTime : FirstOpenTime, _known.Time, cancellationToken);
            _hasAnswer = true;
            return answer is { Kind: AnswerKind.Given, Value: true };
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // It takes too long, its process is gone, or is of a build that does not know the question.
            _known.NotAsked(response.Conversation, e);
            return null;
        }
    }

    /// <summary>A history, and what is known of it.</summary>
    /// <param name="History">The history; null: the create brings none.</param>
    /// <param name="Places">What it may continue, the last place first; null with the history.</param>
    private readonly record struct Found(ResentHistory? History, IReadOnlyList<Place>? Places);

    /// <summary>A place in a history, and a turn that ended there.</summary>
    private readonly record struct Place(HistoryEnd End, KnownTurn Parent);
}
