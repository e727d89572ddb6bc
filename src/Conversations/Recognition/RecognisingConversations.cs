using System.Runtime.CompilerServices;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Recognition;

/// <summary>
/// <see cref="IConversations"/> that continue the conversation that holds a create's history. The create goes there
/// with the items that are new. Where anything speaks against that, the create begins a new conversation as it came.
/// </summary>
/// <param name="inner">The conversations.</param>
/// <param name="find">Finds a conversation's calls.</param>
/// <param name="known">The turns that histories may continue.</param>
public sealed class RecognisingConversations(
    IConversations inner, Func<ConversationKey, IConversationCalls> find, RecognitionIndex known) : IConversations
{
    // Each look-up is a hash of 64 bytes. A history that parts from what is known further back is as good as another.
    private const int LookUpsMax = 64;

    // A warm conversation answers within a millisecond. A long one takes about as long to read as to begin anew.
    private static readonly TimeSpan OpenTime = TimeSpan.FromMilliseconds(50);

    /// <inheritdoc/>
    public async ValueTask<ResponseId> StartTurnAsync(StartTurn start, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(start);

        // A key fixes the conversation, and so where a retry looks for its turn.
        if (start is { MayBeKnown: true, IsKeyed: false } && ResentHistory.Read(start) is { } history)
        {
            if (await ContinueAsync(start, history, cancellationToken) is { } continued)
            {
                return continued;
            }

            known.Count("unknown");
            start = start with { Digests = history.Digests };
        }

        return await inner.StartTurnAsync(start, cancellationToken);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<EventBatch> ReadEventsAsync(TurnAddress turn, int from,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var batch in inner.ReadEventsAsync(turn, from, cancellationToken))
        {
            if (batch is { IsLast: true, HistoryKey: { } key })
            {
                // Before the client has it: its next create may come at once.
                known.Add(turn.Tenant, key, turn.Response);
            }

            yield return batch;
        }
    }

    /// <inheritdoc/>
    public ValueTask DeleteAsync(TurnAddress turn, CancellationToken cancellationToken)
    {
        known.Remove(turn);
        return inner.DeleteAsync(turn, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask CancelAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        inner.CancelAsync(turn, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> GetAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        inner.GetAsync(turn, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> GetOutputItemAsync(TurnAddress turn, int index,
        CancellationToken cancellationToken) => inner.GetOutputItemAsync(turn, index, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ListInputItemsAsync(TurnAddress turn, ItemPage page,
        CancellationToken cancellationToken) => inner.ListInputItemsAsync(turn, page, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ListTurnsAsync(ConversationKey key, int after, int limit,
        CancellationToken cancellationToken) => inner.ListTurnsAsync(key, after, limit, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ListLiveAsync(
        ConversationKey key, long since, CancellationToken cancellationToken) =>
        inner.ListLiveAsync(key, since, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> GetContextAsync(
        ConversationKey key, TurnId turn, int rendered, CancellationToken cancellationToken) =>
        inner.GetContextAsync(key, turn, rendered, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ConversationPage> FindAsync(ConversationQuery query, CancellationToken cancellationToken) =>
        inner.FindAsync(query, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<Verification> VerifyAsync(ConversationKey key, CancellationToken cancellationToken) =>
        inner.VerifyAsync(key, cancellationToken);

    /// <inheritdoc/>
    public ValueTask HoldAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken) =>
        inner.HoldAsync(key, lease, cancellationToken);

    /// <inheritdoc/>
    public ValueTask ReleaseAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken) =>
        inner.ReleaseAsync(key, lease, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
        CancellationToken cancellationToken) => inner.ListAsync(tenant, after, limit, cancellationToken);

    /// <summary>Continues the turn at the last place of the history that is known.</summary>
    /// <returns>The response; null where the create must begin a new conversation.</returns>
    private async ValueTask<ResponseId?> ContinueAsync(
        StartTurn start, ResentHistory history, CancellationToken cancellationToken)
    {
        var (end, parent) = Find(start.Key.Tenant, history);
        if (parent is null || !await MayContinueAsync(start, parent.Response, end.Context, cancellationToken))
        {
            return null;
        }

        try
        {
            var next = history.Continue(parent.Response, end.Count);
            var response = await inner.StartTurnAsync(next, cancellationToken);
            known.Count(parent.IsContinued ? "forked" : "recognised");
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

    private (HistoryEnd End, KnownTurn? Parent) Find(string tenant, ResentHistory history)
    {
        var last = history.Ends.Count - 1;
        for (var i = last; i >= 0 && i > last - LookUpsMax; i--)
        {
            if (known.Find(tenant, history.Scope.KeyOf(history.Ends[i].Context)) is { } parent)
            {
                return (history.Ends[i], parent);
            }
        }

        return default;
    }

    /// <summary>Asks the conversation, which may have to be opened, and compares its digest.</summary>
    private async ValueTask<bool> MayContinueAsync(
        StartTurn start, ResponseId response, Digest context, CancellationToken cancellationToken)
    {
        try
        {
            var turn = new TurnAddress(start.Key.Tenant, response, start.Lease);
            var answer = await find(turn.Key).MayContinueAsync(turn, context, cancellationToken)
                .WaitAsync(OpenTime, known.Time, cancellationToken);
            return answer is { Kind: AnswerKind.Given, Value: true };
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            // It takes too long, its process is gone, or is of a build that does not know the question.
            return false;
        }
    }
}
