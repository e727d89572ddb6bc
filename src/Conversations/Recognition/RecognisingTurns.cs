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
    private readonly ITurns _inner;
    private readonly RecognitionIndex _known;
    private readonly HistorySearch _search;

    /// <summary>The same turns, some of which are continued by histories.</summary>
    /// <param name="inner">The turns.</param>
    /// <param name="find">Finds a conversation's calls.</param>
    /// <param name="findWarm">The same if it may be warm; null: it is not, and so holds no unstored turn.</param>
    /// <param name="known">The turns that histories may continue.</param>
    public RecognisingTurns(ITurns inner, Func<ConversationKey, IConversationCalls> find,
        Func<ConversationKey, IConversationCalls?> findWarm, RecognitionIndex known)
    {
        ArgumentNullException.ThrowIfNull(known);
        (_inner, _known) = (inner, known);
        _search = new HistorySearch(known, new PlaceQuestions(find, findWarm, known));
        known.IsAsked = true;
    }

    /// <summary>
    /// Asks other processes for unstored turns of a tenant, by their keys and a hint: at most one turn for each key.
    /// Null: there are none.
    /// </summary>
    public Func<string, IReadOnlyList<Digest>, ulong, CancellationToken, ValueTask<IReadOnlyList<HistoryEntry>>>?
        FindElsewhere
    {
        init => _search.FindElsewhere = value;
    }

    /// <inheritdoc/>
    public async ValueTask<ResponseId> StartTurnAsync(StartTurn start, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(start);

        // A key fixes the conversation, and so where a retry looks for its turn.
        if (start is not { MayBeKnown: true, IsKeyed: false } ||
            !_known.IsOnFor(start.Key.Tenant, !start.IsUnstored))
        {
            return await _inner.StartTurnAsync(start, cancellationToken);
        }

        var found = await _search.FindAsync(start, start.Known, cancellationToken);
        if (found is not { Turns: [_, ..] } && start.Known is not null)
        {
            // What was read before was left out. A turn may be known that ended in it.
            found = await _search.FindAsync(start, prefix: null, cancellationToken);
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

    /// <summary>Continues the first turn that was found and may be continued.</summary>
    /// <returns>The response; null where the create must begin a new conversation.</returns>
    private async ValueTask<ResponseId?> ContinueAsync(
        StartTurn start, FoundParents found, CancellationToken cancellationToken)
    {
        foreach (var turn in found.Turns)
        {
            var answer = await _search.PlaceOfAsync(start, turn, cancellationToken);
            if (answer.Place is { } place)
            {
                return await ContinueAsync(start, found.History!, turn, place, cancellationToken);
            }

            if (!answer.IsGiven)
            {
                return null;
            }
        }

        return null;
    }

    private async ValueTask<ResponseId?> ContinueAsync(StartTurn start, ResentHistory history, FoundParent turn,
        HistoryPlace place, CancellationToken cancellationToken)
    {
        var parent = turn.Parent;
        if (!history.IsStored && start.Holds is { } holds)
        {
            await holds(parent.Response.Conversation);
        }

        try
        {
            var next = (history.CanContinue(turn.End, place) ? history : ResentHistory.Read(start)!)
                .Continue(parent.Response, turn.End, place);
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
}
