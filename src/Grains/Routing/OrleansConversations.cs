using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Grains.Calls;

namespace Evergrain.Grains.Routing;

/// <summary>
/// Conversations of a cluster, as a frontend asks for them. It finds a conversation's grain by its key, asks again when
/// a silo dies or an activation ends, for a bounded time, and reads on where it was.
/// </summary>
public sealed partial class OrleansConversations : IConversations
{
    private readonly ClusterAccess _cluster;
    private readonly IJournal _journal;
    private readonly IIdSource _ids;
    private readonly TimeProvider _time;
    private readonly ConversationClusterOptions _options;

    /// <summary>A router.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="journal">Lists conversations; nothing else is read or written here.</param>
    /// <param name="ids">Names readers, spreads retries.</param>
    /// <param name="time">The clock of retries.</param>
    /// <param name="options">The bounds.</param>
    internal OrleansConversations(ClusterAccess cluster, IJournal journal, IIdSource ids, TimeProvider time,
        ConversationClusterOptions options) =>
        (_cluster, _journal, _ids, _time, _options) = (cluster, journal, ids, time, options);

    /// <inheritdoc/>
    public async ValueTask<ResponseId> StartTurnAsync(StartTurn start, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(start);

        // The one copy on the way to a co-hosted grain. A call that timed out may still be read there when the caller
        // has gone on and used its buffer for something else.
        var owned = start with { Create = start.Create.ToArray() };
        var started = await AskAsync(start.Key, StartRequest.Of(owned), cancellationToken);
        if (started.Missing is { } missing)
        {
            var references = await ForeignItems.FetchAsync(this, start, missing, cancellationToken);
            started = await AskAsync(
                start.Key, StartRequest.Of(owned with { References = references }), cancellationToken);
        }

        if (started.Missing is not null)
        {
            throw new InvalidOperationException("A start asks for items that it was given.");
        }

        return new ResponseId(start.Key.Id, started.Turn);
    }

    /// <inheritdoc/>
    public async ValueTask CancelAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        await AskAsync(turn.Key, grain => grain.Cancel(RequestFor(turn)), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>> GetAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        (await AskAsync(turn.Key, grain => grain.Get(RequestFor(turn)), cancellationToken)).Bytes;

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>> GetOutputItemAsync(TurnAddress turn, int index,
        CancellationToken cancellationToken) =>
        (await AskAsync(turn.Key, grain => grain.GetOutputItem(RequestFor(turn), index), cancellationToken)).Bytes;

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>> ListInputItemsAsync(TurnAddress turn, ItemPage page,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(page);
        var list = await AskAsync(turn.Key, grain =>
            grain.ListInputItems(RequestFor(turn), page.Limit, page.Ascending, page.After), cancellationToken);
        return list.Bytes;
    }

    /// <inheritdoc/>
    public async ValueTask DeleteAsync(TurnAddress turn, CancellationToken cancellationToken)
    {
        var patience = NewPatience();
        try
        {
            await AskAsync(turn.Key, grain => grain.Delete(RequestFor(turn)), patience, cancellationToken);
        }
        catch (ConversationException e) when (patience.HasFailed && e.Refusal.Kind == RefusalKind.NotFound)
        {
            // A try whose answer was lost has done it, as far as anyone can tell.
        }
    }

    /// <inheritdoc/>
    public async ValueTask HoldAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken) =>
        await PassAsync(key, grain => grain.Hold(lease), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask ReleaseAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken) =>
        await PassAsync(key, grain => grain.Release(lease), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
        CancellationToken cancellationToken) => _journal.ListAsync(tenant, after, limit, cancellationToken);

    private ValueTask<StartedTurn> AskAsync(ConversationKey key, StartRequest request,
        CancellationToken cancellationToken) => AskAsync(key, grain => grain.StartTurn(request), cancellationToken);

    private ValueTask<T> AskAsync<T>(ConversationKey key, Func<IConversationGrain, Task<Answer<T>>> ask,
        CancellationToken cancellationToken) => AskAsync(key, ask, NewPatience(), cancellationToken);

    private async ValueTask PassAsync(ConversationKey key, Func<IConversationGrain, Task<Answer<bool>>> ask,
        CancellationToken cancellationToken)
    {
        PassingCalls.Begin();
        await AskAsync(key, ask, cancellationToken);
    }

    /// <summary>Asks the conversation's grain; again, where it was lost on the way or the activation is over.</summary>
    private async ValueTask<T> AskAsync<T>(ConversationKey key, Func<IConversationGrain, Task<Answer<T>>> ask,
        Patience patience, CancellationToken cancellationToken)
    {
        var grain = GrainOf(key);
        while (true)
        {
            Exception? failed = null;
            using var asking = _cluster.UnlessLost(cancellationToken);
            try
            {
                var answer = await ask(grain).WaitAsync(asking?.Token ?? cancellationToken);
                switch (answer.Kind)
                {
                    case AnswerKind.Given:
                        return answer.Value!;
                    case AnswerKind.Refused:
                        throw new ConversationException(answer.Refusal!);
                }
            }
            catch (Exception e) when (MayPass(e, cancellationToken))
            {
                failed = e;
            }

            await patience.PauseAsync(failed, cancellationToken);
        }
    }

    private IConversationGrain GrainOf(ConversationKey key) =>
        _cluster.Grains.GetGrain<IConversationGrain>(ConversationGrainKey.Format(key));

    private Patience NewPatience() => new(_options.RetryTime, _time, _ids);

    private static TurnRequest RequestFor(TurnAddress turn) => new(turn.Response.Turn, turn.Lease);

    /// <summary>
    /// Whether asking again may help: a timeout, a silo that died or is going, an enumeration whose activation ended, a
    /// connection that was lost.
    /// </summary>
    private static bool MayPass(Exception e, CancellationToken cancellationToken) => e switch
    {
        ConversationException => false,
        OperationCanceledException => !cancellationToken.IsCancellationRequested,
        TimeoutException or OrleansException or EnumerationAbortedException => true,
        _ => false,
    };
}
