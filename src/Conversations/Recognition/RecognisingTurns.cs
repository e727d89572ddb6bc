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

    // A warm conversation answers within a millisecond. A long one takes about as long to read as to begin anew.
    private static readonly TimeSpan OpenTime = TimeSpan.FromMilliseconds(50);

    // What a process does for the first time takes it longer. After a restart that is when histories come.
    private static readonly TimeSpan FirstOpenTime = TimeSpan.FromSeconds(1);

    private readonly ITurns _inner;
    private readonly Func<ConversationKey, IConversationCalls> _find;
    private readonly RecognitionIndex _known;
    private volatile bool _hasAnswer;

    /// <summary>The same turns, some of which are continued by histories.</summary>
    /// <param name="inner">The turns.</param>
    /// <param name="find">Finds a conversation's calls.</param>
    /// <param name="known">The turns that histories may continue.</param>
    public RecognisingTurns(
        ITurns inner, Func<ConversationKey, IConversationCalls> find, RecognitionIndex known)
    {
        ArgumentNullException.ThrowIfNull(known);
        (_inner, _find, _known) = (inner, find, known);
        known.IsAsked = true;
    }

    /// <inheritdoc/>
    public async ValueTask<ResponseId> StartTurnAsync(StartTurn start, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(start);

        // A key fixes the conversation, and so where a retry looks for its turn.
        if (start is not { MayBeKnown: true, IsKeyed: false } || !_known.IsOnFor(start.Key.Tenant))
        {
            return await _inner.StartTurnAsync(start, cancellationToken);
        }

        var found = await LookUpAsync(start, start.Known, cancellationToken);
        if (found is { Parent: null } && start.Known is not null)
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

    /// <summary>Reads a create's history, and finds the turn at its last place that is known.</summary>
    private async ValueTask<Found> LookUpAsync(
        StartTurn start, KnownPrefix? known, CancellationToken cancellationToken)
    {
        if (ResentHistory.Read(start, known) is not { } history)
        {
            return default;
        }

        var (end, parent) = await FindAsync(start.Key.Tenant, history, cancellationToken);
        return new Found(history, end, parent);
    }

    /// <summary>Continues the turn that was found.</summary>
    /// <returns>The response; null where the create must begin a new conversation.</returns>
    private async ValueTask<ResponseId?> ContinueAsync(
        StartTurn start, Found found, CancellationToken cancellationToken)
    {
        var (history, end, parent) = found;
        if (parent is null || !await MayContinueAsync(start, parent.Response, end.Context, cancellationToken))
        {
            return null;
        }

        try
        {
            var next = history!.Continue(parent.Response, end.Count);
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
    /// The known turn at the last place of the history. The lasting index is asked for the places behind the one that
    /// is known in memory, and for that one too where the turn in memory is of another chat.
    /// </summary>
    private async ValueTask<(HistoryEnd End, KnownTurn? Parent)> FindAsync(
        string tenant, ResentHistory history, CancellationToken cancellationToken)
    {
        var asked = new List<(HistoryEnd End, Digest Key)>();
        (HistoryEnd End, KnownTurn? Parent) here = default;
        foreach (var end in history.Ends.Reverse().Take(LookUpsMax))
        {
            var key = history.Scope.KeyOf(end.Context);
            here = (end, _known.Find(tenant, key, history.Hint));
            if (here.Parent is not { } parent || !parent.IsOf(history.Hint))
            {
                asked.Add((end, key));
            }

            if (here.Parent is not null)
            {
                break;
            }
        }

        if (asked.Count == 0)
        {
            return here;
        }

        var lasting = await _known.FindLastingAsync(
            tenant, asked.ConvertAll(static place => place.Key), history.Hint, cancellationToken);
        return lasting is null || (lasting.Mark.Key == here.Parent?.Mark.Key && !lasting.IsOf(history.Hint))
            ? here
            : (asked.Find(place => place.Key == lasting.Mark.Key).End, lasting);
    }

    /// <summary>Asks the conversation, which may have to be opened, and compares its digest.</summary>
    private async ValueTask<bool> MayContinueAsync(
        StartTurn start, ResponseId response, Digest context, CancellationToken cancellationToken)
    {
        try
        {
            var turn = new TurnAddress(start.Key.Tenant, response, start.Lease);
            var answer = await _find(turn.Key).MayContinueAsync(turn, context, cancellationToken)
                .WaitAsync(_hasAnswer ? OpenTime : FirstOpenTime, _known.Time, cancellationToken);
            _hasAnswer = true;
            return answer is { Kind: AnswerKind.Given, Value: true };
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // It takes too long, its process is gone, or is of a build that does not know the question.
            _known.NotAsked(response.Conversation, e);
            return false;
        }
    }

    /// <summary>A history, and what is known of it.</summary>
    /// <param name="History">The history; null: the create brings none.</param>
    /// <param name="End">The place where the turn ended.</param>
    /// <param name="Parent">The turn; null: none is known.</param>
    private readonly record struct Found(ResentHistory? History, HistoryEnd End, KnownTurn? Parent);
}
